import { GrpcStatus, httpStatusOfGrpc, parseGrpcStatus } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { withCors } from "../shared/cors.ts"
import { HeldBody } from "../shared/held-body.ts"
import { COMPRESSED, framed, MessageSplitter } from "../shared/message-splitter.ts"
import { metadataOf } from "../shared/transcoder.ts"
import { type ConnectEnd, connectEnd, connectError, encodingsOf } from "./protocol.ts"
import type { ConnectTranscoderOptions } from "./transcoder.ts"
import { ConnectFault, ConnectTranscoder } from "./transcoder.ts"

/** A stream may never end, so its end is not waited for. */
const TOO_MANY_ANSWERS: Failure = {
  ...failure("upstream_malformed", "a unary call was answered with more than one message"),
  grpcStatus: GrpcStatus.UNIMPLEMENTED,
}

/** A unary call of Connect: one message as the body, the status as HTTP's, errors as JSON. */
export class ConnectUnaryTranscoder extends ConnectTranscoder {
  readonly #isRequestCompressed: boolean
  readonly #splitter: MessageSplitter
  readonly #request = new HeldBody(this.held)
  #head: HeaderList | null = null
  #answers = 0
  #answer: Buffer | null = null
  #isAnswerCompressed = false

  constructor(options: ConnectTranscoderOptions) {
    super(options)
    this.#isRequestCompressed = encodingsOf(options.clientHead, options.kind).message !== null
    this.#splitter = new MessageSplitter(this.messageOctetsMax, (flags, message, isOwned) => {
      this.#answers++
      if (this.#answer !== null) return
      this.#answer = isOwned ? message : Buffer.from(message)
      this.#isAnswerCompressed = (flags & COMPRESSED) !== 0
    })
  }

  // ---- Towards the backend --------------------------------------------------------------------------------------

  protected onEmptyRequest(): void {
    this.translateRequest(Buffer.alloc(0), 0, 0, true)
  }

  protected readRequest(octets: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#request.length + end - start > this.messageOctetsMax) throw this.tooLarge()
    this.#request.push(octets, start, end)
    if (!isLast) return
    const { query, codec } = this.kind
    const payload = query === null ? this.#request.take() : messageOf(query)
    const isCompressed = this.#isRequestCompressed && payload.length > 0
    if (codec === "json") return this.requests!.push(payload, this.encodingOf(isCompressed), true)
    const frame = framed(isCompressed ? COMPRESSED : 0, payload)
    this.forward(frame, 0, frame.length, true)
  }

  protected onRequestMessage(message: Buffer): void {
    if (this.localEnded) return
    const frame = framed(0, message)
    this.forward(frame, 0, frame.length, true)
  }

  // ---- Towards the client ---------------------------------------------------------------------------------------

  protected sendHead(list: HeaderList): void {
    this.#head = list
    this.responseEncoding = list.get("grpc-encoding") ?? "identity"
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    const before = this.#heldOfAnswer
    const fits = this.#splitter.push(octets, start, end)
    this.held.add(this.#heldOfAnswer - before)
    if (!fits) this.fail(this.tooLarge("the backend's message").failure)
    else if (this.#answers > 1) this.fail(TOO_MANY_ANSWERS)
    return end - start
  }

  get #heldOfAnswer(): number {
    return this.#splitter.heldOctets + (this.#answer?.length ?? 0)
  }

  /** An answer to a call that failed is not shown. */
  protected override translateLast(trailers: HeaderList): void {
    const isOk = parseGrpcStatus(trailers.get("grpc-status") ?? "") === GrpcStatus.OK
    if (!isOk || this.#answer === null || this.responses === null) return
    this.responses.push(this.#answer, this.#isAnswerCompressed ? this.responseEncoding : null, true)
    this.holdResponseIfBusy()
  }

  protected onResponseMessage(message: Buffer): void {
    this.#answer = message
    this.#isAnswerCompressed = false
  }

  protected writeEnd(trailers: HeaderList): void {
    const result = this.#result(trailers)
    const status = this.foreignStatus >= 400 ? this.foreignStatus : httpStatusOfGrpc(result.grpcStatus)
    const fields = [":status", String(status)]
    fields.push("content-type", result.error === null ? `application/${this.kind.codec}` : "application/json")
    const encoding = this.#head?.get("grpc-encoding")
    if (result.error === null && this.#isAnswerCompressed && encoding !== undefined)
      fields.push("content-encoding", encoding)
    for (const [name, value] of metadataOf(this.#head ?? new HeaderList([]))) fields.push(name, value)
    for (const [name, value] of metadataOf(trailers)) fields.push(`trailer-${name}`, value)
    const body = result.error === null ? result.body : Buffer.from(JSON.stringify(result.error), "utf8")
    fields.push("content-length", String(body.length))
    this.record.status = status
    this.stream.sendHeaders(new HeaderList(withCors(fields, this.corsFields)), false)
    this.write(body, 0, body.length, true)
  }

  #result(
    trailers: HeaderList,
  ): (ConnectEnd & { error: object; body?: never }) | { grpcStatus: 0; error: null; body: Buffer } {
    const { grpcStatus, error } = connectEnd(trailers, this.types?.names ?? null)
    if (error !== null) return { grpcStatus, error }
    if (this.#answer !== null) return { grpcStatus: 0, error: null, body: this.#answer }
    const wrong = connectError(GrpcStatus.UNIMPLEMENTED, "a unary call was answered with no message")
    return { grpcStatus: wrong.grpcStatus, error: wrong.error! }
  }
}

/** The message of a GET. */
function messageOf(query: URLSearchParams): Buffer {
  const text = query.get("message") ?? ""
  if (query.get("base64") !== "1") return Buffer.from(text, "utf8")
  if (!/^[A-Za-z0-9+/_ -]*={0,2}$/.test(text))
    throw new ConnectFault(failure("bad_request", "the query parameter message is not base64"))
  // A `+` that was not escaped has become a space.
  return Buffer.from(text.replaceAll(" ", "+"), "base64")
}
