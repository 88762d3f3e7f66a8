import { octetText } from "../../base/octet-text.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { guarded } from "../../log/guarded.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { BinaryToJson } from "../json/binary-to-json.ts"
import { JsonToBinary } from "../json/json-to-binary.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { failureOf } from "../json/reflection.ts"
import { ValueCounter } from "../json/value-counter.ts"
import { HeldBody } from "../shared/held-body.ts"
import { HttpTranscoder, type HttpTranscoderOptions } from "../shared/http-transcoder.ts"
import {
  messageBoundsOf,
  messageOctetsMaxOf,
  messageTooLarge,
  requestFailure,
  responseFailure,
} from "../shared/message-limits.ts"
import { MessagePipe } from "../shared/message-pipe.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { OUT_OF_MEMORY, statusList } from "../shared/transcoder.ts"
import { type ConnectKind, encodingsOf } from "./head.ts"

export interface ConnectTranscoderOptions extends HttpTranscoderOptions {
  kind: ConnectKind
  /** The client's own head. */
  clientHead: RequestHead
  /** Null where no types are needed. */
  types: Promise<MethodTypes> | null
  work: MessageWork
}

/** What keeps a Connect call from being made. */
export class ConnectFault extends Error {
  readonly failure: Failure

  constructor(what: Failure) {
    super(what.message)
    this.failure = what
  }
}

/** What unary calls and streams of Connect have in common: their messages' codec and compression. */
export abstract class ConnectTranscoder extends HttpTranscoder {
  protected readonly kind: ConnectKind
  protected types: MethodTypes | null = null
  /** Messages of JSON, on their way to the backend and back; null for binary. */
  protected requests: MessagePipe | null = null
  protected responses: MessagePipe | null = null
  /** How the backend's messages are compressed, where they say that they are. */
  protected responseEncoding = "identity"
  protected readonly messageOctetsMax: number
  readonly #options: ConnectTranscoderOptions
  readonly #requestEncoding: string | null
  readonly #version: string | undefined
  /** The request's octets until the call is under way, credit withheld. */
  #early: HeldBody | null = new HeldBody(this.held)
  /** Some of it came; all of it did. */
  #hasBegun = false
  #hasEnded = false
  /** Credit is withheld for what waits to be translated. */
  #isRequestHeld = false
  #isResponseHeld = false
  /** How the call ended, until it is said. */
  #ending: HeaderList | null = null

  constructor(options: ConnectTranscoderOptions) {
    super(options)
    const { kind, clientHead, context, route } = options
    this.#options = options
    this.kind = kind
    this.messageOctetsMax = messageOctetsMaxOf(route.settings.bridge, context.limits)
    this.record.showAs(clientHead.method, clientHead.path)
    this.#requestEncoding = encodingsOf(clientHead, kind).message
    this.#version =
      kind.query === null
        ? clientHead.list.get("connect-protocol-version")
        : (kind.query.get("connect") ?? undefined)?.replace(/^v/, "")
  }

