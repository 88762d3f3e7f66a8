import { setTimeout as pause } from "node:timers/promises"
import { block } from "./hpack.ts"
import { describeStream, Peer, request } from "./peer.ts"
import * as wire from "./wire.ts"

export interface NeighbourReport {
  echoes: number
  /** The longest wait for an echo. */
  slowestMs: number
  /** Why the stream was not left alone; empty when it was. */
  harm: string
}

const INTERVAL_MS = 20
const PATIENCE_MS = 5000

/** An honest client: one open stream, a numbered message every 20 ms, each awaited before the next. */
export class Neighbour {
  readonly peer: Peer
  #echoes = 0
  #slowestMs = 0
  #harm = ""
  #stopping = false
  #received = ""
  #loop: Promise<void>

  private constructor(peer: Peer) {
    this.peer = peer
    this.#loop = this.#talk()
  }

  /** `path` chooses the backend; a path under `/hostile/` shares the hostile backend's connection. */
  static async start(at: { host: string; port: number }, path = "/abuse.Neighbour/Echo"): Promise<Neighbour> {
    const peer = await Peer.connect(at)
    peer.send(wire.headers(1, block(request(path))))
    const neighbour = new Neighbour(peer)
    await peer.until(() => neighbour.#echoes > 0 || neighbour.#harm !== "", 3000)
    return neighbour
  }

  /** Awaits three echoes more, then ends the conversation. */
  async stop(): Promise<NeighbourReport> {
    const goal = this.#echoes + 3
    await this.peer.until(() => this.#echoes >= goal || this.#harm !== "", PATIENCE_MS)
    this.#stopping = true
    await this.#loop
    this.peer.destroy()
    return { echoes: this.#echoes, slowestMs: Math.round(this.#slowestMs), harm: this.#harm }
  }

  async #talk(): Promise<void> {
    const { peer } = this
    peer.onFrame = (frame) => {
      if (frame.type !== wire.FrameType.DATA || frame.streamId !== 1 || frame.payload.length === 0) return
      this.#received += frame.payload.toString("latin1")
      peer.send(wire.windowUpdate(0, frame.payload.length), wire.windowUpdate(1, frame.payload.length))
    }
    const view = peer.stream(1)
    while (!this.#stopping) {
      const message = `message ${this.#echoes} to the neighbour\n`
      const sentMs = performance.now()
      this.#received = ""
      peer.send(wire.data(1, Buffer.from(message)))
      const done = () => this.#received.length >= message.length || view.ended || view.reset !== null
      await peer.until(done, PATIENCE_MS)
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - sentMs)
      if (this.#received !== message) {
        this.#harm = this.#explain(view)
        return
      }
      this.#echoes += 1
      await pause(INTERVAL_MS)
    }
  }

  #explain(view: Parameters<typeof describeStream>[0]): string {
    if (view.ended || view.reset !== null) return describeStream(view)
    if (this.peer.goaway !== null) return `GOAWAY(${wire.errorName(this.peer.goaway.code)})`
    if (this.peer.closed) return "connection closed"
    return this.#received === "" ? `no echo within ${PATIENCE_MS / 1000} s` : "wrong echo"
  }
}
