import { type Counters, counterIds } from "../../base/counters.ts"
import { octetText, textOfOctets } from "../../base/octet-text.ts"
import { parseGrpcStatus } from "../../grpc/status.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { Log } from "../../log/logger.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { writableValue } from "../../record/written-field.ts"
import { absoluteRedirect } from "../route/absolute-redirect.ts"
import { endsConnection, isPage, isRedirect, isUnanswered, statusOnWire } from "../route/error-page.ts"
import { withChanges } from "../route/head-changes.ts"
import type { Answer, AnsweredCall, ContentHandler, ReturnAction, Route } from "../route/route.ts"
import { statusTold, withErrorFields, withStatus } from "./error-status.ts"
import { fitTrailers } from "./fit-trailers.ts"
import { heldOctets, holdHeaders, releaseHeaders } from "./held-headers.ts"
import { localReply, pageReply, type Reply } from "./local-reply.ts"
import { returnReply } from "./return-reply.ts"
import type { DownstreamStream } from "./stream-owner.ts"

/** The call that the response belongs to. */
export interface RespondingCall {
  readonly context: {
    readonly env: TemplateEnvironment
    readonly budget: BufferBudget
    readonly counters: Counters
    readonly log: Log
  }
  readonly downstream: DownstreamStream
  readonly route: Route
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  fail(what: Failure): void
  /** The response may be complete. */
  settle(): void
}

/** Where a response comes from. */
interface Responder {
  /** For logs and error messages. */
  readonly where: string
}

/**
 * What the client is told: at most one head, then at most one ending, from the backend or in its place. Header lists
 * that are held for as long as the client has not taken everything are counted here.
 */
export class ClientResponse implements AnsweredCall {
  /** Only an ending may follow. */
  isHeadSent = false
  readonly #call: RespondingCall
  /** The request is refused as soon as the response is out. */
  #resetWhenFlushed = false
  #isHolding = false
  #answer: Answer | null = null

  constructor(call: RespondingCall) {
    this.#call = call
  }

  /** The call begins: its header lists count as held from here on. */
  holdHeaders(): void {
    holdHeaders(this.#call.record.requestHeaders, this.#call.context.budget)
    this.#isHolding = true
  }

  // ---- From the backend ---------------------------------------------------------------------------------------

  interim(list: HeaderList): void {
    const { downstream } = this.#call
    if (list.octets <= downstream.headerListMax) downstream.sendHeaders(list, false)
  }

  /** A head that is the answer. Not null: the call has to fail. */
  forward(status: number, list: HeaderList, endStream: boolean, from: Responder): Reply | null {
    const { route, record, context } = this.#call
    const told = statusTold(this.#call, status)
    record.status = told
    const rewritten = route.responseRewrite.apply(list, told, record, context.env)
    return this.#head(told === status ? rewritten : withStatus(rewritten, told), endStream, from)
  }

  /** Not null: the client does not take a list of this size. */
  #head(list: HeaderList, endStream: boolean, from: Responder): Failure | null {
    const { isGrpc, downstream, record } = this.#call
    const fitting = endStream && isGrpc ? this.#fitting(list, from) : list
    const problem = problemOf(fitting, downstream, from)
    if (problem !== null) return problem
    // Some say it here although a body follows, or none does but its end.
    if (endStream || isGrpc) readStatus(fitting, record)
    this.#sendHead(fitting, endStream)
    return null
  }

  trailers(list: HeaderList, from: Responder): void {
    const fitting = this.#fitting(this.#call.route.responseRewrite.trailers(list), from)
    readStatus(fitting, this.#call.record)
    this.#sendTrailers(fitting)
  }

  /** The ending that the client takes: how its call ended is worth more than all that came with it. */
  #fitting(list: HeaderList, from: Responder): HeaderList {
    const { downstream, context, record } = this.#call
    const most = downstream.headerListMax
    if (list.octets <= most) return list
    context.counters.add(counterIds.trailers_cut)
    context.log.info("trailers are cut to what their client takes", {
      client: record.connection.remoteAddress,
      from: from.where,
      octets: list.octets,
      most,
      grpcStatus: list.get("grpc-status") ?? "-",
    })
    return fitTrailers(list, most)
  }

  #sendHead(answer: HeaderList, endStream: boolean): void {
    const { record, context, downstream } = this.#call
    const list = withErrorFields(this.#call, answer)
    const told = withChanges(list, record.state?.responseChanges, "response")
    record.responseHeaders = told
    holdHeaders(told, context.budget)
    this.isHeadSent = true
    downstream.sendHeaders(told, endStream)
  }

  #sendTrailers(list: HeaderList): void {
    const { record, downstream } = this.#call
    record.responseTrailers = list
    downstream.sendHeaders(list, true)
  }

  // ---- In the backend's place -----------------------------------------------------------------------------------

  /** Ends the response with what Sluice has to say, in the client's protocol, where it has not ended. */
  reply(what: Reply): void {
    const { record, route, context, downstream, isGrpc } = this.#call
    const configured = isGrpc ? route.errorStatuses.get(what.httpStatus) : undefined
    const grpcStatus = configured?.grpcStatus ?? what.grpcStatus
    const rendered = configured?.message.render(record, context.env) ?? ""
    const message = rendered === "" ? what.message : textOfOctets(rendered)
    const { isHeadSent } = this
    const server = route.settings.serverTokens
    if (!isHeadSent) record.status = isGrpc ? 200 : statusOnWire(what.httpStatus)
    if (!isGrpc && endsConnection(what.httpStatus)) downstream.endConnection?.()
    if (!downstream.localEnded) {
      const reply = localReply({ isGrpc, isHeadSent, server }, { ...what, grpcStatus, message })
      record.grpcStatus = reply?.grpcStatus ?? -1
      record.grpcMessage = octetText(message)
      if (reply === null) downstream.reset(ErrorCode.INTERNAL_ERROR)
      else if (isHeadSent) this.#sendTrailers(reply.list)
      else this.#sendWhole(reply.list, reply.body, what.httpStatus)
    }
    this.endRequest()
  }

