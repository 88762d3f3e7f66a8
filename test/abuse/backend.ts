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

/** What is still to be sent on one call. */
interface Answer {
  call: Call
  bulk: number
  echo: Buffer[]
  credit: number
  /** Trailers follow what is left. */
  closing: boolean
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
  /** Calls other than honest neighbours', since `reset`. */
  calls = 0
  connectionsMade = 0
  /** Calls of attackers open at once: now, and at most. */
  attackStreamsOpen = 0
  liveMax = 0
  readonly live = new Map<string, Call>()
  /** Finished and live calls that carried `x-case`, by it. */
  readonly cases = new Map<string, Call>()
  onAttack: ((call: Call) => void) | undefined
  readonly #answers = new Map<string, Answer>()
  readonly #numbers = new WeakMap<Peer, number>()
  #nextNumber = 1

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

  /** Starts the account anew; what an earlier attack left open is no longer counted. */
  reset(): void {
    for (const [key, call] of this.live) if (isAttack(call.path)) this.#forget(key)
    this.calls = 0
    this.connectionsMade = 0
    this.liveMax = 0
  }

  close(): void {
    for (const peer of this.connections) peer.destroy()
    this.server.close()
  }

  #accept(socket: Socket): void {
    const peer = new Peer(socket, "server")
    this.connections.add(peer)
    this.connectionsMade += 1
    this.#numbers.set(peer, this.#nextNumber++)
    socket.on("close", () => {
      this.connections.delete(peer)
      for (const [key, call] of this.live) if (call.connection === peer) this.#forget(key)
    })
    peer.onFrame = (frame, fields) => this.#frame(peer, frame, fields)
    peer.send(wire.settings([[wire.Setting.MAX_CONCURRENT_STREAMS, 10_000]]), wire.windowUpdate(0, 2 ** 30))
  }

  #frame(peer: Peer, frame: wire.Frame, fields: Field[] | null): void {
    const key = `${this.#numbers.get(peer)}/${frame.streamId}`
    const call = this.live.get(key)
    if (fields !== null && call === undefined) this.#open(peer, frame.streamId, fields, key)
    else if (fields !== null && call !== undefined) {
      call.trailers.push(...fields)
      if (peer.stream(frame.streamId).ended) this.#end(key, call)
    } else if (frame.type === wire.FrameType.DATA && call !== undefined) this.#data(key, call, frame)
    else if (frame.type === wire.FrameType.RST_STREAM) this.#forget(key)
    else if (frame.type === wire.FrameType.WINDOW_UPDATE) this.#credit(peer, frame, key)
  }

  #open(peer: Peer, streamId: number, fields: Field[], key: string): void {
    const path = firstValue(fields, ":path") ?? ""
    const call: Call = { connection: peer, streamId, path, fields, trailers: [], octets: 0, ended: false }
    this.live.set(key, call)
    if (isAttack(path)) {
      this.calls += 1
      this.attackStreamsOpen += 1
      this.liveMax = Math.max(this.liveMax, this.attackStreamsOpen)
    }
    const name = firstValue(fields, "x-case")
    if (name !== undefined) this.cases.set(name, call)
    const kind = kindOf(call)
    if (kind === "Attack") this.onAttack?.(call)
    if (kind === "Big" || kind === "Echo") {
      peer.send(wire.headers(streamId, RESPONSE))
      const bulk = kind === "Big" ? BIG_OCTETS : 0
      this.#answers.set(key, { call, bulk, echo: [], credit: peer.initialWindow, closing: kind === "Big" })
    }
    if (peer.stream(streamId).ended) this.#end(key, call)
    this.#pump(key)
  }

  #data(key: string, call: Call, frame: wire.Frame): void {
    const payload = wire.unpadded(frame)
    call.octets += payload.length
    const answer = this.#answers.get(key)
    if (answer !== undefined && payload.length > 0) answer.echo.push(Buffer.from(payload))
    const refund = frame.payload.length - (answer === undefined ? 0 : payload.length)
    if (refund > 0 && kindOf(call) !== "Stall") giveCredit(call, refund)
    if (frame.flags & wire.Flag.END_STREAM) this.#end(key, call)
    this.#pump(key)
  }

  #end(key: string, call: Call): void {
    call.ended = true
    const answer = this.#answers.get(key)
    if (answer !== undefined) answer.closing = true
    this.#pump(key)
  }

  #forget(key: string): void {
    const call = this.live.get(key)
    if (call !== undefined && isAttack(call.path)) this.attackStreamsOpen -= 1
    call?.connection.streams.delete(call.streamId)
    this.live.delete(key)
    this.#answers.delete(key)
  }

  #credit(peer: Peer, { streamId, payload }: wire.Frame, key: string): void {
    const answer = this.#answers.get(key)
    if (answer !== undefined) answer.credit += payload.readUInt32BE(0)
    if (streamId !== 0) this.#pump(key)
    else for (const [other, { call }] of this.#answers) if (call.connection === peer) this.#pump(other)
  }

  /** Sends what there is to send of one answer, as far as credit goes. */
  #pump(key: string): void {
    const answer = this.#answers.get(key)
    if (answer === undefined) return
    const { call, echo } = answer
    const peer = call.connection
    while ((echo.length > 0 || answer.bulk > 0) && !peer.closed) {
      const next = echo[0] ?? CHUNK
      const octets = Math.min(
        next.length,
        echo.length > 0 ? Infinity : answer.bulk,
        answer.credit,
        peer.connectionCredit,
      )
      if (octets <= 0) return
      answer.credit -= octets
      peer.connectionCredit -= octets
      peer.send(wire.data(call.streamId, next.subarray(0, octets)))
      if (echo.length === 0) answer.bulk -= octets
      else {
        giveCredit(call, octets)
        if (octets < next.length) echo[0] = next.subarray(octets)
        else echo.shift()
      }
    }
    if (!answer.closing) return
    peer.send(wire.headers(call.streamId, TRAILERS, wire.Flag.END_HEADERS | wire.Flag.END_STREAM))
    this.#forget(key)
  }
}

const isAttack = (path: string): boolean =>
  !path.startsWith("/abuse.Neighbour/") && !(path.startsWith("/hostile/") && path.endsWith("/Echo"))

const kinds = new Set(["Hold", "Big", "Stall", "Attack"])

function kindOf({ path }: Call): string {
  const last = path.slice(path.lastIndexOf("/") + 1)
  return kinds.has(last) ? last : "Echo"
}

function giveCredit({ connection, streamId, ended }: Call, octets: number): void {
  connection.send(wire.windowUpdate(0, octets))
  if (!ended) connection.send(wire.windowUpdate(streamId, octets))
}

export interface Backends {
  echo: Backend
  /** By attack name: a target has to route `/hostile/<name>/` there. */
  hostile: Map<string, Backend>
}
