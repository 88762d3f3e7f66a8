import { octetText } from "../../base/octet-text.ts"
import type { BridgeConfig } from "../../config/model.ts"
import { parseGrpcStatus } from "../../grpc/status.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { BinaryToJson } from "../json/binary-to-json.ts"
import { JsonToBinary } from "../json/json-to-binary.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { failureOf } from "../json/reflection.ts"
import { ValueCounter } from "../json/value-counter.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import {
  messageBoundsOf,
  messageOctetsMaxOf,
  messageTooLarge,
  requestFailure,
  responseFailure,
} from "../shared/message-limits.ts"
import { MessagePipe } from "../shared/message-pipe.ts"
import { COMPRESSED, framed, MessageSplitter } from "../shared/message-splitter.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { detailToJson, readStatusDetails } from "../shared/status-details.ts"
import { metadataOf, statusList } from "../shared/transcoder.ts"
import { WebSocketTranscoder, type WebSocketTranscoderOptions } from "./transcoder.ts"

const NORMAL = 1000
const NO_OCTETS = Buffer.alloc(0)
/** No `@end` is longer. */
const END_OCTETS_MAX = 1024

/**
 * A WebSocket of JSON: every text message is one message of the method, in proto3 JSON, either way.
 *
 * From the client `{"@end":{}}` half-closes. To it `{"@headers":{…}}` tells the initial metadata, if there is any, and
 * `{"@status":{"code","message","details"}}` always comes last, before the Close.
 */
export class WebSocketJsonTranscoder extends WebSocketTranscoder {
  readonly #bridge: BridgeConfig
  readonly #requests: MessagePipe
  readonly #responses: MessagePipe
  readonly #splitter: MessageSplitter
  readonly #typesComing: Promise<MethodTypes>
  #types: MethodTypes | null = null
  /** Messages that came before the types: those of one read, since reading then stops. */
  #early: Buffer[] = []
  /** No message may follow from the client: it has said so, or the method takes one. */
  #isRequestEnding = false
  #hasSent = false
  #responseEncoding = "identity"
  /** Octets of the backend's that are credited once what waits to be translated is. */
  #owedOctets = 0