  /** nginx's `return`. */
  return(action: ReturnAction): void {
    const { record, context, downstream, isGrpc } = this.#call
    record.status = statusTold(this.#call, action.status)
    if (isUnanswered(action.status)) return downstream.reset(ErrorCode.CANCEL)
    if (isGrpc && (action.grpcStatus !== null || action.status >= 300)) {
      const said = (action.grpcMessage ?? action.template).render(record, context.env)
      const message = textOfOctets(said === "" ? record.grpcMessage : said)
      return this.reply({ httpStatus: action.status, grpcStatus: action.grpcStatus ?? -1, message })
    }
    const text = action.template.render(record, context.env)
    if (isPage(action)) this.#page(action, text)
    else {
      const { fields, body } = returnReply(record.status, text, action.contentType)
      this.#sendWhole(new HeaderList(fields), body, record.status)
    }
    this.endRequest()
  }

  /** A redirect to `address`, or an error of the configuration's. */
  #page({ status, fields = [] }: ReturnAction, address: string): void {
    const { record, route } = this.#call
    const { serverTokens } = route.settings
    const location = isRedirect(status)
      ? ["location", writableValue(absoluteRedirect(address, route.settings, record))]
      : []
    record.status = statusOnWire(status)
    if (endsConnection(status)) this.#call.downstream.endConnection?.()
    const { list, body } = pageReply(status, serverTokens, [...location, ...fields])
    this.#sendWhole(list, body, status)
  }

  /** A content handler answers. */
  answer(handler: ContentHandler): void {
    this.#answer = handler.answer(this)
  }

  get isAnswering(): boolean {
    return this.#answer !== null
  }

  get record(): NewStreamRecord {
    return this.#call.record
  }

  get queuedOctets(): number {
    return this.#call.downstream.queuedOctets
  }

  sendAnswerHead(list: HeaderList, endStream: boolean): void {
    const { record, route, context } = this.#call
    const status = Number(list.get(":status"))
    record.status = statusTold(this.#call, status)
    const told = status === record.status ? list : withStatus(list, record.status)
    this.#sendHead(route.responseRewrite.addTo(told, record.status, record, context.env), endStream)
    if (endStream) this.#answered()
  }

  sendAnswerData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    const { record, downstream } = this.#call
    record.responseOctets += end - start
    downstream.sendData(octets, start, end, endStream)
    if (endStream) this.#answered()
  }

  #answered(): void {
    this.endRequest()
    // The handler may still be at its beginning.
    if (this.#answer !== null) this.#call.settle()
  }

  fail(what: Failure): void {
    this.#call.fail(what)
  }

  /** The call is over. */
  cancelAnswer(): void {
    this.#answer?.cancel()
    this.#answer = null
  }

  /** `httpStatus`: what it means, which a gRPC client is told in other words. */
  #sendWhole(list: HeaderList, body: Buffer, httpStatus: number): void {
    const { record, route, context, downstream } = this.#call
    const isBodiless = body.length === 0 || record.head.method === "HEAD"
    if (!isBodiless) record.responseOctets = body.length
    this.#sendHead(route.responseRewrite.addTo(list, httpStatus, record, context.env), isBodiless)
    if (!isBodiless) downstream.sendData(body, 0, body.length, true)
  }

  // ---- Its end --------------------------------------------------------------------------------------------------

  /** The response is complete before the request: once it is out, no more of that is wanted (RFC 9113 §8.1). */
  endRequest(): void {
    const { downstream } = this.#call
    if (downstream.isClosed || downstream.remoteEnded) return
    if (downstream.queuedOctets === 0) downstream.reset(ErrorCode.NO_ERROR)
    else this.#resetWhenFlushed = true
  }

  /** The client took what waited for it. */
  onSent(): void {
    const { downstream } = this.#call
    this.#answer?.onSent()
    if (this.#resetWhenFlushed && downstream.queuedOctets === 0) downstream.reset(ErrorCode.NO_ERROR)
  }

  /** The call is over: lets go of the header lists, unless its response still waits for a client that is there. */
  releaseHeaders(isClientGone: boolean): void {
    const { record, context, downstream } = this.#call
    if (!this.#isHolding || (!isClientGone && downstream.queuedOctets > 0)) return
    this.#isHolding = false
    releaseHeaders(record.requestHeaders, context.budget)
    releaseHeaders(record.responseHeaders, context.budget)
  }

  /** Header lists and octets that are held for the client. */
  get bufferedOctets(): number {
    const { record, downstream } = this.#call
    const headers = this.#isHolding
      ? heldOctets(record.requestHeaders) + heldOctets(record.responseHeaders)
      : 0
    return headers + downstream.queuedOctets
  }
}

/** Sent all the same, a larger list might cost the client's whole connection. */
function problemOf({ octets }: HeaderList, downstream: DownstreamStream, from: Responder): Failure | null {
  const most = downstream.headerListMax
  if (octets <= most) return null
  const message = `${from.where}: answered with a header list of ${octets} octets, the client takes ${most}`
  return failure("headers_too_large", message)
}

function readStatus(list: HeaderList, record: NewStreamRecord): void {
  const status = list.get("grpc-status")
  if (status === undefined) return
  record.grpcStatus = parseGrpcStatus(status)
  record.grpcMessage = list.get("grpc-message") ?? ""
}
