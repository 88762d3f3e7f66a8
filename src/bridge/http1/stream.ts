import { isGrpcContentType } from "../../grpc/status.ts"
import { writeChunk, writeLastChunk } from "../../http1/writer.ts"
import { ErrorCode, errorCodeName } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { Output } from "../../http2/output.ts"
import { localReply } from "../../relay/call/local-reply.ts"
import type { DownstreamStream, StreamOwner } from "../../relay/call/stream-owner.ts"
import { isUnanswered } from "../../relay/route/error-page.ts"
import { statusOfReset } from "../shared/status-of-reset.ts"
import { BodyEnd, hasBody, responseHead, withoutTrailer } from "./response-head.ts"
import { UNSENT_OCTETS_MAX } from "./unsent-octets.ts"

const BAD_GATEWAY = 502
const NO_FIELDS: readonly string[] = []
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"

/** What a stream asks of its connection. */
export interface Http1StreamHost {
  readonly output: Output
  /** Octets of a request that may wait for its backend. */
  readonly streamWindowOctets: number
  /** To be called behind what was appended to the output. */
  onWritten(): void
  /** Looks at no more of the request, until `release`. */
  hold(): void
  release(): void
  /** Closes so that the client cannot take what it has for the whole, behind what was written. */
  abortOutput(): void
  /** Closes at once. */
  destroy(): void
  /** Both halves are over. `isReusable`: the connection may carry another request. Called once. */
  onStreamClosed(stream: Http1Stream, isReusable: boolean): void
}

/** What a response goes by of its request. */
export interface AnsweredRequest {
  readonly method: string
  readonly minorVersion: 0 | 1
  readonly isPersistent: boolean
  readonly contentType: string | undefined
  readonly hasBody: boolean
  readonly expectsContinue: boolean
  /** It could not be read: where no answer is to be given, none is. */
  readonly isRefused?: true
}

/** One HTTP/1 request and its response, with the face of an HTTP/2 stream. */
export class Http1Stream implements DownstreamStream {
  /** Set before `begin`. */
  owner: StreamOwner | null = null
  isClosed = false
  localEnded = false
  remoteEnded: boolean
  queuedOctets = 0
  readonly headerListMax = Number.POSITIVE_INFINITY
  readonly #host: Http1StreamHost
  readonly #request: AnsweredRequest
  /** Another request may follow. */
  #isPersistent: boolean
  #unconsumed = 0
  /** The connection is held until the backend has taken more of the request. */
  #isHolding = false
  #isHeadSent = false
  /** It was told to go on. */
  #isAsked = false
  #bodyEnd: number = BodyEnd.NONE
  /** What is left of a length that the head says. */
  #lengthLeft = 0

  constructor(host: Http1StreamHost, request: AnsweredRequest, mayPersist: boolean) {
    this.#host = host
    this.#request = request
    this.#isPersistent = request.isPersistent && mayPersist
    this.remoteEnded = !request.hasBody
  }

