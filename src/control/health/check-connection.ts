import type { Socket } from "node:net"
import type { Clock } from "../../base/clock.ts"
import type { Limits } from "../../base/limits.ts"
import { VERSION } from "../../base/version.ts"
import { isGrpcContentType, parseGrpcStatus } from "../../grpc/status.ts"
import { Http2Connection } from "../../http2/connection.ts"
import { ErrorCode, errorCodeName, type Fault } from "../../http2/error-code.ts"
import type { ConnectionEvents, StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import { HealthResponses, healthRequest } from "./health-message.ts"

/** What a call of grpc.health.v1 comes to. `onEnd` is called once, last. */
export interface HealthCall {
  onStatus(status: number): void
  /** `grpcStatus`: -1, and `reason`, where there is none. */
  onEnd(grpcStatus: number, reason: string): void
}

/** A call, and what of its answer has come. */
interface Answering {
  readonly call: HealthCall
  readonly responses: HealthResponses
  isOver: boolean
}

export interface CheckConnectionOptions {
  readonly limits: Limits
  readonly clock: Clock
  readonly authority: string
  readonly isTls: boolean
  dial(onOctets: OnOctets): Socket
  link(socket: Socket): Link
  /** The endpoint's SETTINGS have come: it speaks HTTP/2. */
  onReady(): void
  /** Once. */
  onEnd(reason: string): void
}

type Stream = Http2Stream<Answering>

/** One HTTP/2 connection over which an endpoint is asked how it is. */
export class CheckConnection implements ConnectionEvents<Answering>, LinkUser {
  /** The socket failed for want of a descriptor: no fault of the endpoint's. */
  get lacksDescriptor(): boolean {
    return this.#link.lacksDescriptor
  }

  readonly #options: CheckConnectionOptions
  readonly #http2: Http2Connection<Answering>
  readonly #link: Link
  #isReady = false
  #isOver = false

  constructor(options: CheckConnectionOptions) {
    const { limits, clock } = options
    this.#options = options
    this.#http2 = new Http2Connection<Answering>({ role: "client", limits, events: this, nowMs: clock.now() })
    const socket = options.dial((octets, length) => this.#link.received(octets, 0, length))
    this.#link = options.link(socket)
    this.#link.use(this)
    this.#http2.start()
  }

  /** Asks `Check` or `Watch`. Call only once it is ready. */
  ask(method: "Check" | "Watch", service: string, timeoutMs: number | null, call: HealthCall): void {
    const { authority, isTls } = this.#options
    const fields = [":method", "POST", ":scheme", isTls ? "https" : "http"]
    fields.push(":path", `/grpc.health.v1.Health/${method}`, ":authority", authority)
    fields.push("te", "trailers", "content-type", "application/grpc", "user-agent", `sluice/${VERSION}`)
    if (timeoutMs !== null) fields.push("grpc-timeout", `${timeoutMs}m`)
    const answering = { call, responses: new HealthResponses(), isOver: false }
    const stream = this.#http2.open(new HeaderList(fields), false, false, answering)
    const request = healthRequest(service)
    stream.sendData(request, 0, request.length, true)
  }

  /** It can take another call. */
  get isUsable(): boolean {
    return this.#isReady && !this.#isOver && !this.#http2.isDraining
  }

  /** Ends it; nothing is told any more. */
  close(): void {
    this.#isOver = true
    this.#http2.drain("no longer needed")
    this.#link.end(this.#options.limits.drainTimeoutMs)
  }

  #over(stream: Stream, grpcStatus: number, reason: string): void {
    const answering = stream.owner!
    if (answering.isOver) return
    answering.isOver = true
    if (!this.#isOver) answering.call.onEnd(grpcStatus, reason)
  }

  /** What came makes no sense. */
  #refuse(stream: Stream, reason: string): void {
    this.#over(stream, -1, reason)
    if (!stream.isClosed) stream.reset(ErrorCode.CANCEL)
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get output() {
    return this.#http2.output
  }

  get shouldPauseReading(): boolean {
    return this.#http2.shouldPauseReading
  }

  receive(octets: Buffer, start: number, end: number): void {
    this.#http2.receive(octets, start, end, this.#options.clock.now())
  }

  receiveEnd(reason: string): void {
    this.#http2.receiveEnd(reason)
  }

  drained(): void {
    this.#http2.drained()
  }

  // ---- ConnectionEvents ---------------------------------------------------------------------------------------

  onSettings(): void {
    if (this.#isReady || this.#isOver) return
    this.#isReady = true
    this.#options.onReady()
  }

  onResponse(stream: Stream, { status, list }: ResponseHead, endStream: boolean): void {
    if (status !== 200) return this.#refuse(stream, `HTTP status ${status}`)
    const isGrpc = isGrpcContentType(list.get("content-type"))
    if (endStream) this.onTrailers(stream, list)
    else if (!isGrpc) this.#refuse(stream, "it answered, and not in gRPC")
  }

  onData(stream: Stream, octets: Buffer, start: number, end: number, endStream: boolean): void {
    stream.consume(end - start)
    if (stream.owner!.isOver) return
    const statuses = stream.owner!.responses.push(octets.subarray(start, end))
    if (typeof statuses === "string") return this.#refuse(stream, statuses)
    for (const status of statuses) if (!this.#isOver) stream.owner!.call.onStatus(status)
    if (endStream) this.#over(stream, -1, "the answer ended without a grpc-status")
  }

  onTrailers(stream: Stream, trailers: HeaderList): void {
    const status = trailers.get("grpc-status")
    if (status === undefined) this.#over(stream, -1, "the answer ended without a grpc-status")
    else this.#over(stream, parseGrpcStatus(status), trailers.get("grpc-message") ?? "")
  }

  onReset(stream: Stream, { code, origin, reason }: StreamEnd): void {
    this.#over(stream, -1, origin === "peer" ? `RST_STREAM (${errorCodeName(code)})` : reason)
  }

  onEnd(_fault: Fault | null): void {
    this.#link.end(this.#options.limits.drainTimeoutMs)
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onEnd(this.#http2.ending.reason)
  }

  onOutput(): void {
    // Before the constructor is through there is no link yet.
    this.#link?.schedule()
  }

  onMuchOutput(): void {
    this.#link.flush()
  }

  onRequest(): void {}
  onRefusedRequest(): void {}
  onRequestFault(): void {}
  onInformational(): void {}
  onSent(): void {}
  onQueueExceeded(): void {}
  onGoaway(): void {}
  onPong(): void {}
  onLimit(): void {}
}
