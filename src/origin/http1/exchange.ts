import { counterIds } from "../../base/counters.ts"
import { writeChunk, writeLastChunk } from "../../http1/writer.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import { OctetQueue } from "../../http2/octet-queue.ts"
import type { Output } from "../../http2/output.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import type { UpstreamStream } from "../../relay/upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../../relay/upstream/stream-owner.ts"
import type { OriginContext } from "./context.ts"
import { type OriginRequest, originRequest } from "./request.ts"
import { originTrailers, withoutLength } from "./response.ts"
import type { ResponseEvents, ResponseReader } from "./response-reader.ts"

const NO_OCTETS = Buffer.alloc(0)
/** Never sent twice by a client that loses its connection, unless HTTP lets it: RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
/** More than that waits for the kernel, and what follows counts as queued. */
const UNSENT_OCTETS_MAX = 65_536

/** How a route uses its HTTP/1.1 backends. */
export interface ExchangeSettings {
  /** A body whose length is not said is gathered, as far as it fits, so that its length can be. */
  readonly requestBuffering: boolean
  readonly passTrailers: boolean
  /** What the client sends as a body stays here. */
  readonly dropsBody: boolean
}

/** What an exchange needs of its connection. */
export interface ExchangeHost {
  readonly context: OriginContext
  readonly settings: ExchangeSettings
  readonly output: Output
  readonly reader: ResponseReader
  /** It has carried another exchange before: the backend may be closing it just now. */
  readonly hasServed: boolean
  resumeReading(): void
  /** Ends our side once what was written is out. */
  endWriting(): void
  /** `isSoft`: what was written leaves first. */
  close(isSoft: boolean): void
}

export interface ExchangeOptions {
  readonly host: ExchangeHost
  readonly owner: UpstreamStreamOwner
  readonly list: HeaderList
  readonly endStream: boolean
  readonly isHead: boolean
}

/** One request and its response on an HTTP/1.1 connection, with the face of an HTTP/2 stream. */
export class Http1Exchange implements UpstreamStream, ResponseEvents {
  isClosed = false
  localEnded: boolean
  remoteEnded = false
  queuedOctets = 0
  /** A response head came. */
  isAnswered = false
  /** The response has been read whole, and the connection may carry another request. */
  isReusable = false
  readonly #host: ExchangeHost
  readonly #owner: UpstreamStreamOwner
  readonly #request: OriginRequest
  readonly #isHead: boolean
  readonly #isReused: boolean
  readonly #held: HeldOctets
  #hasBegun = false
  #isSwitched = false
  /** It is asked as HTTP/1.0 has it: the connection ends behind the answer. */
  #isOld = false
  /** The body goes up in chunks. */
  #isChunked = false
  /** Octets of the body that are still to come, where its length was said. */
  #bodyLeft = -1
  /** Octets that wait for the body to be begun. */
  #early: OctetQueue | null = null
  /** Octets written of this request, whether they have left or not. */
  #written = 0
  /** Response octets without credit. */
  #unconsumed = 0
  #interims = 0

