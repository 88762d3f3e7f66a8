import { createRegistry, type JsonValue } from "@bufbuild/protobuf"
import { counterIds } from "../../base/counters.ts"
import { parseGrpcStatus } from "../../grpc/status.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import { decodeToJson, encodeJson, JsonFault, parseJson } from "../json/codec.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { failureOf } from "../json/reflection.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import { COMPRESSED, framed, MessageSplitter } from "../shared/message-splitter.ts"
import { detailToJson, readStatusDetails } from "../shared/status-details.ts"
import { metadataOf } from "../shared/transcoder.ts"
import { WebSocketTranscoder, type WebSocketTranscoderOptions } from "./transcoder.ts"

const NORMAL = 1000
const NO_OCTETS = Buffer.alloc(0)

/**
 * A WebSocket of JSON: every text message is one message of the method, in proto3 JSON, either way.
 *
 * From the client `{"@end":{}}` half-closes. To it `{"@headers":{…}}` tells the initial metadata, if there is any, and
 * `{"@status":{"code","message","details"}}` always comes last, before the Close.
 */
export class WebSocketJsonTranscoder extends WebSocketTranscoder {
  readonly #splitter: MessageSplitter
  readonly #typesComing: Promise<MethodTypes>
  #types: MethodTypes | null = null
  /** Messages that came before the types: those of one read, since reading then stops. */
  #early: Buffer[] = []
  #hasSent = false

  constructor(options: WebSocketTranscoderOptions, types: Promise<MethodTypes>) {
    super(options)
    this.#typesComing = types
    this.#splitter = new MessageSplitter(options.context.limits.messageOctetsMax, (flags, message) =>
      this.#sendMessage(flags, message),
    )
  }

  /** Asks for a place upstream once the types are known. */
  override start(): void {
    this.socket.pause()
    this.#typesComing.then(
      this.guard((types: MethodTypes) => this.#begin(types)),
      this.guard((error: Error) => this.fail(failureOf(error))),
    )
  }

  #begin(types: MethodTypes): void {
    if (this.isClosed || this.localEnded) return
    this.#types = types
    super.start()
    this.socket.resume()
    const early = this.#early
    this.#early = []
    for (const message of early) this.receive(message, false)
  }

  // ---- From the client ------------------------------------------------------------------------------------------

  protected receive(message: Buffer, isBinary: boolean): void {
    if (this.isClosed || this.localEnded) return
    if (isBinary) return this.#refuse("a binary message: JSON comes as text")
    if (this.#types === null) {
      // A client that half-closed or not, it must wait for the types.
      this.#early.push(message)
      return
    }
    try {
      this.#receiveText(message.toString("utf8"), this.#types)
    } catch (error) {
      if (!(error instanceof JsonFault)) throw error
      this.#refuse(error.message)
    }
  }

  #receiveText(text: string, { method, registry }: MethodTypes): void {
    const json = parseJson(text)
    if (isHalfClose(json)) {
      if (!this.remoteEnded) this.forward(NO_OCTETS, 0, 0, true)
      return
    }
    const { methodKind } = method
    const isSingle = methodKind === "unary" || methodKind === "server_streaming"
    if (this.remoteEnded)
      return this.#refuse(
        isSingle && this.#hasSent ? `${method.name} takes one message` : "a message after @end",
      )
    const frame = framed(0, encodeJson(method.input, json, text, registry))
    this.#hasSent = true
    this.forward(frame, 0, frame.length, isSingle)
  }

  #refuse(message: string): void {
    this.fail(failure("bad_request", message))
  }

  // ---- To the client --------------------------------------------------------------------------------------------

  protected sendHead(list: HeaderList): void {
    this.record.status = 101
    const metadata = metadataOf(list)
    if (metadata.length > 0) this.write(JSON.stringify({ "@headers": joined(metadata) }))
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    const before = this.#splitter.heldOctets
    const fits = this.#splitter.push(octets, start, end)
    this.held.add(this.#splitter.heldOctets - before)
    if (!fits) {
      this.context.counters.add(counterIds.message_too_large)
      const { messageOctetsMax } = this.context.limits
      const message = `a message of ${this.#splitter.refusedOctets} octets is larger than messageOctetsMax (${messageOctetsMax})`
      this.fail(failure("body_too_large", message))
      return 0
    }
    return this.written(end - start)
  }

  #sendMessage(flags: number, message: Buffer): void {
    if (this.localEnded) return
    const { method, registry } = this.#types!
    try {
      if ((flags & COMPRESSED) !== 0) throw new Error("it is compressed, which nobody asked for")
      this.write(JSON.stringify(decodeToJson(method.output, message, registry)))
    } catch (error) {
      this.fail(
        failure(
          "upstream_malformed",
          `the backend's message is no ${method.output.typeName}: ${(error as Error).message}`,
        ),
      )
    }
  }

  protected sendStatus(trailers: HeaderList): void {
    const registry = this.#types?.registry ?? createRegistry()
    const metadata = metadataOf(trailers)
    const status = {
      code: parseGrpcStatus(trailers.get("grpc-status") ?? ""),
      message: decodeGrpcMessage(trailers.get("grpc-message") ?? ""),
      details: readStatusDetails(trailers.get("grpc-status-details-bin")).map((one) =>
        detailToJson(one, registry),
      ),
      ...(metadata.length > 0 && { metadata: joined(metadata) }),
    }
    this.write(JSON.stringify({ "@status": status }))
    this.closeSocket(NORMAL)
  }
}

/** `{"@end":{}}` and nothing else: no message has a field of that name. */
function isHalfClose(json: JsonValue): boolean {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false
  const keys = Object.keys(json)
  return keys.length === 1 && keys[0] === "@end"
}

/** By name; values that came apart are joined as RFC 9110 §5.3 has it. */
function joined(metadata: readonly (readonly [name: string, value: string])[]): Record<string, string> {
  const byName = new Map<string, string>()
  for (const [name, value] of metadata) {
    const before = byName.get(name)
    byName.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(byName)
}
