import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { failure } from "../../record/failure.ts"
import { withCors } from "../shared/cors.ts"
import { readableGrpcMessage } from "../shared/grpc-message.ts"
import { HttpTranscoder, type HttpTranscoderOptions } from "../shared/http-transcoder.ts"
import { Base64Decoder } from "./base64-stream.ts"
import { WEB, WEB_TEXT } from "./head.ts"
import { trailersFrame } from "./status.ts"

/** gRPC-Web: gRPC's messages in a plain HTTP body, the trailers as its last frame; base64 where the client asks for it. */
export class GrpcWebTranscoder extends HttpTranscoder {
  readonly #decoder: Base64Decoder | null
  readonly #isTextWanted: boolean
  #headSent = false

  /** `head` is the client's own. */
  constructor(options: HttpTranscoderOptions, head: RequestHead) {
    super(options)
    this.record.showAs(head.method, head.path)
    this.remoteEnded = this.stream.remoteEnded
    const isText = (head.list.get("content-type") ?? "").toLowerCase().startsWith(WEB_TEXT)
    const accept = (head.list.get("accept") ?? "").toLowerCase()
    this.#decoder = isText ? new Base64Decoder() : null
    this.#isTextWanted = accept.includes(WEB) ? accept.includes(WEB_TEXT) : isText
  }

  // ---- Towards the backend --------------------------------------------------------------------------------------

  protected translateRequest(octets: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#decoder === null) return this.forward(octets, start, end, isLast)
    const decoded = this.#decoder.decode(octets, start, end)
    if (decoded === null) return this.#notBase64()
    this.forward(decoded, 0, decoded.length, false)
    if (!isLast) return
    const rest = this.#decoder.finish()
    if (rest === null) return this.#notBase64()
    this.forward(rest, 0, rest.length, true)
  }

  #notBase64(): void {
    this.call.fail(failure("bad_request", "the body of a grpc-web-text request is not base64"))
  }

  // ---- Towards the client ---------------------------------------------------------------------------------------

  protected sendHead(list: HeaderList): void {
    this.#headSent = true
    const contentType = (list.get("content-type") ?? "application/grpc").replace(
      /^application\/grpc/i,
      this.#isTextWanted ? WEB_TEXT : WEB,
    )
    const fields = [":status", "200", "content-type", contentType]
    for (let i = 0; i < list.fields.length; i += 2) {
      const name = list.fields[i]!
      if (name.startsWith(":") || name === "content-type" || name === "content-length" || name === "trailer")
        continue
      const value = list.fields[i + 1]!
      fields.push(name, name === "grpc-message" ? readableGrpcMessage(value) : value)
    }
    this.stream.sendHeaders(new HeaderList(withCors(fields, this.corsFields)), false)
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    this.#writeBody(octets, start, end, false)
    return this.written(end - start)
  }

  protected sendStatus(trailers: HeaderList): void {
    if (!this.#headSent) this.sendHead(new HeaderList([]))
    const frame = trailersFrame(trailers)
    this.#writeBody(frame, 0, frame.length, true)
  }

  #writeBody(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (!this.#isTextWanted) return this.write(octets, start, end, endStream)
    // Each piece with its own padding, as doc/PROTOCOL-WEB.md allows.
    const text = Buffer.from(octets.toString("base64", start, end), "latin1")
    this.write(text, 0, text.length, endStream)
  }
}
