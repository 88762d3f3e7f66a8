import { encodeGrpcMessage, GrpcStatus, grpcStatusOfHttp, isGrpcContentType } from "../../grpc/status.ts"
import { ErrorCode, errorCodeName } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { Failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import { Exchange } from "../../relay/call/call.ts"
import type { DownstreamStream } from "../../relay/call/downstream-stream.ts"
import type { RelayContext } from "../../relay/context.ts"
import type { StreamOwner } from "../../relay/downstream/client-connection.ts"
import type { Route } from "../../relay/route/route.ts"
import { HeldOctets } from "./held-octets.ts"

/** What every call is made from. `head` is the gRPC request's. */
export interface CallOptions {
  context: RelayContext
  connection: ConnectionRecord
  head: RequestHead
  route: Route
}

/**
 * A gRPC call whose client speaks something else: to the exchange it is an HTTP/2 stream like any other.
 *
 * However the backend's answer ends (trailers, Trailers-Only, no gRPC at all, a reset, a body without trailers), a
 * subclass is told the same: at most one head, messages, then exactly one status.
 */
export abstract class TranslatedCall implements DownstreamStream, StreamOwner {
  localEnded = false
  remoteEnded = false
  protected readonly context: RelayContext
  protected readonly exchange: Exchange
  /** What is held for this call beside what the exchange holds. */
  protected readonly held: HeldOctets
  /** The backend's HTTP status, where it answered with something else than gRPC; else 0. */
  protected foreignStatus = 0
  #headCame = false

  constructor(options: CallOptions) {
    this.context = options.context
    this.held = new HeldOctets(options.context.budget)
    this.exchange = new Exchange(options.context, options.connection, this, options.head, options.route)
  }

  /** Asks for a place upstream. */
  start(): void {
    this.exchange.start()
  }

  get headerListMax(): number {
    return Number.POSITIVE_INFINITY
  }

  // ---- What a subclass says of its client -----------------------------------------------------------------------

  abstract readonly isClosed: boolean
  abstract readonly queuedOctets: number
  /** The initial metadata. */
  protected abstract sendHead(list: HeaderList): void
  /** Length-prefixed messages, cut anywhere. Returns the octets taken now; `exchange.onDownstreamTaken` the others. */
  protected abstract sendMessages(octets: Buffer, start: number, end: number): number
  /** `grpc-status` and the trailing metadata; nothing follows. */
  protected abstract sendStatus(trailers: HeaderList): void
  /** Both halves are over for the backend; what was sent still has to reach the client. */
  protected abstract end(): void
  abstract consume(octets: number): void
  abstract discardQueued(): void

  // ---- DownstreamStream -----------------------------------------------------------------------------------------

  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (this.isClosed || this.localEnded) return
    if (this.#headCame) return this.#finish(list)
    const status = Number(list.get(":status"))
    if (status < 200) return
    this.#headCame = true
    const isGrpc =
      list.get("grpc-status") !== undefined || (status === 200 && isGrpcContentType(list.get("content-type")))
    if (!isGrpc) {
      this.foreignStatus = status
      const message = `the backend answered with HTTP status ${status}, not gRPC`
      this.#finish(statusList(grpcStatusOfHttp(status), message))
    } else if (endStream) this.#finish(list)
    else this.sendHead(list)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.isClosed || this.localEnded) return end - start
    const taken = end > start ? this.sendMessages(octets, start, end) : 0
    if (endStream)
      this.#finish(statusList(GrpcStatus.UNKNOWN, "the backend ended the stream without a grpc-status"))
    return taken
  }

  reset(code: number): void {
    if (this.isClosed) return
    if (!this.localEnded)
      this.#finish(statusList(statusOfReset(code), `the stream was reset with ${errorCodeName(code)}`))
    if (!this.isClosed) this.end()
  }

  #finish(trailers: HeaderList): void {
    if (this.localEnded) return
    this.localEnded = true
    this.sendStatus(trailers)
    this.held.release()
  }

  // ---- StreamOwner ----------------------------------------------------------------------------------------------

  get record() {
    return this.exchange.record
  }

  get messages() {
    return this.exchange.messages
  }

  get endpointAddress(): string {
    return this.exchange.endpointAddress
  }

  get bufferedOctets(): number {
    return this.exchange.bufferedOctets + this.held.octets
  }

  abstract onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  abstract onRequestTrailers(list: HeaderList): void
  abstract onDownstreamTaken(octets: number): void

  onDownstreamReset(end: StreamEnd): void {
    this.held.release()
    this.exchange.onDownstreamReset(end)
  }

  fail(what: Failure): void {
    this.exchange.fail(what)
  }

  shed(what: Failure): void {
    this.exchange.shed(what)
  }
}

/** Trailers of our own making. */
export function statusList(grpcStatus: number, message: string): HeaderList {
  return new HeaderList(["grpc-status", String(grpcStatus), "grpc-message", encodeGrpcMessage(message)])
}

/** Of a call whose messages were thrown away to make room. */
export const OUT_OF_MEMORY = statusList(
  GrpcStatus.RESOURCE_EXHAUSTED,
  "bufferedOctetsMax is used up and this stream held some of it",
)

/** Source: gRPC, doc/PROTOCOL-HTTP2.md, "Errors". */
function statusOfReset(code: number): number {
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return GrpcStatus.UNAVAILABLE
    case ErrorCode.CANCEL:
      return GrpcStatus.CANCELLED
    case ErrorCode.ENHANCE_YOUR_CALM:
      return GrpcStatus.RESOURCE_EXHAUSTED
    case ErrorCode.INADEQUATE_SECURITY:
      return GrpcStatus.PERMISSION_DENIED
    default:
      return GrpcStatus.INTERNAL
  }
}

/** Fields that say how gRPC or HTTP carries a message; all others are metadata. */
const CARRIAGE = new Set([
  ...["content-type", "content-length", "content-encoding", "te", "trailer", "date", "server"],
  ...["grpc-encoding", "grpc-accept-encoding", "grpc-status", "grpc-message", "grpc-status-details-bin"],
])

/** The metadata of a head or of trailers, in order. */
export function metadataOf(list: HeaderList): [name: string, value: string][] {
  const metadata: [string, string][] = []
  const { fields } = list
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.charCodeAt(0) !== 0x3a && !CARRIAGE.has(name)) metadata.push([name, fields[i + 1]!])
  }
  return metadata
}
