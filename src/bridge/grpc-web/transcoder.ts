import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { failure } from "../../record/failure.ts"
import { withCors } from "../shared/cors.ts"
import { readableGrpcMessage } from "../shared/grpc-message.ts"
import { HttpTranscoder, type HttpTranscoderOptions } from "../shared/http-transcoder.ts"
import { grpcRequestHead } from "../shared/request-head.ts"
import { isReadableStatus } from "../shared/status-details.ts"
import { Base64Decoder } from "./base64-stream.ts"

const WEB = "application/grpc-web"
const WEB_TEXT = "application/grpc-web-text"
/** Marks the frame that holds the trailers: gRPC, doc/PROTOCOL-WEB.md. */
const TRAILERS_FLAG = 0x80
const PREFIX_OCTETS = 5

/** True for `application/grpc-web` and `application/grpc-web-text`, with or without `+proto` and parameters. */
export function isGrpcWeb(contentType: string): boolean {
  return /^application\/grpc-web(?:-text)?(?:$|[+; ])/i.test(contentType)
}

/** The gRPC request that a gRPC-Web one stands for. */
export function grpcWebHead(from: RequestHead, path: string): RequestHead {
  const contentType = (from.list.get("content-type") ?? WEB).replace(
    /^application\/grpc-web(?:-text)?/i,
    "application/grpc",
  )
  const kept = ["grpc-timeout", "grpc-encoding", "grpc-accept-encoding"].flatMap((name) => {
    const value = from.list.get(name)
    return value === undefined ? [] : [name, value]
  })
  return grpcRequestHead(from, path, ["content-type", contentType, ...kept])
}

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

/** Trailers as a frame of their own: `name: value` lines, as in an HTTP/1 head. */
export function trailersFrame(trailers: HeaderList): Buffer {
  return blockFrame(
    trailers,
    (name) => !name.startsWith(":") && name !== "content-type" && name !== "content-length",
  )
}

/** A frame of the fields that `isWanted`. */
export function blockFrame(list: HeaderList, isWanted: (name: string) => boolean): Buffer {
  let text = ""
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    const value = isWanted(name) ? readable(name, list.fields[i + 1]!) : null
    if (value !== null) text += `${name}: ${value}\r\n`
  }
  const frame = Buffer.allocUnsafe(PREFIX_OCTETS + text.length)
  frame[0] = TRAILERS_FLAG
  frame.writeUInt32BE(text.length, 1)
  frame.write(text, PREFIX_OCTETS, "latin1")
  return frame
}

const PRINTABLE = /^[\t\x20-\x7e]*$/

/** A value as page clients can read it; null: they cannot, and it is left out, since they would take the call for broken. */
function readable(name: string, value: string): string | null {
  if (name === "grpc-message") return readableGrpcMessage(value)
  if (!PRINTABLE.test(value)) return null
  return name === "grpc-status-details-bin" && !isReadableStatus(value) ? null : value
}