  constructor(options: WebSocketTranscoderOptions, types: Promise<MethodTypes>, work: MessageWork) {
    super({
      ...options,
      onOver: (call) => {
        this.#closePipes()
        options.onOver(call)
      },
    })
    this.#typesComing = types
    this.#bridge = options.route.settings.bridge
    const maxOctets = messageOctetsMaxOf(this.#bridge, this.context.limits)
    this.#splitter = new MessageSplitter(maxOctets, (flags, message, isOwned) =>
      this.#responses.push(message, (flags & COMPRESSED) === 0 ? null : this.#responseEncoding, isOwned),
    )
    const bounds = messageBoundsOf(this.#bridge, this.context.limits)
    const shared = {
      work,
      maxOctets,
      budget: this.context.budget,
      guard: <Given extends unknown[]>(run: (...given: Given) => void) => this.guard(run),
      onUnknown: () => this.#types!.newer()?.then((newer) => void (this.#types = newer)) ?? null,
    }
    this.#requests = new MessagePipe({
      ...shared,
      makeCounter: () => new ValueCounter(bounds),
      translate: (message) =>
        new JsonToBinary(this.#types!.method.input, message, this.#types!.names, bounds),
      onMessage: (message) => this.#forwardMessage(message),
      onFault: (fault) => this.fail(requestFailure(this.context, this.#bridge, this.record, fault, "")),
      onIdle: () => this.consume(0),
    })
    this.#responses = new MessagePipe({
      ...shared,
      translate: (message) =>
        new BinaryToJson(this.#types!.method.output, message, this.#types!.names, bounds),
      onMessage: (message) => this.write(message.toString("utf8")),
      onFault: (fault) => {
        const of = { typeName: this.#types!.method.output.name, encoding: this.#responseEncoding }
        this.#failResponse(responseFailure(this.context, this.#bridge, this.record, fault, of))
        this.#creditOwed()
      },
      onIdle: () => this.#creditOwed(),
    })
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
    if (isHalfClose(message)) {
      if (!this.#isRequestEnding) this.#requests.after(() => this.forward(NO_OCTETS, 0, 0, true))
      this.#isRequestEnding = true
      return
    }
    if (this.#isRequestEnding) return this.#requests.after(() => this.#refuseAfterEnd())
    this.#isRequestEnding = this.#isSingle
    this.#requests.push(message, null, true)
    if (this.#requests.isBusy) this.socket.pause()
  }

  get #isSingle(): boolean {
    return !this.#types!.method.isClientStreaming
  }

  #forwardMessage(message: Buffer): void {
    if (this.isClosed || this.localEnded) return
    const frame = framed(0, message)
    this.#hasSent = true
    this.forward(frame, 0, frame.length, this.#isSingle)
  }

  override consume(octets: number): void {
    super.consume(octets)
    // What comes meanwhile would only wait.
    if (this.#requests.isBusy && !this.isClosed) this.socket.pause()
  }

  #refuseAfterEnd(): void {
    const takesOne = this.#isSingle && this.#hasSent
    this.#refuse(takesOne ? `${this.#types!.method.name} takes one message` : "a message after @end")
  }

  #refuse(message: string): void {
    this.fail(failure("bad_request", message))
  }

  // ---- To the client --------------------------------------------------------------------------------------------

  protected sendHead(list: HeaderList): void {
    this.record.status = 101
    this.#responseEncoding = list.get("grpc-encoding") ?? "identity"
    const metadata = metadataOf(list)
    if (metadata.length > 0) this.write(JSON.stringify({ "@headers": joined(metadata) }))
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    const before = this.#splitter.heldOctets
    const fits = this.#splitter.push(octets, start, end)
    this.held.add(this.#splitter.heldOctets - before)
    if (!fits) {
      const what = `a message of ${this.#splitter.refusedOctets} octets`
      this.fail(messageTooLarge(this.context, this.#bridge, this.record, what))
      return 0
    }
    if (!this.#responses.isBusy) return this.written(end - start)
    this.#owedOctets += end - start
    return 0
  }

  #creditOwed(): void {
    const octets = this.#owedOctets
    this.#owedOctets = 0
    if (!this.isClosed) this.call.onDownstreamSent(this.written(octets))
  }

  /** The call may have ended otherwise for the backend, with its last message not translated yet. */
  #failResponse(what: Failure): void {
    if (!this.localEnded) return this.fail(what)
    this.record.grpcStatus = what.grpcStatus
    this.record.grpcMessage = octetText(what.message)
    this.#writeStatus(statusList(what.grpcStatus, what.message))
  }

  protected sendStatus(trailers: HeaderList): void {
    this.#requests.close()
    if (this.#responses.isBusy) this.#responses.after(() => this.#writeStatus(trailers))
    else this.#writeStatus(trailers)
  }

  #writeStatus(trailers: HeaderList): void {
    const names = this.#types?.names ?? null
    const metadata = metadataOf(trailers)
    const status = {
      code: parseGrpcStatus(trailers.get("grpc-status") ?? ""),
      message: decodeGrpcMessage(trailers.get("grpc-message") ?? ""),
      details: readStatusDetails(trailers.get("grpc-status-details-bin")).map((one) =>
        detailToJson(one, names),
      ),
      ...(metadata.length > 0 && { metadata: joined(metadata) }),
    }
    this.write(JSON.stringify({ "@status": status }))
    this.closeSocket(NORMAL)
  }

  // ---- What waits -----------------------------------------------------------------------------------------------

  override get queuedOctets(): number {
    const waiting = this.#responses.isBusy ? Math.max(1, this.#responses.heldOctets) : 0
    return super.queuedOctets + waiting
  }

  override get bufferedOctets(): number {
    return super.bufferedOctets + this.#requests.heldOctets
  }

  override discardQueued(): void {
    super.discardQueued()
    this.#closePipes()
  }

  #closePipes(): void {
    this.#requests.close()
    this.#responses.close()
  }
}

/** `{"@end":{}}` and nothing else: no message has a field of that name. */
function isHalfClose(message: Buffer): boolean {
  if (message.length > END_OCTETS_MAX || !message.includes("@end")) return false
  try {
    const json = JSON.parse(message.toString("utf8")) as unknown
    if (typeof json !== "object" || json === null || Array.isArray(json)) return false
    const keys = Object.keys(json)
    return keys.length === 1 && keys[0] === "@end"
  } catch {
    // What is wrong with it is found when it is translated.
    return false
  }
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
