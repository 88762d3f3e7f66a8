import type { Duplex } from "node:stream"
import type { Dispatcher } from "undici"
import { counterIds } from "../../base/counters.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import { guarded, reportBug } from "../../log/guarded.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import type { UpstreamStream } from "../../relay/upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../../relay/upstream/stream-owner.ts"
import type { OriginContext } from "./context.ts"
import { originFailure } from "./failure.ts"
import { type OriginRequest, originRequest, RequestBody } from "./request.ts"
import { originTrailers, readOriginHead, readSwitchHead, upgradeOf } from "./response.ts"
import { Tunnel } from "./tunnel.ts"

const NO_OCTETS = Buffer.alloc(0)
/** Never sent twice by a client that loses its connection, unless HTTP lets it: RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])

type Controller = Dispatcher.DispatchController
type RawFields = readonly (Buffer | string)[]

/** How a route uses its HTTP/1.1 backends. */
export interface ExchangeSettings {
  /** A body whose length is not said is gathered, as far as it fits, so that its length can be. */
  readonly requestBuffering: boolean
  readonly passTrailers: boolean
  /** What the client sends as a body stays here. */
  readonly dropsBody: boolean
}

export interface ExchangeOptions {
  readonly context: OriginContext
  readonly settings: ExchangeSettings
  readonly owner: UpstreamStreamOwner
  readonly list: HeaderList
  readonly endStream: boolean
  readonly isHead: boolean
  /** The connection has carried another exchange before: the backend may be closing it just now. */
  readonly isReused: boolean
  readonly dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => void
}

/** One request and its response on an HTTP/1.1 connection, with the face of an HTTP/2 stream. */
export class Http1Exchange implements UpstreamStream, Dispatcher.DispatchHandler {
  isClosed = false
  localEnded: boolean
  remoteEnded = false
  queuedOctets = 0
  /** A response head came. */
  isAnswered = false
  readonly #context: OriginContext
  readonly #settings: ExchangeSettings
  readonly #owner: UpstreamStreamOwner
  readonly #request: OriginRequest
  readonly #isReused: boolean
  readonly #dispatch: ExchangeOptions["dispatch"]
  readonly #held: HeldOctets
  #controller: Controller | null = null
  #body: RequestBody | null = null
  #tunnel: Tunnel | null = null
  /** Octets that wait for the body to be begun. */
  #early: Buffer[] = []
  /** `sendData` is under way: what is sent within it was never queued. */
  #sentNow = -1
  /** Response octets without credit. */
  #unconsumed = 0
  #isPaused = false
  #interims = 0

  constructor(options: ExchangeOptions) {
    const { context, settings, list, endStream } = options
    this.#context = context
    this.#settings = settings
    this.#owner = options.owner
    this.#isReused = options.isReused
    this.#dispatch = options.dispatch
    this.#held = new HeldOctets(context.budget)
    this.#request = originRequest(
      list,
      settings.dropsBody,
      options.owner.record.connection.canSwitch === true,
    )
    this.localEnded = endStream
    if (this.#hasNoBody) this.#begin(this.#request.body)
    else if (this.#request.contentLength >= 0 || !settings.requestBuffering) this.#stream()
  }

  get #hasNoBody(): boolean {
    return this.localEnded || this.#settings.dropsBody
  }

  // ---- UpstreamStream -----------------------------------------------------------------------------------------

  /** Trailers of a request end here, as in nginx. */
  sendHeaders(_list: HeaderList, endStream: boolean): void {
    if (endStream) this.sendData(NO_OCTETS, 0, 0, true)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (this.isClosed || this.localEnded || this.#settings.dropsBody) {
      this.localEnded ||= endStream
      return length
    }
    this.queuedOctets += length
    this.#held.add(length)
    this.#sentNow = 0
    // The reader's buffer is used again.
    if (length > 0) this.#push(Buffer.from(octets.subarray(start, end)))
    if (endStream) this.#end()
    const sent = this.#sentNow
    this.#sentNow = -1
    return sent
  }

  #push(octets: Buffer): void {
    if (this.#tunnel !== null) this.#tunnel.write(octets)
    else if (this.#body !== null) this.#body.push(octets)
    else {
      this.#early.push(octets)
      // More than is gathered: from here on it goes up as it comes, in chunks.
      const most = this.#context.limits.streamWindowOctets / 2
      if (this.queuedOctets >= most) this.#stream()
    }
  }

  #end(): void {
    this.localEnded = true
    if (this.#tunnel !== null) this.#tunnel.end()
    else if (this.#body !== null) this.#body.push(null)
    else {
      const whole = Buffer.concat(this.#early)
      this.#early = []
      this.#begin(whole)
      this.#sent(whole.length)
    }
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (!this.#isPaused || this.#unconsumed >= this.#window / 2) return
    this.#isPaused = false
    // Another connection's parser may be at work just now, and there is one for all.
    queueMicrotask(() => {
      if (!this.isClosed && !this.#isPaused) (this.#tunnel ?? this.#controller)?.resume()
    })
  }

  get #window(): number {
    return this.#context.limits.upstreamStreamWindowOctets
  }

  reset(_code: number): void {
    this.#close(new Error("the stream was reset"))
  }

  endEarly(): void {
    this.#close(new Error("the response is whole"))
  }

  // ---- The request ----------------------------------------------------------------------------------------------

  /** Sends the body as it comes. */
  #stream(): void {
    const body = new RequestBody()
    this.#body = body
    for (const octets of this.#early) body.push(octets)
    this.#early = []
    this.#begin(body)
  }

  #begin(body: Buffer | RequestBody | null): void {
    const { method, path, headers, upgrade, isLast } = this.#request
    const run = (): void => {
      if (this.isClosed) return
      this.#dispatch(
        {
          method: method as Dispatcher.HttpMethod,
          path,
          headers,
          body,
          ...(upgrade !== null && { upgrade }),
          ...(isLast && { reset: true }),
          blocking: false,
        },
        this,
      )
    }
    // As above: what opens a stream may be within another connection's parser.
    queueMicrotask(this.#guard(run))
  }

  #sent(octets: number): void {
    this.queuedOctets -= octets
    this.#held.add(-octets)
    if (this.#sentNow >= 0) this.#sentNow += octets
    else if (!this.isClosed && octets > 0) this.#owner.onUpstreamSent(octets)
  }

  // ---- DispatchHandler ------------------------------------------------------------------------------------------

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.isClosed) return controller.abort(new Error("the stream was reset"))
    // First of its listeners: what it is told of is written right behind.
    this.#body?.on(
      "data",
      this.#guard((octets: Buffer) => this.#sent(octets.length)),
    )
  }

