import type { IncomingMessage, ServerResponse } from "node:http"
import { isGrpcContentType } from "../../grpc/status.ts"
import { ErrorCode, errorCodeName } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { guarded, reportBug } from "../../log/guarded.ts"
import { localReply } from "../../relay/call/local-reply.ts"
import type { DownstreamStream, StreamOwner } from "../../relay/call/stream-owner.ts"
import type { DownstreamContext } from "../../relay/downstream/downstream-context.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { isUnanswered } from "../../relay/route/error-page.ts"
import { statusOfReset } from "../shared/status-of-reset.ts"
import type { Http1Socket } from "./socket.ts"

const NO_OCTETS = Buffer.alloc(0)
/** What HTTP/1 lets a value be: RFC 9110 §5.5. HTTP/2's other control characters end here. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const BAD_GATEWAY = 502

export interface Http1StreamOptions {
  request: IncomingMessage
  response: ServerResponse
  /** Theirs, and of other requests. */
  socket: Http1Socket
  context: DownstreamContext
  /** No other request is served on its connection. */
  onLast: () => void
  /** Called once, when both halves are over. `isReusable`: the connection may carry another request. */
  onClosed: (stream: Http1Stream, isReusable: boolean) => void
}

/** One HTTP/1 request and its response, with the face of an HTTP/2 stream. */
export class Http1Stream implements DownstreamStream {
  /** Set before `begin`. */
  owner: StreamOwner | null = null
  isClosed = false
  localEnded = false
  remoteEnded: boolean
  queuedOctets = 0
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #socket: Http1Socket
  readonly #context: DownstreamContext
  /** Written, and not yet taken by the kernel. */
  readonly #held: HeldOctets
  readonly #onClosed: Http1StreamOptions["onClosed"]
  #unconsumed = 0
  /** The socket is held until the backend has taken more of the request. */
  #isHolding = false
  /** The client takes the end of the connection for the end of the response. */
  #endsByClose = false
  /** Octets that came after the answer was whole. */
  #discarded = 0
  #headSent = false
  readonly #onLast: () => void
  /** No other request is served on its connection. */
  #isLast = false

  constructor(options: Http1StreamOptions) {
    const { request, response } = options
    this.#request = request
    this.#response = response
    this.#socket = options.socket
    this.#context = options.context
    this.#held = new HeldOctets(options.context.budget)
    this.#onClosed = options.onClosed
    this.#onLast = options.onLast
    const { headers } = request
    const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
    this.remoteEnded = !hasBody
    response.sendDate = false
    response.on("error", () => {})
    response.on(
      "close",
      this.#guard(() => this.gone()),
    )
    request.on("error", () => {})
  }

  /** Reads the request's body, now that it has an owner. */
  begin(): void {
    const request = this.#request
    // As nginx has it: one that is answered already is not asked for its body.
    const isExpecting = request.headers.expect !== undefined && !this.#headSent && !this.remoteEnded
    if (isExpecting && request.httpVersionMinor > 0) this.#response.writeContinue()
    // Node lets go of it once it is answered.
    if (this.remoteEnded) return
    request.on(
      "data",
      this.#guard((octets: Buffer) => this.#receive(octets)),
    )
    request.on(
      "end",
      this.#guard(() => this.#receiveEnd()),
    )
  }