  constructor({ host, owner, list, endStream, isHead }: ExchangeOptions) {
    const { settings } = host
    this.#host = host
    this.#owner = owner
    this.#isReused = host.hasServed
    this.#held = new HeldOctets(host.context.budget)
    const canSwitch = owner.record.connection.canSwitch === true
    this.#request = originRequest(list, settings.dropsBody, canSwitch)
    this.#isHead = isHead
    this.localEnded = endStream
    host.reader.expect({ isHead, maySwitch: this.#request.maySwitch }, this)
    const { contentLength, body } = this.#request
    if (endStream || settings.dropsBody) this.#begin(body)
    else if (contentLength >= 0 || !settings.requestBuffering) this.#stream()
  }

  // ---- UpstreamStream -----------------------------------------------------------------------------------------

  /** Trailers of a request end here, as in nginx. */
  sendHeaders(_list: HeaderList, endStream: boolean): void {
    if (endStream) this.sendData(NO_OCTETS, 0, 0, true)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (this.isClosed || this.localEnded || this.#host.settings.dropsBody) {
      this.localEnded ||= endStream
      return length
    }
    this.localEnded = endStream
    if (!this.#hasBegun) return this.#gather(octets, start, end)
    const written = length > 0 ? this.#write(octets, start, end) : 0
    if (endStream) this.#end()
    return this.#taken(length, written)
  }

  /** Octets beyond what the kernel is soon to take are told of once it has; `written`: what they have become in chunks. */
  #taken(length: number, written: number): number {
    if (this.isClosed || this.#host.output.unsentOctets <= UNSENT_OCTETS_MAX) return length
    this.queuedOctets += length
    this.#held.add(written)
    return 0
  }

  /** The kernel has taken what was written. */
  drained(): void {
    const { output } = this.#host
    if (this.queuedOctets === 0 || !this.#hasBegun || output.unsentOctets > UNSENT_OCTETS_MAX) return
    const octets = this.queuedOctets
    this.queuedOctets = 0
    this.#hold(0)
    this.#owner.onUpstreamSent(octets)
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (this.#unconsumed < this.#window / 2) this.#host.resumeReading()
  }

  /** The owner has not given credit for what it was told. */
  get isFull(): boolean {
    return !this.isClosed && this.#unconsumed >= this.#window
  }

  get #window(): number {
    return this.#host.context.limits.upstreamStreamWindowOctets
  }

  reset(_code: number): void {
    this.#close()
  }

  endEarly(): void {
    this.#close()
  }

  /** Nothing of the request has left: no octet that comes is its answer, and it may go to another connection. */
  get isUnsent(): boolean {
    return this.#host.output.waitingOctets === this.#written
  }

  // ---- The request ----------------------------------------------------------------------------------------------

  /** Takes octets of a body whose length is wanted. */
  #gather(octets: Buffer, start: number, end: number): number {
    const length = end - start
    this.#early ??= OctetQueue.obtain()
    this.#early.push(octets, start, end)
    this.#early.settle()
    this.#hold(this.#early.capacity)
    this.queuedOctets += length
    const most = this.#host.context.limits.streamWindowOctets / 2
    if (this.localEnded) this.#begin(null)
    // More than is gathered: from here on it goes up as it comes, in chunks.
    else if (this.queuedOctets >= most) this.#stream()
    else return 0
    const before = this.queuedOctets - length
    this.queuedOctets = 0
    const written = this.#writeEarly()
    const taken = this.#taken(before + length, written)
    if (taken === 0) return 0
    if (before > 0) this.#owner.onUpstreamSent(before)
    return length
  }

  #writeEarly(): number {
    const early = this.#early!
    this.#early = null
    this.#hold(0)
    let written = 0
    early.each((octets, start, end) => {
      if (!this.isClosed) written += this.#write(octets, start, end)
    })
    early.recycle()
    return written
  }

  #dropEarly(): void {
    this.#early?.recycle()
    this.#early = null
  }

  /** So many octets of memory are held now. */
  #hold(octets: number): void {
    this.#held.add(octets - this.#held.octets)
  }