  onResponseStart(controller: Controller, status: number): void {
    if (this.isClosed) return
    const head = readOriginHead(status, controller.rawHeaders as RawFields)
    if (typeof head === "string") return this.#malformed(head)
    if (status < 200) return this.#interim(head)
    this.#answered(head)
  }

  #interim(head: ResponseHead): void {
    const { limits, counters } = this.#context
    if (++this.#interims <= limits.interimResponsesMax)
      return this.#tell(() => this.#owner.onInformational(head))
    counters.add(counterIds.interim_responses_exceeded)
    this.#malformed("too many interim responses")
  }

  #answered(head: ResponseHead): void {
    this.isAnswered = true
    try {
      this.#owner.onResponse(head, false)
    } catch (error) {
      this.#bug(error)
    }
  }

  onRequestUpgrade(controller: Controller, _status: number, _headers: unknown, socket: Duplex): void {
    if (this.isClosed) return void socket.destroy()
    const raw = controller.rawHeaders as RawFields
    const head = readSwitchHead(raw, upgradeOf(raw))
    this.#tunnel = new Tunnel(socket, {
      onData: (octets) => {
        this.#received(octets)
        return !this.#isPaused
      },
      onSent: this.#guard((octets: number) => this.#sent(octets)),
      onEnd: () => this.#responseEnded(null),
      onError: (error) => this.onResponseError(controller, error),
    })
    if (typeof head === "string") return this.#malformed(head)
    // What the client sends from here on is of the new protocol.
    this.localEnded = false
    this.#answered(head)
    if (!this.isClosed) this.#tunnel.begin()
  }

  onResponseData(controller: Controller, octets: Buffer): void {
    if (this.isClosed) return
    this.#received(octets)
    if (this.#isPaused) controller.pause()
  }

  #received(octets: Buffer): void {
    this.#unconsumed += octets.length
    try {
      this.#owner.onResponseData(octets, 0, octets.length, false)
    } catch (error) {
      this.#bug(error)
    }
    this.#isPaused = !this.isClosed && this.#unconsumed >= this.#window
  }

  onResponseEnd(controller: Controller): void {
    this.#responseEnded(controller.rawTrailers as RawFields | null)
  }

  #responseEnded(trailers: RawFields | null): void {
    if (this.isClosed) return
    // What is left of the request has no connection to go up on.
    this.#dropRequest()
    this.remoteEnded = true
    this.isClosed = true
    this.#held.release()
    try {
      if (this.#settings.passTrailers && trailers !== null && trailers.length > 0)
        this.#owner.onResponseTrailers(originTrailers(trailers))
      else this.#owner.onResponseData(NO_OCTETS, 0, 0, true)
    } catch (error) {
      this.#bug(error)
    }
  }

  #dropRequest(): void {
    this.#early = []
    this.localEnded = true
    if (this.queuedOctets > 0) this.#tell(() => this.#sent(this.queuedOctets))
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.isClosed) return
    const { method } = this.#request
    const isRepeatable = this.#isReused && !this.isAnswered && IDEMPOTENT.has(method)
    this.#over(originFailure(error, { isUnsent: this.#controller === null, isRepeatable }))
  }

  #malformed(reason: string): void {
    this.#over({ code: ErrorCode.PROTOCOL_ERROR, origin: "local", unprocessed: false, reason })
  }

  // ---- Endings --------------------------------------------------------------------------------------------------

  #over(end: StreamEnd): void {
    this.#close(new Error(end.reason))
    this.#tell(() => this.#owner.onUpstreamReset(end))
  }

  #close(because: Error): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#held.release()
    this.#early = []
    if (this.#tunnel !== null) this.#tunnel.close()
    else this.#controller?.abort(because)
    this.#body?.destroy()
  }

  /** What its owner throws is a bug, which ends this exchange alone. */
  #tell(run: () => void): void {
    this.#guard(run)()
  }

  #bug(error: unknown): void {
    reportBug(this.#context, error)
    this.#close(new Error("a bug"))
  }

  #guard<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return guarded(this.#context, () => this.#close(new Error("a bug")), run)
  }
}
