import { counterIds } from "../../base/counters.ts"
import { NO_OUTPUT } from "../../http2/output.ts"
import { copyUnpooled } from "../../http2/own-octets.ts"
import type { LinkUser } from "../../net/link.ts"
import { mayBeRequest, protocolOf } from "../../net/protocol.ts"
import { readProxyHeader } from "../../net/proxy-protocol.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../call/stream-owner.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { DownstreamOptions } from "./downstream.ts"
import type { OpenListener } from "./listener-view.ts"

/** A protocol that a connection can be made for. */
export type SpokenProtocol = "http2" | "http1"

export interface ProtocolDetectorOptions {
  /** What its connection will be made from. */
  client: DownstreamOptions
  /** Makes the connection that goes on from here, in this one's place. */
  choose(protocol: SpokenProtocol, first: ProtocolDetector): ClientConnection & LinkUser
}

/** When we drain, a client that is silent has this long until its first octets, which were on their way, are here. */
const SILENT_DRAIN_MS = 1000

const NO_STREAMS: readonly StreamOwner[] = []
const NO_OCTETS = Buffer.alloc(0)

/** A client that has not said yet whether it speaks HTTP/2 or HTTP/1. Holds at most one request line. */
export class ProtocolDetector implements ClientConnection, LinkUser {
  place = -1
  readonly client: DownstreamOptions
  readonly streams = NO_STREAMS
  readonly output = NO_OUTPUT
  readonly shouldPauseReading = false
  readonly #choose: ProtocolDetectorOptions["choose"]
  #held: Buffer = NO_OCTETS
  #isProxyHeaderDue: boolean
  /** Infinity: no drain. */
  #drainMs = Number.POSITIVE_INFINITY
  #isClosed = false

  constructor({ client, choose }: ProtocolDetectorOptions) {
    this.client = client
    this.#choose = choose
    // A client without one is turned away. Before TLS of this listener it was read with the handshake.
    const { listener, record } = client
    this.#isProxyHeaderDue = listener.proxyProtocol && (record.tls === null || listener.tls === null)
    client.link.use(this)
  }

  get record(): ConnectionRecord {
    return this.client.record
  }

  get openListener(): OpenListener {
    return this.client.openListener
  }

  receive(octets: Buffer, start: number, end: number): void {
    if (this.#held.length === 0 && !this.#isProxyHeaderDue) return this.#detect(octets, start, end)
    const all = Buffer.concat([this.#held, octets.subarray(start, end)])
    this.#hold(NO_OCTETS, 0, 0)
    const from = this.#isProxyHeaderDue ? this.#readProxyHeader(all) : 0
    if (from >= 0) this.#detect(all, from, all.length)
  }

  /** Hands on to the connection of the protocol that has begun, or waits for more. */
  #detect(octets: Buffer, start: number, end: number): void {
    if (start === end) return
    const { client } = this
    if (client.firstOctetMs < 0) client.firstOctetMs = client.context.clock.now()
    const protocol = protocolOf(octets, start, end, client.context.limits.http1HeadOctets)
    if (protocol === "tls") this.#turnAway("preface_malformed", "TLS on a listener without TLS")
    else if (protocol === null) this.#hold(octets, start, end)
    else {
      const chosen = this.#choose(protocol === "http2" ? "http2" : "http1", this)
      chosen.receive(octets, start, end)
      if (this.#drainMs < Number.POSITIVE_INFINITY) chosen.drain()
    }
  }

  #hold(octets: Buffer, start: number, end: number): void {
    const before = this.#held.length
    this.#held = start === end ? NO_OCTETS : copyUnpooled(octets, start, end)
    this.client.context.budget.add(this.#held.length - before)
  }

  /** Where the client's own octets begin; -1 when they have not come, or none will. */
  #readProxyHeader(octets: Buffer): number {
    const header = readProxyHeader(octets)
    if (header === null) {
      this.#hold(octets, 0, octets.length)
      return -1
    }
    if (header === false) {
      this.#turnAway("preface_malformed", "no PROXY protocol header on a listener that expects one")
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
    const isSilent = this.#held.length === 0
    if (isSilent && nowMs - this.#drainMs > SILENT_DRAIN_MS) return this.#close()
    if (nowMs - sinceMs <= context.limits.prefaceTimeoutMs) return
    const held = this.#held
    // Said in HTTP/1 to half a request line, by GOAWAY to half a preface, and to none of both not at all.
    if (this.#isProxyHeaderDue || held.length === 0)
      return this.#turnAway("preface_timeout", "a client said nothing, or not enough to know its protocol")
    this.#hold(NO_OCTETS, 0, 0)
    const isHttp1 = mayBeRequest(held, 0, held.length) && !"PRI ".startsWith(held.toString("latin1"))
    const next = this.#choose(isHttp1 ? "http1" : "http2", this)
    next.receive(held, 0, held.length)
    next.tick(nowMs)
  }

  /** Closes without a word, since which protocol's words it would be is not known; the log has them. */
  #turnAway(counter: "preface_malformed" | "preface_timeout", message: string): void {
    const { context, listener, record } = this.client
    const client = `${record.remoteAddress}:${record.remotePort}`
    context.counters.add(counterIds[counter])
    context.log.info(message, { listener: listener.name, client, limit: counter })
    this.#close()
  }

  /** What a client has sent already would be reset: it is served, and let go then. */
  drain(): void {
    this.#drainMs = this.client.context.clock.now()
  }

  get overflowOctets(): number {
    return this.#held.length
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
    this.#hold(NO_OCTETS, 0, 0)
    this.client.link.destroy()
    this.client.onClosed(this)
  }
}