  #guard<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return guarded(this.#context, () => this.#response.destroy(), run)
  }

  /** The parser has not come to the request's end. */
  get isRequestUnderWay(): boolean {
    return !this.isClosed && !this.#request.complete
  }

  get headerListMax(): number {
    return Number.POSITIVE_INFINITY
  }

  // ---- DownstreamStream ---------------------------------------------------------------------------------------

  /** The caller is in the midst of what a backend sent; what Node refuses to write is this client's loss alone. */
  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (this.isClosed || this.localEnded) return
    try {
      this.#writeHeaders(list, endStream)
    } catch (error) {
      reportBug(this.#context, error)
      this.gone()
      this.#response.destroy()
    }
  }

  #writeHeaders(list: HeaderList, endStream: boolean): void {
    const response = this.#response
    if (this.#headSent) {
      response.addTrailers(pairs(writable(list.fields)))
      return this.#end()
    }
    const status = Number(list.get(":status"))
    if (status < 200) return
    this.#headSent = true
    response.writeHead(status, writable(list.fields.slice(2)))
    if (endStream) return this.#end()
    this.#cork()
    response.flushHeaders()
    this.#endsByClose = !response.chunkedEncoding && list.get("content-length") === undefined
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (this.isClosed || this.localEnded) return length
    if (length > 0) {
      this.#cork()
      this.queuedOctets += length
      this.#held.add(length)
      const taken = this.#guard(() => this.#taken(length))
      this.#response.write(Buffer.from(octets.subarray(start, end)), taken)
    }
    if (endStream) this.#end()
    return 0
  }

  /** Half a body is of no use, so the connection goes with it. */
  discardQueued(): void {
    if (this.queuedOctets === 0) return
    this.#close(false)
    this.#response.destroy()
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (this.#unconsumed < this.#context.limits.streamWindowOctets / 2) this.#letGo()
  }

  /** One at a time is answered, and read to its end: a connection of HTTP/1 costs no more than it pays. */
  chargePeer(): void {}

  endConnection(): void {
    this.#isLast = true
    this.#response.shouldKeepAlive = false
    this.#onLast()
  }

  reset(code: number): void {
    if (this.isClosed) return
    if (!this.localEnded && !this.#headSent && !isUnanswered(this.owner?.record.status ?? 0))
      this.#answerReset(code)
    if (!this.localEnded) return this.#break()
    // The answer is whole and did not say that the connection ends with it, so the client may send its next request as
    // soon as it is through with this one. What is left of this one is thrown away.
    this.#close(true)
    this.#request.resume()
  }

  /** HTTP/1 has no reset: what ended before its head began is told in a response, as nginx does. */
  #answerReset(code: number): void {
    const isGrpc = isGrpcContentType(this.#request.headers["content-type"])
    const message = `the backend reset the stream with ${errorCodeName(code)}`
    const what = { httpStatus: BAD_GATEWAY, grpcStatus: statusOfReset(code), message }
    const { list, body } = localReply({ isGrpc, isHeadSent: false }, what)!
    this.sendHeaders(list, body.length === 0)
    if (body.length > 0) this.sendData(body, 0, body.length, true)
  }

  // ---- From the client ----------------------------------------------------------------------------------------

  #receive(octets: Buffer): void {
    if (this.isClosed) return this.#discard(octets.length)
    this.#unconsumed += octets.length
    this.owner!.onRequestData(octets, 0, octets.length, false)
    if (this.isClosed || this.#isHolding) return
    if (this.#unconsumed < this.#context.limits.streamWindowOctets) return
    // Not the request: Node would keep each chunk that is parsed already as a buffer of its own.
    this.#isHolding = true
    this.#socket.hold()
  }

  #letGo(): void {
    if (!this.#isHolding) return
    this.#isHolding = false
    this.#socket.release()
  }

  /** A client that goes on and on with a request that was answered is not read without end. */
  #discard(octets: number): void {
    this.#discarded += octets
    if (this.#discarded > this.#context.limits.streamWindowOctets) this.#request.socket.destroy()
  }

  #receiveEnd(): void {
    if (this.isClosed || this.remoteEnded) return
    this.remoteEnded = true
    this.owner!.onRequestData(NO_OCTETS, 0, 0, true)
    this.#closeIfOver()
  }

  /** The response is out, or the connection gone. */
  gone(): void {
    this.#held.release()
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

  #end(): void {
    this.localEnded = true
    this.#response.end()
    this.#closeIfOver()
  }

  #taken(octets: number): void {
    this.queuedOctets -= octets
    this.#held.add(-octets)
    if (this.isClosed) return
    this.#closeIfOver()
    this.owner!.onDownstreamSent(octets)
  }

  #closeIfOver(): void {
    if (this.localEnded && this.remoteEnded && this.queuedOctets === 0 && !this.isClosed) this.#close(true)
  }

  /** What is left out must be missed: by the length, by the last chunk, or by a connection that is reset. */
  #break(): void {
    const response = this.#response
    this.#close(false)
    if (!this.#headSent) response.destroy()
    else if (this.#endsByClose) this.#socket.abortOutput()
    else if (response.socket !== null) this.#socket.end()
    else response.once("socket", () => process.nextTick(() => this.#socket.end()))
  }

  #close(isReusable: boolean): void {
    this.isClosed = true
    this.#letGo()
    this.#onClosed(this, isReusable && !this.#isLast)
  }

  /** What this turn writes leaves in one piece. */
  #cork(): void {
    const { socket } = this.#response
    if (socket === null || socket.writableCorked > 0) return
    socket.cork()
    process.nextTick(() => socket.uncork())
  }
}

/** Fields that Node agrees to write, flat: `trailer`, only a hint (RFC 9110 §6.6.2), it takes in chunked answers alone. */
function writable(fields: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] !== "trailer" && FIELD_VALUE.test(fields[i + 1]!)) kept.push(fields[i]!, fields[i + 1]!)
  return kept
}

function pairs(fields: readonly string[]): [string, string][] {
  return Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i]!, fields[2 * i + 1]!])
}
