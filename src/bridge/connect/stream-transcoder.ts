import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import { withCors } from "../shared/cors.ts"
import { COMPRESSED, framed, MessageSplitter } from "../shared/message-splitter.ts"
import { metadataOf } from "../shared/transcoder.ts"
import { connectEnd } from "./status.ts"
import { ConnectFault, ConnectTranscoder, type ConnectTranscoderOptions } from "./transcoder.ts"

/** Marks the envelope that says how the stream ended. */
const END_STREAM = 0x02

/** A stream of Connect. Its envelopes are gRPC's own, so that messages in binary pass as they are. */
export class ConnectStreamTranscoder extends ConnectTranscoder {
  readonly #requests: MessageSplitter
  readonly #responses: MessageSplitter
  #headSent = false

  constructor(options: ConnectTranscoderOptions) {
    super(options)
    this.#requests = new MessageSplitter(this.messageOctetsMax, (flags, message, isOwned) =>
      this.requests!.push(message, this.encodingOf((flags & COMPRESSED) !== 0), isOwned),
    )
    this.#responses = new MessageSplitter(this.messageOctetsMax, (flags, message, isOwned) =>
      this.responses!.push(message, (flags & COMPRESSED) === 0 ? null : this.responseEncoding, isOwned),
    )
  }

  // ---- Towards the backend --------------------------------------------------------------------------------------

  protected onEmptyRequest(): void {
    this.translateRequest(Buffer.alloc(0), 0, 0, true)
  }

  protected readRequest(octets: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.kind.codec === "proto") return this.forward(octets, start, end, isLast)
    const before = this.#requests.heldOctets
    const fits = this.#requests.push(octets, start, end)
    this.held.add(this.#requests.heldOctets - before)
    if (!fits) throw this.tooLarge()
    if (!isLast) return
    if (!this.#requests.isAtBoundary)
      throw new ConnectFault(failure("bad_request", "the request ends within a message"))
    this.requests!.after(() => this.forward(NO_OCTETS, 0, 0, true))
  }

  protected onRequestMessage(message: Buffer): void {
    if (this.localEnded) return
    const frame = framed(0, message)
    this.forward(frame, 0, frame.length, false)
  }

  // ---- Towards the client ---------------------------------------------------------------------------------------

  protected sendHead(list: HeaderList): void {
    this.#headSent = true
    const fields = [":status", "200", "content-type", `application/connect+${this.kind.codec}`]
    const encoding = list.get("grpc-encoding")
    this.responseEncoding = encoding ?? "identity"
    if (encoding !== undefined && this.kind.codec === "proto")
      fields.push("connect-content-encoding", encoding)
    const accepted = list.get("grpc-accept-encoding")
    if (accepted !== undefined) fields.push("connect-accept-encoding", accepted)
    for (const [name, value] of metadataOf(list)) fields.push(name, value)
    this.stream.sendHeaders(new HeaderList(withCors(fields, this.corsFields)), false)
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    if (this.kind.codec === "proto") this.write(octets, start, end, false)
    else {
      const before = this.#responses.heldOctets
      const fits = this.#responses.push(octets, start, end)
      this.held.add(this.#responses.heldOctets - before)
      if (!fits) this.fail(this.tooLarge("the backend's message").failure)
      this.holdResponseIfBusy()
    }
    return this.written(end - start)
  }

  protected onResponseMessage(message: Buffer): void {
    const frame = framed(0, message)
    this.write(frame, 0, frame.length, false)
  }

  protected writeEnd(trailers: HeaderList): void {
    if (!this.#headSent) this.sendHead(new HeaderList([]))
    const { error } = connectEnd(trailers, this.types?.names ?? null)
    const metadata = new Map<string, string[]>()
    for (const [name, value] of metadataOf(trailers))
      metadata.set(name, [...(metadata.get(name) ?? []), value])
    const end = {
      ...(error !== null && { error }),
      ...(metadata.size > 0 && { metadata: Object.fromEntries(metadata) }),
    }
    const frame = framed(END_STREAM, Buffer.from(JSON.stringify(end), "utf8"))
    this.write(frame, 0, frame.length, true)
  }
}

const NO_OCTETS = Buffer.alloc(0)
