import { counterIds } from "../../base/counters.ts"
import { octetText, textOfOctets } from "../../base/octet-text.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { RetryCondition } from "../../config/model.ts"
import { countWhole, MessageScanner } from "../../grpc/message-scanner.ts"
import { isGrpcContentType, parseGrpcStatus } from "../../grpc/status.ts"
import { parseGrpcTimeout } from "../../grpc/timeout.ts"
import { ErrorCode, errorCodeName } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import type { TlsInfo } from "../../net/tls-peer.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import { NewStreamRecord } from "../../record/stream-record.ts"
import type { RelayContext } from "../context.ts"
import { cleanTrailers } from "../route/head-rewrite.ts"
import type { Route } from "../route/route.ts"
import type { UpstreamConnection } from "../upstream/upstream.ts"
import type { DownstreamStream } from "./downstream-stream.ts"
import { dropList, keepList, keptOctets } from "./held-headers.ts"
import { Attempt, type AttemptOwner } from "./leg.ts"
import { type Answer, answerFor, statusOnWire } from "./local-reply.ts"
import { RequestBuffer } from "./replay-buffer.ts"
import { mayRetry } from "./retry-rules.ts"
import { returned } from "./return-reply.ts"
import { type Silence, SilenceWatch } from "./stream-timeouts.ts"

const NEVER = Number.POSITIVE_INFINITY
const NO_OCTETS = Buffer.alloc(0)

/**
 * The life of one stream: route, pick, lease, relay, report. It joins a downstream and an upstream stream and sees to
 * it that the client is told one ending, the backend no longer works for nobody, and the lease goes back once.
 * docs/life-of-a-stream.md walks through it.
 */
export class Exchange implements AttemptOwner {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  readonly #context: RelayContext
  readonly #downstream: DownstreamStream
  readonly #route: Route
  /** Null once the call cannot be repeated and all that was sent has been credited. */
  #request: RequestBuffer | null
  /** Made when octets first end within a message, and only for gRPC. */
  #requestScanner: MessageScanner | null = null
  #responseScanner: MessageScanner | null = null
  #requestTrailers: HeaderList | null = null
  #cluster: Cluster<UpstreamConnection> | null = null
  #snapshot: Snapshot | null = null
  /** The last one. */
  #attempt: Attempt | null = null
  #tried: Endpoint[] | null = null
  #upstream: Http2Stream<Exchange> | null = null
  #headSent = false
  #resetWhenFlushed = false
  /** A connection was closed by GOAWAY before this stream was looked at; its endpoint may be asked once more. */
  #hasReturned = false
  #isDone = false
  /** Its heads are counted as held. */
  #keepsLists = false
  #deadline: Deadline | null = null
  /** 0: none. */
  #deadlineMs = 0
  readonly #silence: SilenceWatch | null

  constructor(
    context: RelayContext,
    connection: ConnectionRecord,
    downstream: DownstreamStream,
    head: RequestHead,
    route: Route,
  ) {
    const nowMs = Math.floor(context.clock.now())
    this.#context = context
    this.#downstream = downstream
    this.#route = route
    this.#request = new RequestBuffer(context.replayRing, context.budget)
    this.isGrpc = isGrpcContentType(head.list.get("content-type"))
    this.#silence = route.hasSilenceTimeouts ? new SilenceWatch(route.settings, nowMs) : null
    this.record = new NewStreamRecord(connection, head, route.serverName, nowMs)
  }

