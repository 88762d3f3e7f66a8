import { Output } from "../http2/output.ts"
import type { Link, LinkUser } from "../net/link.ts"
import { type Protocol, protocolOf } from "../net/protocol.ts"
import type { ClientConnection, StreamOwner } from "./client-connection.ts"
import type { ConnectionRecord } from "./record.ts"

export interface FirstOctetsOptions {
  record: ConnectionRecord
  link: Link
  nowMs: number
  /** Most octets of a request line. */
  lineOctetsMax: number
  /** Longest wait for what says the protocol. */
  timeoutMs: number
  /** Makes the connection that goes on from here, in this one's place. `sinceMs` is when the client came. */
  choose(protocol: Protocol, sinceMs: number): ClientConnection & LinkUser
  onClosed(connection: ClientConnection): void
}

const NO_STREAMS: readonly StreamOwner[] = []

/** A client that has not said yet whether it speaks HTTP/2 or HTTP/1. Holds at most one request line. */
export class FirstOctets implements ClientConnection, LinkUser {
  readonly record: ConnectionRecord
  readonly streams = NO_STREAMS
  readonly output = new Output(() => {})
  readonly shouldPauseReading = false
  readonly #options: FirstOctetsOptions
  #held: Buffer | null = null

  constructor(options: FirstOctetsOptions) {
    this.record = options.record
    this.#options = options
    options.link.use(this)
  }

  receive(octets: Buffer, start: number, end: number): void {
    const { lineOctetsMax } = this.#options
    if (this.#held !== null) {
      const held = Buffer.concat([this.#held, octets.subarray(start, end)])
      this.#held = held
      const protocol = protocolOf(held, 0, held.length, lineOctetsMax)
      if (protocol !== null) this.#choose(protocol).receive(held, 0, held.length)
      return
    }
    const protocol = protocolOf(octets, start, end, lineOctetsMax)
    if (protocol !== null) this.#choose(protocol).receive(octets, start, end)
    else this.#held = Buffer.from(octets.subarray(start, end))
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  drained(): void {}

  tick(nowMs: number): void {
    const { nowMs: sinceMs, timeoutMs } = this.#options
    // HTTP/2 says so with GOAWAY.
    if (nowMs - sinceMs > timeoutMs) this.#choose("http2").tick(nowMs)
  }

  drain(): void {
    this.#close()
  }

  abort(_reason: string): void {
    this.#close()
  }

  #choose(protocol: Protocol): ClientConnection & LinkUser {
    return this.#options.choose(protocol, this.#options.nowMs)
  }

  #close(): void {
    this.#options.link.destroy()
    this.#options.onClosed(this)
  }
}
