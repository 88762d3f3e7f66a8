import { connect, createServer, type Server, type Socket } from "node:net"
import type { Random } from "../../src/base/random.ts"

/**
 * What a network does to a connection. `delay` holds each chunk back for a while, `trickle` delivers a few octets at a
 * time, `cut` ends the connection in the middle of the next chunk, and in a `blackhole` nothing arrives, no octet, FIN
 * or RST, until the weather changes.
 */
export type Weather = "clear" | "delay" | "trickle" | "blackhole" | "cut"

const DELAY_MS = { least: 5, most: 60 }
const TRICKLE_OCTETS = 40

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/** A TCP relay on loopback whose network can be made bad at any time, for connections that are open and to come. */
export class FaultyRelay {
  port = 0
  #weather: Weather = "clear"
  #waiting: (() => void)[] = []
  readonly #to: number
  readonly #random: Random
  readonly #server: Server
  readonly #pairs = new Set<Pair>()

  private constructor(to: number, random: Random) {
    this.#to = to
    this.#random = random
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#relay(near))
  }

  static async start(to: number, random: Random): Promise<FaultyRelay> {
    const relay = new FaultyRelay(to, random)
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve))
    relay.port = (relay.#server.address() as { port: number }).port
    return relay
  }

  set weather(weather: Weather) {
    this.#weather = weather
    if (weather === "blackhole") return
    for (const go of this.#waiting.splice(0)) go()
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Resets every connection on both sides. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    this.#pairs.clear()
  }

  close(): void {
    this.#server.close()
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  #relay(near: Socket): void {
    const far = connect({ port: this.#to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    const pair = { near, far }
    this.#pairs.add(pair)
    this.#oneWay(pair, near, far)
    this.#oneWay(pair, far, near)
    for (const socket of [near, far]) {
      socket.on("error", () => {})
      socket.on("close", () => void this.#passable().then(() => this.#end(pair)))
    }
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.near.destroy()
    pair.far.destroy()
  }

  /** Chunks go on one after the other, so delays never change their order. */
  #oneWay(pair: Pair, from: Socket, to: Socket): void {
    let last = Promise.resolve()
    from.on("data", (octets) => {
      from.pause()
      last = last.then(() => this.#deliver(pair, octets, to)).then(() => void from.resume())
    })
    from.on("end", () => {
      last = last.then(() => this.#passable()).then(() => void to.end())
    })
  }

  async #deliver(pair: Pair, octets: Buffer, to: Socket): Promise<void> {
    await this.#passable()
    const weather = this.#weather
    if (weather === "cut") {
      await write(to, octets.subarray(0, this.#below(octets.length)))
      return this.#end(pair)
    }
    if (weather === "delay") await pause(DELAY_MS.least + this.#below(DELAY_MS.most - DELAY_MS.least))
    if (weather !== "trickle") return write(to, octets)
    for (let at = 0; at < octets.length; ) {
      const next = at + 1 + this.#below(TRICKLE_OCTETS)
      await write(to, octets.subarray(at, next))
      at = next
    }
  }

  #passable(): Promise<void> {
    if (this.#weather !== "blackhole") return Promise.resolve()
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

/** Resolves when there is room for more, or never will be. */
function write(socket: Socket, octets: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || octets.length === 0) resolve()
    else socket.write(octets, () => resolve())
  })
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
