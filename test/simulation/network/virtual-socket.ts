import { EventEmitter } from "node:events"
import type { OnOctets } from "../../../src/net/shared-read.ts"
import type { Pipe, PipeSink } from "./pipe.ts"
import type { Scheduler } from "./scheduler.ts"

const NOTHING = (): void => {}

/** What the socket tells the connection it is an end of. */
export interface SocketHost {
  /** Nothing can be written or read here any more. */
  onDestroyed(): void
  /** Octets go out: the wire's observer sees them in the order they were written. */
  onWritten(octets: Buffer): void
  /** Octets are about to be read. */
  onRead(octets: number): void
  /** What a socket of Node would not forgive. */
  onMisuse(what: string): void
}

/**
 * The balancer's end of a virtual connection: as much of `node:net`'s Socket as Sluice uses, with its order of events.
 * Callbacks and events come in turns of their own; `allowHalfOpen` is false, so the peer's end is answered with ours.
 */
export class VirtualSocket extends EventEmitter implements PipeSink {
  destroyed = false
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress = "192.0.2.80"
  readonly localPort = 8080
  readonly #scheduler: Scheduler
  readonly #onOctets: OnOctets
  readonly #host: SocketHost
  #out: Pipe | null = null
  #in: Pipe | null = null
  #isEnded = false
  #isPeerEnded = false
  #isFinished = false

  constructor(
    scheduler: Scheduler,
    remote: { address: string; port: number },
    onOctets: OnOctets,
    host: SocketHost,
  ) {
    super()
    this.#scheduler = scheduler
    this.remoteAddress = remote.address
    this.remotePort = remote.port
    this.#onOctets = onOctets
    this.#host = host
  }

  /** Its two directions, once they exist: `out` carries what is written, `incoming` brings what is read. */
  attach(out: Pipe, incoming: Pipe): void {
    this.#out = out
    this.#in = incoming
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  cork(): void {}

  uncork(): void {}

  write(octets: Buffer, onSent: () => void = NOTHING): boolean {
    if (this.destroyed) this.#later(onSent)
    else if (this.#isPeerEnded) {
      // Node: EPIPE, "This socket has been ended by the other party".
      this.#later(onSent)
      this.destroy(Object.assign(new Error("ended by the other party"), { code: "EPIPE" }))
    } else if (this.#isEnded) this.#host.onMisuse("write after end")
    else {
      this.#host.onWritten(octets)
      this.#out!.write(octets, () => this.#scheduler.runBalancer(onSent))
    }
    return true
  }

  end(): void {
    if (this.destroyed || this.#isEnded) return
    this.#isEnded = true
    // Behind what was written before it.
    this.#out!.write(Buffer.alloc(0), () => {
      if (this.destroyed) return
      this.#out!.end()
      this.#isFinished = true
      if (this.#isPeerEnded) this.destroy()
    })
  }

  /** In a turn of its own. */
  #later(callback: () => void): void {
    this.#scheduler.in(0, () => this.#scheduler.runBalancer(callback))
  }

  pause(): this {
    this.#in!.pause()
    return this
  }

  resume(): this {
    if (!this.destroyed) this.#in!.resume()
    return this
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    for (const onSent of this.#out!.abandonWrites()) this.#later(onSent)
    this.#host.onDestroyed()
    this.#later(() => {
      if (error !== undefined) this.emit("error", error)
      this.emit("close")
    })
    return this
  }

  /** A reset and an end are told apart by no party here. */
  resetAndDestroy(): this {
    return this.destroy()
  }

  // ---- PipeSink -----------------------------------------------------------------------------------------------

  onOctets(octets: Buffer, length: number): void {
    if (this.destroyed) return
    this.#host.onRead(length)
    this.#scheduler.runBalancer(() => this.#onOctets(octets, length))
  }

  onEnd(): void {
    if (this.destroyed) return
    this.#isPeerEnded = true
    this.#scheduler.runBalancer(() => this.emit("end"))
    if (this.#isFinished) this.destroy()
    else this.#scheduler.in(0, () => this.end())
  }
}
