import { ErrorCode } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { DownstreamStream } from "../../relay/call/stream-owner.ts"
import { CreditGate } from "./credit-gate.ts"
import { Transcoder, type TranscoderOptions } from "./transcoder.ts"

export interface HttpTranscoderOptions extends TranscoderOptions {
  /** The client's stream, of HTTP/1 or HTTP/2. */
  stream: DownstreamStream
  /** Fields for the response's head, by which a page of another origin may read it. */
  corsFields: readonly string[]
}

/** A call that came as an HTTP request and is answered by its response. */
export abstract class HttpTranscoder extends Transcoder {
  protected readonly stream: DownstreamStream
  protected readonly corsFields: readonly string[]
  /** Request octets: the client's against those given to the call, or held to be translated. */
  readonly #requestGate = new CreditGate()
  /** Response octets: the backend's against those given to the client. */
  readonly #responseGate = new CreditGate()
  #resetWhenFlushed = false

  constructor(options: HttpTranscoderOptions) {
    super(options)
    this.stream = options.stream
    this.corsFields = options.corsFields
  }

  get isClosed(): boolean {
    return this.stream.isClosed
  }

  override get headerListMax(): number {
    return this.stream.headerListMax
  }

  get queuedOctets(): number {
    return this.stream.queuedOctets
  }

  // ---- Towards the backend --------------------------------------------------------------------------------------

  /** Makes of the client's octets what `forward` hands on. `isLast`: nothing follows. */
  protected abstract translateRequest(octets: Buffer, start: number, end: number, isLast: boolean): void

  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.translateRequest(octets, start, end, endStream)
    const due = this.#requestGate.received(end - start)
    if (due > 0) this.stream.consume(due)
  }

  onRequestTrailers(_list: HeaderList): void {
    this.translateRequest(Buffer.alloc(0), 0, 0, true)
  }

  /** Length-prefixed messages, cut anywhere, for the backend. */
  protected forward(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.remoteEnded = true
    this.#requestGate.passed(end - start)
    this.call.onRequestData(octets, start, end, endStream)
  }

  /** Something of the request waits to be translated: nothing is credited until `consume(1)`. */
  protected holdRequest(): void {
    this.#requestGate.passed(1)
  }

  consume(octets: number): void {
    const due = this.#requestGate.taken(octets)
    if (due > 0) this.stream.consume(due)
  }

  // ---- Towards the client ---------------------------------------------------------------------------------------

  /** Octets of the response's body. */
  protected write(octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.#responseGate.passed(end - start - this.stream.sendData(octets, start, end, endStream))
  }

  /** `octets` of the backend's have been written, whatever became of them. Returns how many of them were taken now. */
  protected written(octets: number): number {
    return this.#responseGate.received(octets)
  }

  /** Something of the response waits to be translated: nothing is credited until `onDownstreamSent(1)`. */
  protected holdResponse(): void {
    this.#responseGate.passed(1)
  }

  onDownstreamSent(octets: number): void {
    const due = this.#responseGate.taken(octets)
    if (this.#resetWhenFlushed && this.queuedOctets === 0) this.#resetStream()
    this.call.onDownstreamSent(due)
  }

  /** What is left of a body that lost some of it would be misread, so the client's stream goes with it. */
  discardQueued(): void {
    if (this.stream.queuedOctets === 0) return
    this.stream.discardQueued()
    this.stream.reset(ErrorCode.ENHANCE_YOUR_CALM)
    // No status can follow that would do it.
    this.held.release()
  }

  override chargePeer(): void {
    this.stream.chargePeer()
  }

  protected end(): void {
    if (this.stream.remoteEnded) return
    if (this.queuedOctets === 0) this.#resetStream()
    else this.#resetWhenFlushed = true
  }

  #resetStream(): void {
    if (!this.stream.isClosed && !this.stream.remoteEnded) this.stream.reset(ErrorCode.NO_ERROR)
  }
}
