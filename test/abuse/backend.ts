import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { block, type Field } from "./hpack.ts"
import { firstValue, Peer } from "./peer.ts"
import * as wire from "./wire.ts"

/** What a backend saw of one call. */
export interface Call {
  connection: Peer
  streamId: number
  path: string
  fields: Field[]
  trailers: Field[]
  octets: number
  ended: boolean
}

const RESPONSE = block([
  [":status", "200"],
  ["content-type", "application/grpc"],
])
const TRAILERS = block([["grpc-status", "0"]])
const BIG_OCTETS = 1_000_000
const CHUNK = Buffer.alloc(16_384, "a")

/**
 * A gRPC-like server on raw frames. The last segment of the path chooses what a call does:
 *
 * - `Echo`: sends back what comes, and trailers once it ends. The default.
 * - `Hold`: never answers.
 * - `Big`:  sends 1 MB as credit allows.
 * - `Stall`: takes what its window allows and gives no more credit.
 * - `Attack`: handed to `onAttack`: a hostile backend.
 */
export class Backend {
  readonly server: Server
  readonly connections = new Set<Peer>()
  /** Calls other than the neighbours' and the suite's own, since `reset`. */
  calls = 0
  connectionsMade = 0
  /** Calls of attackers open at once: now, and at most. */
  attackStreamsOpen = 0
  liveMax = 0
  readonly live = new Map<string, Call>()
  /** Finished and live calls that carried `x-case`, by it. */
  readonly cases = new Map<string, Call>()
  onAttack: ((call: Call) => void) | undefined
  #bulk = new Map<string, { call: Call; left: number; credit: number }>()
  #numbers = new WeakMap<Peer, number>()

  constructor() {
    this.server = createServer((socket) => this.#accept(socket))
    this.server.on("error", () => {})
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject)
      this.server.listen(port, "127.0.0.1", resolve)
    })
    return this
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  reset(): void {
    this.calls = 0
    this.connectionsMade = 0
    this.liveMax = this.attackStreamsOpen
  }

  close(): void {
    for (const peer of this.connections) peer.destroy()
    this.server.close()
  }

  #accept(socket: Socket): void {
    const peer = new Peer(socket, "server")
    this.connections.add(peer)
    this.connectionsMade += 1
    this.#numbers.set(peer, this.connectionsMade)
    socket.on("close", () => {
      this.connections.delete(peer)
      for (const [key, call] of this.live) if (call.connection === peer) this.#forget(key)
    })
    peer.onFrame = (frame, fields) => this.#frame(peer, frame, fields)
    peer.send(wire.settings([[wire.Setting.MAX_CONCURRENT_STREAMS, 10_000]]), wire.windowUpdate(0, 2 ** 30))
  }

  #frame(peer: Peer, frame: wire.Frame, fields: Field[]): void {
    const key = `${this.#numbers.get(peer)}/${frame.streamId}`
    const call = this.live.get(key)
    if (fields.length > 0 && call === undefined) this.#open(peer, frame, fields, key)
    else if (fields.length > 0 && call !== undefined) {
      call.trailers.push(...fields)
      this.#end(key, call)
    } else if (frame.type === wire.FrameType.DATA && call !== undefined) this.#data(key, call, frame)
    else if (frame.type === wire.FrameType.RST_STREAM) this.#forget(key)
    else if (frame.type === wire.FrameType.WINDOW_UPDATE && frame.payload.length === 4) {
      this.#credit(peer, frame.streamId, key, frame.payload.readUInt32BE(0))
    }
  }

  #open(peer: Peer, frame: wire.Frame, fields: Field[], key: string): void {
    const path = firstValue(fields, ":path") ?? ""
    const call: Call = {
      connection: peer,
      streamId: frame.streamId,
      path,
      fields,
      trailers: [],
      octets: 0,
      ended: false,
    }
    this.live.set(key, call)
    if (isAttack(path)) {
      this.calls += 1
      this.attackStreamsOpen += 1
      this.liveMax = Math.max(this.liveMax, this.attackStreamsOpen)
    }
    const name = firstValue(fields, "x-case")
    if (name !== undefined) this.cases.set(name, call)
    peer.streams.delete(frame.streamId)
    const kind = path.split("/").at(-1)
    if (kind === "Attack") this.onAttack?.(call)
    else if (kind === "Big") {
      peer.send(wire.headers(frame.streamId, RESPONSE))
      this.#bulk.set(key, { call, left: BIG_OCTETS, credit: peer.initialWindow })
      this.#pump()
    } else if (kind !== "Hold" && kind !== "Stall") peer.send(wire.headers(frame.streamId, RESPONSE))
    if (frame.type === wire.FrameType.HEADERS && frame.flags & wire.Flag.END_STREAM) this.#end(key, call)
  }

  #data(key: string, call: Call, frame: wire.Frame): void {
    const { connection, streamId, path } = call
    const payload = wire.unpadded(frame)
    call.octets += payload.length
    const kind = path.split("/").at(-1)
    if (frame.payload.length > 0 && kind !== "Stall") {
      connection.send(
        wire.windowUpdate(0, frame.payload.length),
        wire.windowUpdate(streamId, frame.payload.length),
      )
    }
    if (kind === "Echo" && payload.length > 0) connection.send(wire.data(streamId, payload))
    if (frame.flags & wire.Flag.END_STREAM) this.#end(key, call)
  }

  #end(key: string, call: Call): void {
    call.ended = true
    const kind = call.path.split("/").at(-1)
    if (kind === "Hold" || kind === "Big" || kind === "Stall" || kind === "Attack") return
    call.connection.send(wire.headers(call.streamId, TRAILERS, wire.Flag.END_HEADERS | wire.Flag.END_STREAM))
    this.#forget(key)
  }

  #forget(key: string): void {
    const call = this.live.get(key)
    if (call !== undefined && isAttack(call.path)) this.attackStreamsOpen -= 1
    this.live.delete(key)
    this.#bulk.delete(key)
  }

  #credit(peer: Peer, streamId: number, key: string, octets: number): void {
    const bulk = this.#bulk.get(key)
    if (streamId !== 0 && bulk !== undefined) bulk.credit += octets
    if (this.#bulk.size > 0 && !peer.closed) this.#pump()
  }

  #pump(): void {
    for (const [key, bulk] of this.#bulk) {
      const peer = bulk.call.connection
      while (bulk.left > 0 && !peer.closed) {
        const octets = Math.min(bulk.left, bulk.credit, peer.connectionCredit, CHUNK.length)
        if (octets <= 0) break
        bulk.left -= octets
        bulk.credit -= octets
        peer.connectionCredit -= octets
        peer.send(wire.data(bulk.call.streamId, CHUNK.subarray(0, octets)))
      }
      if (bulk.left > 0) continue
      peer.send(wire.headers(bulk.call.streamId, TRAILERS, wire.Flag.END_HEADERS | wire.Flag.END_STREAM))
      this.#forget(key)
    }
  }
}

const isAttack = (path: string): boolean => !path.startsWith("/abuse.Neighbour/")