  /** Sends the body as it comes. */
  #stream(): void {
    const { contentLength } = this.#request
    this.#bodyLeft = contentLength
    this.#isChunked = contentLength < 0
    this.#sendHead(
      this.#isChunked ? "transfer-encoding: chunked\r\n" : `content-length: ${contentLength}\r\n`,
    )
  }

  /** Sends it with `body`, with what was gathered of the client's, which is written behind it, or with none. */
  #begin(body: Buffer | null): void {
    const { method, contentLength } = this.#request
    const octets = body?.length ?? this.#early?.length
    const isSaid = octets !== undefined || contentLength >= 0 || EXPECTS_BODY.has(method)
    this.#sendHead(isSaid ? `content-length: ${octets ?? 0}\r\n` : "")
    if (body === null) return
    this.#written += body.length
    this.#host.output.raw(body)
  }

  /** `framing`: the fields that say how long the body is. Without a host HTTP/1.1 is not to be spoken: RFC 9112 §3.2. */
  #sendHead(framing: string): void {
    const { start, fields, hasHost, maySwitch, isLast } = this.#request
    this.#isOld = !hasHost && !maySwitch && !this.#isChunked
    const closing = this.#isOld && !isLast ? "connection: close\r\n" : ""
    const text = `${start}HTTP/1.${this.#isOld ? 0 : 1}\r\n${fields}${closing}${framing}\r\n`
    this.#hasBegun = true
    this.#written += text.length
    this.#host.output.text(text)
  }

  /** How many octets it has become. */
  #write(octets: Buffer, start: number, end: number): number {
    const { output } = this.#host
    const length = end - start
    const before = output.unsentOctets
    if (this.#bodyLeft >= 0 && !this.#isSwitched) {
      if (length > this.#bodyLeft) {
        this.#brokenBody("the request's body is longer than its length")
        return 0
      }
      this.#bodyLeft -= length
    }
    if (this.#isChunked && !this.#isSwitched) writeChunk(output, octets, start, end)
    else output.raw(octets, start, end)
    const written = output.unsentOctets - before
    this.#written += written
    return written
  }

  #end(): void {
    const { output } = this.#host
    const before = output.unsentOctets
    if (this.#isSwitched) this.#host.endWriting()
    else if (this.#isChunked) {
      writeLastChunk(output)
      this.#written += output.unsentOctets - before
    } else if (this.#bodyLeft > 0) this.#brokenBody("the request's body is shorter than its length")
  }

  /** What frames requests has it right; were it not so, the next request would begin in the wrong place. */
  #brokenBody(reason: string): void {
    this.#over({ code: ErrorCode.INTERNAL_ERROR, origin: "local", unprocessed: false, reason })
  }

  // ---- The response ---------------------------------------------------------------------------------------------

  onInterim(head: ResponseHead): void {
    const { limits, counters } = this.#host.context
    if (++this.#interims <= limits.interimResponsesMax) return this.#owner.onInformational(head)
    counters.add(counterIds.interim_responses_exceeded)
    this.onMalformed("too many interim responses")
  }

  onHead(head: ResponseHead, isLast: boolean): void {
    this.isAnswered = true
    const unsent = isLast ? this.#responseEnded() : 0
    this.#owner.onResponse(this.#isUnaskedHead ? withoutLength(head) : head, isLast)
    if (unsent > 0) this.#owner.onUpstreamSent(unsent)
  }

  /** The client has asked for more than a head, and would wait for what its length says. nginx: `proxy_method HEAD`. */
  get #isUnaskedHead(): boolean {
    return this.#isHead && this.#owner.record.method !== "HEAD"
  }

  onSwitch(head: ResponseHead): void {
    // What the client sends from here on is of the new protocol.
    this.#isSwitched = true
    this.localEnded = false
    this.onHead(head, false)
  }

  onBody(octets: Buffer, start: number, end: number, isLast: boolean): void {
    if (isLast) this.#tellUnsent()
    else this.#unconsumed += end - start
    this.#owner.onResponseData(octets, start, end, isLast)
  }

  onTrailers(fields: readonly string[]): void {
    this.#tellUnsent()
    if (this.#host.settings.passTrailers) this.#owner.onResponseTrailers(originTrailers(fields))
    else this.#owner.onResponseData(NO_OCTETS, 0, 0, true)
  }

  onMalformed(reason: string): void {
    const malformed = `malformed response: ${reason}`
    this.#over({ code: ErrorCode.PROTOCOL_ERROR, origin: "local", unprocessed: false, reason: malformed })
  }

  /** How many octets of the request are left, which have no connection to go up on. */
  #responseEnded(): number {
    const { reader, output } = this.#host
    const isSent = this.#hasBegun && this.localEnded && output.unsentOctets === 0
    const { maySwitch, isLast } = this.#request
    this.isReusable = reader.isReusable && isSent && !maySwitch && !isLast && !this.#isOld
    this.remoteEnded = true
    this.isClosed = true
    this.localEnded = true
    this.#dropEarly()
    this.#held.release()
    const octets = this.queuedOctets
    this.queuedOctets = 0
    return octets
  }

  #tellUnsent(): void {
    const octets = this.#responseEnded()
    if (octets > 0) this.#owner.onUpstreamSent(octets)
  }

  // ---- Endings --------------------------------------------------------------------------------------------------

  /** The connection is gone. */
  lost(reason: string): void {
    if (this.isClosed || (this.isAnswered && this.#host.reader.ended())) return
    const isRepeatable = this.#isReused && !this.isAnswered && IDEMPOTENT.has(this.#request.method)
    const unprocessed = this.isUnsent || isRepeatable
    this.#over({ code: ErrorCode.INTERNAL_ERROR, origin: "connection", unprocessed, reason })
  }

  #over(end: StreamEnd): void {
    if (this.isClosed) return
    this.#close()
    this.#owner.onUpstreamReset(end)
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#host.reader.stop()
    this.#dropEarly()
    this.#held.release()
    this.#host.close(this.#isSwitched)
  }
}

/** Without a body they say so: RFC 9110 §8.6. */
const EXPECTS_BODY = new Set(["POST", "PUT", "PATCH"])