  /** The request's body is wanted, now that it has an owner. */
  begin(): void {
    // As nginx has it: one that is answered already is not asked for its body.
    if (!this.#request.expectsContinue || this.#isHeadSent || this.remoteEnded) return
    this.#isAsked = true
    this.#host.output.text(CONTINUE)
    this.#host.onWritten()
  }

  // ---- DownstreamStream ---------------------------------------------------------------------------------------

  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (this.isClosed || this.localEnded) return
    if (this.#isHeadSent) return this.#end(list.fields)
    const status = Number(list.fields[1])
    if (status < 200) return
    this.#isHeadSent = true
    // What follows may be the body, or the next request, where it was not told to go on: RFC 9110 §10.1.1.
    if (this.#request.expectsContinue && !this.#isAsked && !this.remoteEnded) this.#isPersistent = false
    this.#frame(list, status)
    this.#host.output.text(responseHead(status, list.fields, this.#bodyEnd, this.#isPersistent))
    if (endStream) this.#end()
    else this.#host.onWritten()
  }

  /** Chooses how the body's end is told. */
  #frame(list: HeaderList, status: number): void {
    const { method, minorVersion } = this.#request
    if (!hasBody(status, method)) return
    const said = list.get("content-length")
    if (said !== undefined) {
      this.#bodyEnd = BodyEnd.LENGTH
      this.#lengthLeft = Number(said)
    } else if (minorVersion === 1) this.#bodyEnd = BodyEnd.CHUNKS
    else {
      this.#bodyEnd = BodyEnd.CLOSE
      this.#isPersistent = false
    }
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (this.isClosed || this.localEnded) return length
    const { output } = this.#host
    let taken = length
    if (length > 0 && this.#bodyEnd !== BodyEnd.NONE) {
      if (this.#bodyEnd === BodyEnd.CHUNKS) writeChunk(output, octets, start, end)
      else output.raw(octets, start, this.#bodyEnd === BodyEnd.LENGTH ? start + this.#fitting(length) : end)
      if (this.queuedOctets > 0 || output.unsentOctets > UNSENT_OCTETS_MAX) {
        this.queuedOctets += length
        taken = 0
      }
    }
    if (endStream) this.#end()
    else this.#host.onWritten()
    return taken
  }

  /** So much of what came fits into the length that the head says. What is more would be read as another response. */
  #fitting(length: number): number {
    const fitting = Math.min(length, this.#lengthLeft)
    this.#lengthLeft -= fitting
    if (fitting < length) this.#isPersistent = false
    return fitting
  }

  /** Half a body is of no use, so the connection goes with it. */
  discardQueued(): void {
    if (this.queuedOctets === 0) return
    this.#close(false)
    this.#host.destroy()
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (this.#unconsumed < this.#host.streamWindowOctets / 2) this.#letGo()
  }

  /** One at a time is answered, and read to its end: a connection of HTTP/1 costs no more than it pays. */
  chargePeer(): void {}

  endConnection(): void {
    this.#isPersistent = false
  }

  /** No other request is to follow. A client that was told otherwise is let go once this one is over. */
  drain(): void {
    if (!this.#isHeadSent) this.#isPersistent = false
  }

  reset(code: number): void {
    if (this.isClosed) return
    if (!this.localEnded && !this.#isHeadSent && !this.#isUnanswered) this.#answerReset(code)
    if (this.isClosed) return
    if (!this.localEnded) return this.#break()
    // The answer is whole and did not say that the connection ends with it, so the client may send its next request as
    // soon as it is through with this one. What is left of this one is thrown away.
    this.#close(true)
  }

  /** As nginx's 444. */
  get #isUnanswered(): boolean {
    return this.#request.isRefused === true || isUnanswered(this.owner?.record.status ?? 0)
  }

  /** HTTP/1 has no reset: what ended before its head began is told in a response, as nginx does. */
  #answerReset(code: number): void {
    const isGrpc = isGrpcContentType(this.#request.contentType)
    const message = `the backend reset the stream with ${errorCodeName(code)}`
    const what = { httpStatus: BAD_GATEWAY, grpcStatus: statusOfReset(code), message }
    const { list, body } = localReply({ isGrpc, isHeadSent: false }, what)!
    this.sendHeaders(list, body.length === 0)
    if (body.length > 0) this.sendData(body, 0, body.length, true)
  }

  // ---- From the client ----------------------------------------------------------------------------------------

  /** Octets of the request's body; `isEnd`: its last. */
  receive(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    if (this.isClosed) return
    this.#unconsumed += end - start
    if (isEnd) this.remoteEnded = true
    this.owner!.onRequestData(octets, start, end, isEnd)
    if (this.isClosed) return
    if (isEnd) return this.#closeIfOver()
    if (this.#isHolding || this.#unconsumed < this.#host.streamWindowOctets) return
    this.#isHolding = true
    this.#host.hold()
  }

  #letGo(): void {
    if (!this.#isHolding) return
    this.#isHolding = false
    this.#host.release()
  }

  /** The connection is gone. */
  gone(): void {
    if (this.isClosed) return
    this.#close(false)
    this.owner!.onDownstreamReset({
      code: ErrorCode.CANCEL,
      origin: "connection",
      unprocessed: false,
      reason: "the client closed the connection",
    })
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  #end(trailers: readonly string[] = NO_FIELDS): void {
    if (this.#bodyEnd === BodyEnd.CHUNKS) writeLastChunk(this.#host.output, withoutTrailer(trailers))
    // No one is to wait for what will not come.
    else if (this.#lengthLeft > 0) this.#isPersistent = false
    this.localEnded = true
    this.#host.onWritten()
    this.#closeIfOver()
  }

  /** The kernel has taken what was written, or nearly. */
  drained(): void {
    const octets = this.queuedOctets
    if (octets === 0 || this.isClosed) return
    this.queuedOctets = 0
    const { owner } = this
    this.#closeIfOver()
    owner!.onDownstreamSent(octets)
  }

  #closeIfOver(): void {
    if (this.localEnded && this.remoteEnded && this.queuedOctets === 0 && !this.isClosed) this.#close(true)
  }

  /** What is left out must be missed: by the length, by the last chunk, or by a connection that is reset. */
  #break(): void {
    if (this.#isHeadSent && this.#bodyEnd === BodyEnd.CLOSE) this.#host.abortOutput()
    this.#close(false)
    if (!this.#isHeadSent) this.#host.destroy()
  }

  #close(isReusable: boolean): void {
    this.isClosed = true
    this.#letGo()
    this.#host.onStreamClosed(this, isReusable && this.#isPersistent)
  }
}
