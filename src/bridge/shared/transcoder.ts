import { encodeGrpcMessage, GrpcStatus, grpcStatusOfHttp, isGrpcContentType } from "../../grpc/status.ts"
import { errorCodeName } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { Failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import { Call } from "../../relay/call/call.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { DownstreamStream, StreamOwner } from "../../relay/call/stream-owner.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import type { Route } from "../../relay/route/route.ts"
import { statusOfReset } from "./status-of-reset.ts"

/** What every call is made from. `head` is the gRPC request's. */
export interface TranscoderOptions {
  context: CallContext
  connection: ConnectionRecord
  head: RequestHead
  route: Route
}

/**
 * A gRPC call whose client speaks something else: to the relay it is an HTTP/2 stream like any other.
 *
 * However the backend's answer ends (trailers, Trailers-Only, no gRPC at all, a reset, a body without trailers), a
 * subclass is told the same: at most one head, messages, then exactly one status.
 */
export abstract class Transcoder implements DownstreamStream, StreamOwner {
  localEnded = false
  remoteEnded = false
  protected readonly context: CallContext
  protected readonly call: Call
  /** What is held for this call beside what the call holds. */
  protected readonly held: HeldOctets
  /** The backend's HTTP status, where it answered with something else than gRPC; else 0. */
  protected foreignStatus = 0
  #headCame = false
  /** Of a backend that said in its head how the call ended. Behind it may come less, and nothing that says otherwise. */
  #headStatus: string[] | null = null

  constructor(options: TranscoderOptions) {
    this.context = options.context
    this.held = new HeldOctets(options.context.budget)
    this.call = new Call(options.context, options.connection, this, options.head, options.route)
  }

  /** Asks for a place upstream. */
  start(): void {
    this.call.start()
  }

  get headerListMax(): number {
    return Number.POSITIVE_INFINITY
  }

  // ---- What a subclass says of its client -----------------------------------------------------------------------

  abstract readonly isClosed: boolean
  abstract readonly queuedOctets: number
  /** The initial metadata. */
  protected abstract sendHead(list: HeaderList): void
  /** Length-prefixed messages, cut anywhere. Returns the octets taken now; `call.onDownstreamSent` the others. */
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
    if (this.#headCame) {
      const isSaid = this.#headStatus === null || list.get("grpc-status") !== undefined
      return this.#finish(isSaid ? list : new HeaderList([...this.#headStatus!, ...list.fields]))
    }
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
    else {
      if (list.get("grpc-status") !== undefined) this.#headStatus = statusFields(list)
      this.sendHead(list)
    }
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.isClosed || this.localEnded) return end - start
    const taken = end > start ? this.sendMessages(octets, start, end) : 0
    if (endStream) this.#finish(this.#headStatus === null ? NO_STATUS : new HeaderList(this.#headStatus))
    return taken
  }

  /** Where the client's protocol has many calls on a connection. */
  chargePeer(): void {}

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
    return this.call.record
  }

  get endpointAddress(): string {
    return this.call.endpointAddress
  }

  get route() {
    return this.call.route
  }

  get cluster() {
    return this.call.cluster
  }

  get waitsFor() {
    return this.call.waitsFor
  }

  get paced() {
    return this.call.paced
  }

  get bufferedOctets(): number {
    return this.call.bufferedOctets + this.held.octets
  }

  abstract onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  abstract onRequestTrailers(list: HeaderList): void
  abstract onDownstreamSent(octets: number): void

  onDownstreamReset(end: StreamEnd): void {
    this.held.release()
    this.call.onDownstreamReset(end)
  }

  fail(what: Failure): void {
    this.call.fail(what)
  }

  shed(what: Failure): void {
    this.call.shed(what)
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

const NO_STATUS = statusList(GrpcStatus.UNKNOWN, "the backend ended the stream without a grpc-status")

/** What a list says of how a call ended. */
function statusFields(list: HeaderList): string[] {
  return ["grpc-status", "grpc-message", "grpc-status-details-bin"].flatMap((name) => {
    const value = list.get(name)
    return value === undefined ? [] : [name, value]
  })
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
