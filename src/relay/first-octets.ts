import { NO_OUTPUT } from "../http2/output.ts"
import type { Link, LinkUser } from "../net/link.ts"
import { type Protocol, protocolOf } from "../net/protocol.ts"
import { readProxyHeader } from "../net/proxy-protocol.ts"
import type { ClientConnection, StreamOwner } from "./client-connection.ts"
import type { ConnectionRecord } from "./record.ts"

export interface FirstOctetsOptions {
  record: ConnectionRecord
  link: Link
  nowMs: number
  /** A PROXY protocol header has to come first; a client without one is turned away. */
  expectsProxyHeader: boolean
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
  readonly output = NO_OUTPUT
  readonly shouldPauseReading = false
  readonly #options: FirstOctetsOptions
  #held: Buffer | null = null
  #isProxyHeaderDue: boolean

  constructor(options: FirstOctetsOptions) {
    this.record = options.record
    this.#options = options
    this.#isProxyHeaderDue = options.expectsProxyHeader
    options.link.use(this)
  }

  receive(octets: Buffer, start: number, end: number): void {
    const held = this.#held
    if (held === null && !this.#isProxyHeaderDue) return this.#look(octets, start, end)
    const all =
      held === null ? octets.subarray(start, end) : Buffer.concat([held, octets.subarray(start, end)])
    this.#held = null
    const from = this.#isProxyHeaderDue ? this.#readProxyHeader(all) : 0
    if (from >= 0) this.#look(all, from, all.length)
  }

  /** Hands on to whoever speaks what has begun, or waits for more. */
  #look(octets: Buffer, start: number, end: number): void {
    if (start === end) return
    const protocol = protocolOf(octets, start, end, this.#options.lineOctetsMax)
    if (protocol !== null) this.#choose(protocol).receive(octets, start, end)
    else this.#held = Buffer.from(octets.subarray(start, end))
  }

  /** Where the client's own octets begin; -1 when they have not come, or none will. */
  #readProxyHeader(octets: Buffer): number {
    const header = readProxyHeader(octets)
    if (header === null) {
      this.#held = Buffer.from(octets)
      return -1
    }
    if (header === false) {
      this.#close()
      return -1
    }
    this.#isProxyHeaderDue = false
    this.record.proxied = header.proxied
    return header.octets
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  drained(): void {}

  tick(nowMs: number): void {
    const { nowMs: sinceMs, timeoutMs } = this.#options
    if (nowMs - sinceMs <= timeoutMs) return
    // HTTP/2 says so with GOAWAY; a proxy that did not speak its protocol would not understand that.
    if (this.#isProxyHeaderDue) this.#close()
    else this.#choose("http2").tick(nowMs)
  }

  drain(): void {
    this.#close()
  }

  get overflowOctets(): number {
    return 0
  }

  cut(): void {
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
