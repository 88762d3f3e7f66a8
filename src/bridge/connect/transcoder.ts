import { counterIds } from "../../base/counters.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { type Failure, failure } from "../../record/failure.ts"
import { decodeToJson, encodeJson, JsonFault, parseJson } from "../json/codec.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { failureOf } from "../json/reflection.ts"
import { decompress } from "../shared/decompress.ts"
import { guarded } from "../shared/guarded.ts"
import { HeldBody } from "../shared/held-body.ts"
import { HttpTranscoder, type HttpTranscoderOptions } from "../shared/http-transcoder.ts"
import { type ConnectKind, encodingsOf } from "./protocol.ts"

export interface ConnectTranscoderOptions extends HttpTranscoderOptions {
  kind: ConnectKind
  /** The client's own head. */
  clientHead: RequestHead
  /** Null where no types are needed. */
  types: Promise<MethodTypes> | null
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
  readonly #typesComing: Promise<MethodTypes> | null
  readonly #requestEncoding: string | null
  readonly #version: string | undefined
  /** The request's octets until the call is under way, credit withheld. */
  #early: HeldBody | null = new HeldBody(this.held)
  /** Some of it came; all of it did. */
  #hasBegun = false
  #hasEnded = false

  constructor(options: ConnectTranscoderOptions) {
    super(options)
    const { kind, clientHead } = options
    this.kind = kind
    this.record.showAs(clientHead.method, clientHead.path)
    this.#typesComing = options.types
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
    if (this.#typesComing === null) return this.#begin()
    const guard = <Given extends unknown[]>(run: (...given: Given) => void) =>
      guarded(this.context, () => this.stream.reset(ErrorCode.INTERNAL_ERROR), run)
    this.#typesComing.then(
      guard((types: MethodTypes) => {
        this.types = types
        this.#begin()
      }),
      guard((error: Error) => this.fail(failureOf(error))),
    )
  }

  #begin(): void {
    if (this.isClosed || this.localEnded) return
    if (this.kind.query !== null && this.types?.method.idempotency !== NO_SIDE_EFFECTS)
      return this.fail(failure("no_route", "only methods without side effects can be called by GET", true))
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
      if (error instanceof ConnectFault) this.fail(error.failure)
      else if (error instanceof JsonFault) this.fail(failure("bad_request", error.message))
      else throw error
    }
  }

  /** As `translateRequest`. Errors: `ConnectFault`, `JsonFault`. */
  protected abstract readRequest(octets: Buffer, start: number, end: number, isLast: boolean): void

  /** A request's message in binary. Call with JSON only. Errors: `ConnectFault`, `JsonFault`. */
  protected fromJson(payload: Buffer, isCompressed: boolean): Uint8Array {
    const { method, registry } = this.types!
    const text = (isCompressed ? this.#decompressed(payload) : payload).toString("utf8")
    return encodeJson(method.input, parseJson(text), text, registry)
  }

  #decompressed(payload: Buffer): Buffer {
    const encoding = this.#requestEncoding
    if (encoding === null)
      throw new ConnectFault(failure("bad_request", "a compressed message without an encoding"))
    const octets = decompress(encoding, payload, this.context.limits.messageOctetsMax)
    if (Buffer.isBuffer(octets)) return octets
    if (octets.kind === "too_large") throw this.tooLarge()
    if (octets.kind === "malformed")
      throw new ConnectFault(failure("bad_request", `a message is not ${encoding}`))
    const what = failure(
      "no_route",
      `unknown compression ${encoding.slice(0, 40)}: there is gzip, deflate, br and zstd`,
    )
    throw new ConnectFault({ ...what, grpcStatus: GrpcStatus.UNIMPLEMENTED })
  }

  /** A response's message as JSON text. Errors: `ConnectFault`. */
  protected toJson(message: Buffer, isCompressed: boolean): Buffer {
    const { method, registry } = this.types!
    try {
      if (isCompressed) throw new Error("it is compressed, which nobody asked for")
      return Buffer.from(JSON.stringify(decodeToJson(method.output, message, registry)), "utf8")
    } catch (error) {
      const what = `the backend's message is no ${method.output.typeName}: ${(error as Error).message}`
      throw new ConnectFault(failure("upstream_malformed", what))
    }
  }

  protected tooLarge(): ConnectFault {
    this.context.counters.add(counterIds.message_too_large)
    const { messageOctetsMax } = this.context.limits
    return new ConnectFault(
      failure("body_too_large", `a message is larger than messageOctetsMax (${messageOctetsMax} octets)`),
    )
  }
}

/** google.protobuf.MethodOptions.IdempotencyLevel. */
const NO_SIDE_EFFECTS = 1