  override start(): void {
    if (this.#version !== undefined && this.#version !== "1")
      return this.fail(
        failure("bad_request", `Connect protocol version ${this.#version.slice(0, 20)} is not known`, true),
      )
    const { types } = this.#options
    if (types === null) return this.#begin()
    types.then(
      this.#guard((found: MethodTypes) => {
        this.types = found
        this.#begin()
      }),
      this.#guard((error: Error) => this.fail(failureOf(error))),
    )
  }

  #guard<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return guarded(this.context, () => this.stream.reset(ErrorCode.INTERNAL_ERROR), run)
  }

  #begin(): void {
    if (this.isClosed || this.localEnded) return
    if (this.kind.query !== null && this.types?.method.hasNoSideEffects !== true)
      return this.fail(failure("no_route", "only methods without side effects can be called by GET", true))
    if (this.kind.codec === "json" && this.types !== null) this.#openPipes()
    super.start()
    const early = this.#early!
    this.#early = null
    if (this.#hasBegun) {
      const octets = early.take()
      super.onRequestData(octets, 0, octets.length, this.#hasEnded)
    } else if (this.stream.remoteEnded) this.onEmptyRequest()
  }

  /** The request has no body. */
  protected abstract onEmptyRequest(): void
  /** A message for the backend, in binary. */
  protected abstract onRequestMessage(message: Buffer): void
  /** A message of the backend's, in JSON. */
  protected abstract onResponseMessage(message: Buffer): void
  /** The metadata at the end, and how it ended. */
  protected abstract writeEnd(trailers: HeaderList): void

  // ---- Messages of JSON -----------------------------------------------------------------------------------------

  #openPipes(): void {
    const { context, work, route } = this.#options
    const { bridge } = route.settings
    const bounds = messageBoundsOf(bridge, context.limits)
    const shared = {
      work,
      budget: context.budget,
      maxOctets: this.messageOctetsMax,
      guard: this.#guard.bind(this),
      onUnknown: () => this.types!.newer()?.then((types) => void (this.types = types)) ?? null,
    }
    this.requests = new MessagePipe({
      ...shared,
      makeCounter: () => new ValueCounter(bounds),
      translate: (message) => new JsonToBinary(this.types!.method.input, message, this.types!.names, bounds),
      onMessage: (message) => this.onRequestMessage(message),
      onFault: (fault) => {
        this.fail(requestFailure(context, bridge, this.record, fault, this.#requestEncoding ?? ""))
        this.#releaseRequest()
      },
      onIdle: () => this.#releaseRequest(),
    })
    this.responses = new MessagePipe({
      ...shared,
      translate: (message) => new BinaryToJson(this.types!.method.output, message, this.types!.names, bounds),
      onMessage: (message) => this.onResponseMessage(message),
      onFault: (fault) => {
        const of = { typeName: this.types!.method.output.name, encoding: this.responseEncoding }
        this.#failResponse(responseFailure(context, bridge, this.record, fault, of))
        this.#releaseResponse()
      },
      onIdle: () => this.#releaseResponse(),
    })
  }

  /** The call may have ended otherwise for the backend, with its last message not translated yet. */
  #failResponse(what: Failure): void {
    if (!this.localEnded) return this.fail(what)
    this.record.grpcStatus = what.grpcStatus
    this.record.grpcMessage = octetText(what.message)
    this.#end(statusList(what.grpcStatus, what.message))
  }

  #releaseRequest(): void {
    if (!this.#isRequestHeld) return
    this.#isRequestHeld = false
    this.consume(1)
  }

  #releaseResponse(): void {
    if (!this.#isResponseHeld) return
    this.#isResponseHeld = false
    this.onDownstreamSent(1)
  }

  /** Something was pushed into `responses`. */
  protected holdResponseIfBusy(): void {
    if (this.responses?.isBusy !== true || this.#isResponseHeld) return
    this.#isResponseHeld = true
    this.holdResponse()
  }

  // ---- Towards the backend --------------------------------------------------------------------------------------

  override onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#early === null) return super.onRequestData(octets, start, end, endStream)
    this.#hasBegun = true
    this.#hasEnded = endStream
    this.#early.push(octets, start, end)
  }

  protected translateRequest(octets: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.localEnded) return
    try {
      this.readRequest(octets, start, end, isLast)
    } catch (error) {
      if (!(error instanceof ConnectFault)) throw error
      this.fail(error.failure)
    }
    if (this.requests?.isBusy !== true || this.#isRequestHeld) return
    this.#isRequestHeld = true
    this.holdRequest()
  }

  /** As `translateRequest`. Errors: `ConnectFault`. */
  protected abstract readRequest(octets: Buffer, start: number, end: number, isLast: boolean): void

  /** How a request's message is compressed; null: it is not. Errors: `ConnectFault`. */
  protected encodingOf(isCompressed: boolean): string | null {
    if (isCompressed && this.#requestEncoding === null)
      throw new ConnectFault(failure("bad_request", "a compressed message without an encoding"))
    return isCompressed ? this.#requestEncoding : null
  }

  protected tooLarge(what = "a message"): ConnectFault {
    return new ConnectFault(
      messageTooLarge(this.context, this.#options.route.settings.bridge, this.record, what),
    )
  }

  // ---- Towards the client ---------------------------------------------------------------------------------------

  protected sendStatus(trailers: HeaderList): void {
    this.requests?.close()
    this.#releaseRequest()
    this.#ending = trailers
    this.translateLast(trailers)
    const end = (): void => this.#end(trailers)
    if (this.responses?.isBusy === true) this.responses.after(end)
    else end()
  }

  /** What has to be translated once the status is known: nothing, where messages were all along. */
  protected translateLast(_trailers: HeaderList): void {}

  #end(trailers: HeaderList): void {
    if (this.#ending === null) return
    this.#ending = null
    this.writeEnd(trailers)
  }

  override get queuedOctets(): number {
    const waiting = this.responses?.isBusy === true ? Math.max(1, this.responses.heldOctets) : 0
    return super.queuedOctets + waiting
  }

  override get bufferedOctets(): number {
    return super.bufferedOctets + (this.requests?.heldOctets ?? 0)
  }

  override discardQueued(): void {
    this.requests?.close()
    this.responses?.close()
    this.#end(OUT_OF_MEMORY)
    super.discardQueued()
  }

  override onDownstreamReset(end: StreamEnd): void {
    this.requests?.close()
    this.responses?.close()
    super.onDownstreamReset(end)
  }
}
