import { NO_OUTPUT } from "../../http2/output.ts"
import type { LinkUser } from "../../net/link.ts"
import { type Protocol, protocolOf } from "../../net/protocol.ts"
import { readProxyHeader } from "../../net/proxy-protocol.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { ClientConnection, StreamOwner } from "./client-connection.ts"
import type { DownstreamOptions } from "./downstream.ts"
import type { OpenListener } from "./listener-view.ts"

export interface ProtocolDetectorOptions {
  /** What its connection will be made from. */
  client: DownstreamOptions
  /** Makes the connection that goes on from here, in this one's place. */
  choose(protocol: Protocol, first: ProtocolDetector): ClientConnection & LinkUser
}

const NO_STREAMS: readonly StreamOwner[] = []

/** A client that has not said yet whether it speaks HTTP/2 or HTTP/1. Holds at most one request line. */
export class ProtocolDetector implements ClientConnection, LinkUser {
  readonly client: DownstreamOptions
  readonly streams = NO_STREAMS
  readonly output = NO_OUTPUT
  readonly shouldPauseReading = false
  readonly #choose: ProtocolDetectorOptions["choose"]
  #held: Buffer | null = null
  #isProxyHeaderDue: boolean
  #isClosed = false

  constructor({ client, choose }: ProtocolDetectorOptions) {
    this.client = client
    this.#choose = choose
    // A client without one is turned away.
    this.#isProxyHeaderDue = client.listener.proxyProtocol
    client.link.use(this)
  }

  get record(): ConnectionRecord {
    return this.client.record
  }

  get openListener(): OpenListener {
    return this.client.openListener
  }

  receive(octets: Buffer, start: number, end: number): void {
    const held = this.#held
    if (held === null && !this.#isProxyHeaderDue) return this.#detect(octets, start, end)
    const all =
      held === null ? octets.subarray(start, end) : Buffer.concat([held, octets.subarray(start, end)])
    this.#held = null
    const from = this.#isProxyHeaderDue ? this.#readProxyHeader(all) : 0
    if (from >= 0) this.#detect(all, from, all.length)
  }

  /** Hands on to whoever speaks what has begun, or waits for more. */
  #detect(octets: Buffer, start: number, end: number): void {
    if (start === end) return
    const protocol = protocolOf(octets, start, end, this.client.context.limits.http1HeadOctets)
    if (protocol !== null) this.#choose(protocol, this).receive(octets, start, end)
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
    const { sinceMs, context } = this.client
    if (nowMs - sinceMs <= context.limits.prefaceTimeoutMs) return
    // HTTP/2 says so with GOAWAY; a proxy that did not speak its protocol would not understand that.
    if (this.#isProxyHeaderDue) this.#close()
    else this.#choose("http2", this).tick(nowMs)
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

  /** Comes twice where we began it: the socket's end follows. */
  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.client.link.destroy()
    this.client.onClosed(this)
  }
}