  get #head(): RequestHead {
    return this.record.head
  }

  // ---- Beginning ----------------------------------------------------------------------------------------------

  /** Routes the stream and asks for a place upstream. */
  start(): void {
    const { action } = this.#route
    const { tls } = this.record.connection
    keepList(this.#head.list, this.#context.budget)
    this.#keepsLists = true
    if (tls !== null && tls.clientRefused !== null) return this.#refuseClient(tls)
    const timeout = this.isGrpc ? this.#head.list.get("grpc-timeout") : undefined
    if (timeout !== undefined) {
      const timeoutMs = parseGrpcTimeout(timeout, this.#context.limits.grpcTimeoutDigitsMax)
      if (timeoutMs === null) {
        this.#context.counters.add(counterIds.grpc_timeout_malformed)
        this.#context.log.warn("limit reached: grpc_timeout_malformed", {
          client: this.record.connection.remoteAddress,
        })
        return this.#fail(failure("bad_request", `malformed grpc-timeout: ${timeout.slice(0, 40)}`, true))
      }
      // The start was rounded down; no deadline may come early.
      this.#deadlineMs = this.record.startMs + 1 + timeoutMs
    }
    const { contentLength } = this.#head
    const { maxBodyOctets } = this.#route.settings
    if (maxBodyOctets !== null && contentLength > maxBodyOctets) return this.#bodyTooLarge(maxBodyOctets)
    if (action.kind === "none")
      return this.#fail(failure("no_route", `no route for ${this.#head.path}`, true))
    if (action.kind === "return") return this.#return(action)
    const name =
      action.kind === "cluster" ? action.cluster : action.template.render(this.record, this.#context.env)
    const cluster = this.#route.findCluster(name)
    if (cluster === undefined) return this.#fail(failure("no_endpoint", `there is no cluster ${name}`, true))
    const refusal = this.#context.admission.enter(this.record.startMs)
    if (refusal !== null) return this.#fail(refusal)
    this.#cluster = cluster
    this.#snapshot = cluster.snapshot
    cluster.retryBudget.started(this.record.startMs)
    this.#try(null)
    this.#arm()
  }

  #return(action: Extract<Route["action"], { kind: "return" }>): void {
    if (action.status === 444) {
      this.record.status = action.status
      this.#downstream.reset(ErrorCode.CANCEL)
      return this.#finish()
    }
    if (this.isGrpc && (action.grpcStatus !== null || action.status >= 300)) {
      const rendered = (action.grpcMessage ?? action.template).render(this.record, this.#context.env)
      const grpcStatus = action.grpcStatus ?? -1
      return this.#answer({ httpStatus: action.status, grpcStatus, message: textOfOctets(rendered) })
    }
    const octets = action.template.render(this.record, this.#context.env)
    const { fields, body } = returned(action.status, octets, action.contentType)
    this.record.status = action.status
    this.#sendOwn(new HeaderList(fields), body, action.status)
    this.#endRequest()
    this.#settle()
  }

  /** A whole answer of Sluice's own. `httpStatus`: what it means, which a gRPC client is told in other words. */
  #sendOwn(list: HeaderList, body: Buffer, httpStatus: number): void {
    const { record } = this
    const isBodiless = body.length === 0 || this.#head.method === "HEAD"
    if (!isBodiless) record.responseOctets = body.length
    const head = this.#route.responseRewrite.addTo(list, httpStatus, record, this.#context.env)
    this.#sendHead(head, isBodiless)
    if (!isBodiless) this.#downstream.sendData(body, 0, body.length, true)
  }

  #sendHead(list: HeaderList, endStream: boolean): void {
    this.record.responseHeaders = list
    keepList(list, this.#context.budget)
    this.#headSent = true
    this.#downstream.sendHeaders(list, endStream)
  }

  /** Picks an endpoint and asks its pool for a stream. `last` is what the client is told when there is none. */
  #try(last: Failure | null): void {
    const cluster = this.#cluster!
    const endpoint = cluster.pick(this.#snapshot!, this.#tried)
    if (endpoint === undefined)
      return this.#fail(
        last ?? failure("no_endpoint", `cluster ${cluster.name}: no endpoint is available`, true),
      )
    this.#attempt = new Attempt(this.#context, this, cluster, endpoint)
    this.record.addAttempt(this.#attempt)
    this.#attempt.begin(this.#route.connect)
  }

  get connectTimeoutMs(): number {
    return this.#route.settings.connectTimeoutMs
  }

  onConnected(connection: UpstreamConnection): void {
    const attempt = this.#attempt!
    const list = this.#route.requestRewrite.apply(this.#head.list, this.record, this.#context.env)
    const problem = attempt.headersProblem(list)
    if (problem !== null) return this.#fail(problem)
    const held = this.#request!.restart()
    const hasEnded = this.#downstream.remoteEnded
    const endsAtOnce = hasEnded && held === null && this.#requestTrailers === null
    const upstream = connection.http2.open(list, endsAtOnce, this.#head.method === "HEAD", this)
    this.#upstream = upstream
    this.#silence?.attached(attempt.connectedMs)
    if (held !== null) {
      attempt.octetsSent += held.length
      held.each((octets, start, end) => this.#requestTaken(upstream.sendData(octets, start, end, false)))
      if (hasEnded && this.#requestTrailers === null) upstream.sendData(NO_OCTETS, 0, 0, true)
    }
    if (this.#requestTrailers !== null) this.#sendRequestTrailers(this.#requestTrailers)
  }

  onNotConnected(what: Failure, condition: RetryCondition | null): void {
    if (condition === null) this.#fail(what)
    else this.#retryOr(what, condition)
  }

  // ---- From the client ----------------------------------------------------------------------------------------

  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    // Nobody reads any more. Credit keeps a client that ends its request before it looks at the answer from hanging.
    if (this.#isDone) return this.#downstream.consume(end - start)
    const { record } = this
    record.requestOctets += end - start
    if (this.isGrpc && !this.#isDone) this.#countRequest(octets, start, end)
    this.#silence?.fromDownstream(this.#context.clock)
    const { maxBodyOctets } = this.#route.settings
    if (maxBodyOctets !== null && record.requestOctets > maxBodyOctets)
      return this.#bodyTooLarge(maxBodyOctets)
    const upstream = this.#upstream
    if (upstream?.isClosed === true) {
      this.#downstream.consume(end - start)
      return this.#settle()
    }
    this.#request?.add(octets, start, end, upstream !== null)
    if (upstream === null) return
    this.#attempt!.octetsSent += end - start
    this.#requestTaken(upstream.sendData(octets, start, end, endStream))
    if (endStream) this.#settle()
  }

  onRequestTrailers(list: HeaderList): void {
    this.#silence?.fromDownstream(this.#context.clock)
    this.#requestTrailers = cleanTrailers(list)
    if (this.#upstream !== null) this.#sendRequestTrailers(this.#requestTrailers)
    this.#settle()
  }

  #sendRequestTrailers(trailers: HeaderList): void {
    const problem = this.#attempt!.headersProblem(trailers)
    if (problem !== null) return this.#fail(problem)
    this.#upstream!.sendHeaders(trailers, true)
  }

  /** The client gave up, or its connection is gone. */
  onDownstreamReset(end: StreamEnd): void {
    if (this.#isDone) return this.#dropListsIfTaken(true)
    if (this.record.status === 0) this.record.status = 499
    const isPeers = end.origin === "peer" && end.code !== ErrorCode.NO_ERROR
    this.#upstream?.reset(isPeers ? end.code : ErrorCode.CANCEL)
    this.#finish()
  }

  onDownstreamTaken(octets: number): void {
    this.#silence?.downstreamTook(this.#context.clock)
    this.#upstream?.consume(octets)
    if (this.#resetWhenFlushed && this.#downstream.queuedOctets === 0)
      this.#downstream.reset(ErrorCode.NO_ERROR)
    this.#dropListsIfTaken()
    this.#settle()
  }

  // ---- From the backend ---------------------------------------------------------------------------------------

  onInformational(head: ResponseHead): void {
    this.#silence?.interim(this.#context.clock)
    if (head.list.octets <= this.#downstream.headerListMax) this.#downstream.sendHeaders(head.list, false)
  }

  onResponse(head: ResponseHead, endStream: boolean): void {
    const attempt = this.#attempt!
    attempt.status = head.status
    attempt.headersMs = this.#nowMs()
    attempt.responseHeaders = head.list
    this.#silence?.fromUpstream(this.#context.clock)
    if (head.status >= 400 && this.#retryStatus(head.status)) return
    attempt.answered()
    this.#request?.forget()
    if (this.#request?.isEven === true) this.#request = null
    const intercepted = this.#route.settings.interceptErrors && this.isGrpc && head.status >= 300
    if (intercepted && this.#route.errorStatuses.has(head.status)) {
      this.#upstream!.reset(ErrorCode.CANCEL)
      return this.#answer({ httpStatus: head.status, grpcStatus: -1, message: "" })
    }
    const { record } = this
    record.status = head.status
    const list = this.#route.responseRewrite.apply(head.list, head.status, record, this.#context.env)
    if (this.#isTooLarge(list)) return
    if (endStream) this.#readStatus(list)
    this.#sendHead(list, endStream)
    if (endStream) this.#responseEnded()
  }

  onResponseData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    const { record } = this
    record.responseOctets += end - start
    this.#attempt!.octetsReceived += end - start
    if (this.isGrpc) this.#countResponse(octets, start, end)
    this.#silence?.fromUpstream(this.#context.clock)
    const taken = this.#downstream.sendData(octets, start, end, endStream)
    // A bridge that cannot translate what came has ended the stream by now.
    this.#upstream?.consume(taken)
    if (endStream && !this.#isDone) this.#responseEnded()
  }

  onResponseTrailers(list: HeaderList): void {
    const trailers = this.#route.responseRewrite.trailers(list)
    this.#attempt!.responseTrailers = list
    if (this.#isTooLarge(trailers)) return
    this.#readStatus(trailers)
    this.#sendTrailers(trailers)
    this.#responseEnded()
  }

  #sendTrailers(trailers: HeaderList): void {
    this.record.responseTrailers = trailers
    this.#downstream.sendHeaders(trailers, true)
  }

  /** Ends the stream for a list that its client does not take: sent all the same, it might cost the whole connection. */
  #isTooLarge({ octets }: HeaderList): boolean {
    const most = this.#downstream.headerListMax
    if (octets <= most) return false
    const { where } = this.#attempt!
    const message = `${where}: answered with a header list of ${octets} octets, the client takes ${most}`
    this.#fail(failure("headers_too_large", message))
    return true
  }

  onUpstreamTaken(octets: number): void {
    this.#silence?.upstreamTook()
    this.#requestTaken(octets)
    this.#settle()
  }

  /** The backend reset the stream, broke the protocol, or its connection is gone. */
  onUpstreamReset(end: StreamEnd): void {
    const { where } = this.#attempt!
    if (this.#downstream.localEnded) return this.#endEarly()
    if (end.origin === "peer" && !end.unprocessed) return this.#passReset(end.code)
    this.#attempt!.status ||= 502
    if (end.unprocessed) {
      const what = failure("upstream_refused", `${where}: ${end.reason} (${errorCodeName(end.code)})`, true)
      // GOAWAY takes leave of a connection, not of the endpoint: once, it may be asked again on a new one.
      const mayReturn = end.origin === "connection" && !this.#hasReturned
      if (mayReturn) this.#hasReturned = true
      return this.#retryOr(what, "error", mayReturn)
    }
    if (end.origin === "local") {
      // What a backend sent that breaks the protocol is not worth waiting for the client to take.
      this.#downstream.discardQueued()
      return this.#retryOr(failure("upstream_malformed", `${where}: ${end.reason}`), "invalid_header")
    }
    this.#retryOr(failure("upstream_lost", `${where}: ${end.reason}`), "error")
  }

  // ---- Between ------------------------------------------------------------------------------------------------

  #countRequest(octets: Buffer, start: number, end: number): void {
    let messages = this.#requestScanner === null ? countWhole(octets, start, end) : -1
    if (messages < 0) messages = (this.#requestScanner ??= new MessageScanner()).scan(octets, start, end)
    this.record.requestMessages += messages
  }

  #countResponse(octets: Buffer, start: number, end: number): void {
    let messages = this.#responseScanner === null ? countWhole(octets, start, end) : -1
    if (messages < 0) messages = (this.#responseScanner ??= new MessageScanner()).scan(octets, start, end)
    this.record.responseMessages += messages
  }

  #requestTaken(octets: number): void {
    const due = this.#request === null ? octets : this.#request.taken(octets)
    if (due > 0) this.#downstream.consume(due)
  }

  /**
   * The backend has said all. For gRPC the call is over (PROTOCOL-HTTP2.md), so what it has not read of the request is
   * not waited for; HTTP may go on uploading.
   */
  #responseEnded(): void {
    const isRequestOver = this.#downstream.remoteEnded && (this.#upstream === null || isOver(this.#upstream))
    if (this.isGrpc && !isRequestOver) this.#endEarly()
    else this.#settle()
  }

  /** The answer is complete before the request: deliver it, then say that no more is wanted (RFC 9113 §8.1). */
  #endEarly(): void {
    this.#upstream?.reset(ErrorCode.NO_ERROR)
    if (!this.#downstream.isClosed && !this.#downstream.remoteEnded) {
      if (this.#downstream.queuedOctets === 0) this.#downstream.reset(ErrorCode.NO_ERROR)
      else this.#resetWhenFlushed = true
    }
    this.#settle()
  }

  #endRequest(): void {
    if (!this.#downstream.isClosed && !this.#downstream.remoteEnded) this.#endEarly()
  }

  /** RST_STREAM means to the client what it meant to us. */
  #passReset(code: number): void {
    if (this.record.status === 0) this.record.status = 502
    this.#attempt!.status ||= 502
    this.#downstream.reset(code)
    this.#finish()
  }

  #readStatus(list: HeaderList): void {
    const status = list.get("grpc-status")
    if (status === undefined) return
    this.record.grpcStatus = parseGrpcStatus(status)
    this.record.grpcMessage = list.get("grpc-message") ?? ""
  }

  // ---- Failing and retrying -----------------------------------------------------------------------------------

  /** Tries another endpoint when that is allowed and safe, else tells the client. */
  #retryOr(what: Failure, condition: RetryCondition, mayReturn = false): void {
    this.#giveBack()
    if (this.#mayRetry(condition, what.isUnsent) && this.#isWithinBudget(what)) this.#retry(what, mayReturn)
    else this.#fail(what)
  }

  #retry(last: Failure, mayReturn = false): void {
    this.#request?.keep()
    if (!mayReturn) {
      this.#tried ??= []
      this.#tried.push(this.#attempt!.endpoint)
    }
    this.#try(last)
  }

  #mayRetry(condition: RetryCondition, isUnsent: boolean): boolean {
    if (this.#isDone || this.#headSent || this.#request?.isReplayable !== true) return false
    const { primary, backup } = this.#snapshot!
    return mayRetry(this.#route.settings.retry, condition, {
      method: this.#head.method,
      isUnsent,
      attempts: this.record.attempts.length - (this.#hasReturned ? 1 : 0),
      endpoints: primary.length + backup.length,
      elapsedMs: this.#nowMs() - this.record.startMs,
    })
  }

  #isWithinBudget(what: Failure): boolean {
    if (what.kind === "connect_failed" || what.kind === "connect_timeout") return true
    if (this.#cluster!.retryBudget.take(this.#nowMs())) return true
    this.#context.counters.add(counterIds.retry_budget_exhausted)
    return false
  }

  #retryStatus(status: number): boolean {
    const condition = `http_${status}` as RetryCondition
    const attempt = this.#attempt!
    const what = failure("upstream_refused", `${attempt.where}: HTTP status ${status}`)
    if (!this.#mayRetry(condition, false) || !this.#isWithinBudget(what)) return false
    // As nginx has it, these two say something of the call, not of the endpoint.
    if (status === 403 || status === 404) attempt.answered()
    else attempt.failed(`HTTP status ${status}`)
    this.#upstream!.reset(ErrorCode.CANCEL)
    this.#giveBack()
    this.#retry(what)
    return true
  }

  /** Ends the stream from Sluice's side, both ways. */
  fail(what: Failure): void {
    if (!this.#isDone) this.#fail(what)
  }

  /** As `fail`, and lets go at once of all that is held: the process is short of memory. */
  shed(what: Failure): void {
    this.#downstream.discardQueued()
    // One that is over may still hold what its client does not take; its ending went with it.
    if (this.#isDone) {
      this.#downstream.reset(ErrorCode.ENHANCE_YOUR_CALM)
      this.#dropListsIfTaken(true)
    } else this.#fail(what)
  }

  #fail(what: Failure): void {
    this.#upstream?.reset(ErrorCode.CANCEL)
    this.#answer({ httpStatus: what.httpStatus, grpcStatus: what.grpcStatus, message: what.message })
  }

  #answer(what: Answer): void {
    const { record } = this
    const configured = this.isGrpc ? this.#route.errorStatuses.get(what.httpStatus) : undefined
    const grpcStatus = configured?.grpcStatus ?? what.grpcStatus
    const rendered = configured?.message.render(record, this.#context.env) ?? ""
    const message = rendered === "" ? what.message : textOfOctets(rendered)
    if (!this.#headSent) record.status = this.isGrpc ? 200 : statusOnWire(what.httpStatus)
    if (!this.#downstream.localEnded) {
      const own = answerFor(
        { isGrpc: this.isGrpc, headSent: this.#headSent },
        { ...what, grpcStatus, message },
      )
      record.grpcStatus = own?.grpcStatus ?? -1
      record.grpcMessage = octetText(message)
      if (own === null) this.#downstream.reset(ErrorCode.INTERNAL_ERROR)
      else if (this.#headSent) this.#sendTrailers(own.list)
      else this.#sendOwn(own.list, own.body, what.httpStatus)
    }
    this.#endRequest()
    this.#finish()
  }

  #refuseClient({ clientRefused, clientVerify }: TlsInfo): void {
    if (clientRefused === "missing")
      return this.#fail(
        failure("certificate_missing", "no client certificate was sent, and one is required", true),
      )
    const reason = clientVerify.slice("FAILED:".length)
    this.#fail(failure("certificate_failed", `the client certificate is not accepted: ${reason}`, true))
  }

  #bodyTooLarge(octets: number): void {
    this.#fail(
      failure("body_too_large", `the request is larger than client_max_body_size (${octets} octets)`),
    )
  }

  // ---- Time ---------------------------------------------------------------------------------------------------

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }

  #arm(): void {
    if (this.#isDone) return
    const dueMs = Math.min(this.#deadlineMs || NEVER, this.#silence?.dueMs ?? NEVER)
    if (dueMs === NEVER) return
    this.#deadline ??= makeDeadline(() => this.#onDue())
    this.#context.deadlines.set(this.#deadline, Math.max(0, dueMs - this.#nowMs()))
  }

  #disarm(): void {
    if (this.#deadline !== null) this.#context.deadlines.cancel(this.#deadline)
    this.#deadline = null
  }

  #onDue(): void {
    if (this.#isDone) return
    const nowMs = this.#nowMs()
    if (this.#deadlineMs > 0 && nowMs >= this.#deadlineMs) {
      const ms = Math.round(this.#deadlineMs - this.record.startMs - 1)
      return this.#fail(
        failure("deadline", `the deadline of ${ms} ms passed (grpc-timeout, enforced at the balancer)`),
      )
    }
    const silent = this.#silence?.check(nowMs, this.#upstream, this.#downstream)
    if (silent != null) this.#onSilence(silent)
    this.#arm()
  }

  /** As nginx has it, another endpoint may be asked, and this one is blamed, as long as no answer has begun. */
  #onSilence(silence: Silence): void {
    const attempt = this.#attempt!
    const what = failure(silence, this.#silence!.message(silence, attempt.address))
    if (silence === "body_timeout") return this.#fail(what)
    attempt.status ||= 504
    if (!this.#headSent || silence === "send_timeout") attempt.failed(what.message)
    this.#upstream?.reset(ErrorCode.CANCEL)
    this.#retryOr(what, "timeout")
  }

  // ---- Ending -------------------------------------------------------------------------------------------------

  /** Over once both sides are. */
  #settle(): void {
    if (!this.#isDone && isOver(this.#downstream) && (this.#upstream === null || isOver(this.#upstream)))
      this.#finish()
  }

  #giveBack(): void {
    this.#attempt?.giveBack()
    this.#upstream = null
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#disarm()
    this.#request?.forget()
    if (this.#cluster !== null) this.#context.admission.leave()
    const { record } = this
    record.endMs = this.#nowMs()
    this.#dropListsIfTaken()
    this.#giveBack()
    for (const log of this.#route.accessLogs) log.write(record)
    this.#context.onStreamEnd(record)
  }

  /** A stream whose answer waits for its client is still there, with all that it keeps. */
  #dropListsIfTaken(isGone = false): void {
    if (!this.#keepsLists || !this.#isDone || (!isGone && this.#downstream.queuedOctets > 0)) return
    this.#keepsLists = false
    dropList(this.#head.list, this.#context.budget)
    dropList(this.record.responseHeaders, this.#context.budget)
  }

  // ---- For the curious ----------------------------------------------------------------------------------------

  get messages(): { request: number; response: number } {
    return { request: this.record.requestMessages, response: this.record.responseMessages }
  }

  get endpointAddress(): string {
    return this.#attempt?.address ?? ""
  }

  /** Octets held for this stream, both ways, and large heads. */
  get bufferedOctets(): number {
    const { responseHeaders } = this.record
    const heads = this.#keepsLists ? keptOctets(this.#head.list) + keptOctets(responseHeaders) : 0
    const request = (this.#request?.heldOctets ?? 0) + (this.#upstream?.queuedOctets ?? 0)
    return heads + request + this.#downstream.queuedOctets
  }
}

/** Closed, or about to be: its last frame is what is being told of right now. */
function isOver(stream: DownstreamStream): boolean {
  return stream.isClosed || (stream.localEnded && stream.remoteEnded && stream.queuedOctets === 0)
}
