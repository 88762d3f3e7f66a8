import { ErrorCode } from "../../src/http2/error-code.ts"
import type { CallRecord, Ending } from "./ledger.ts"
import { judgeLegs } from "./legs.ts"
import { octetsOf } from "./peers/client.ts"
import type { CallPlan, Plan, RoutePlan } from "./plan.ts"
import { Violation } from "./violation.ts"

/** What happened in a run that calls may have suffered from. */
export interface Circumstances {
  readonly plan: Plan
  readonly hurtClients: ReadonlySet<number>
  readonly hurtEndpoints: ReadonlySet<number>
  /** When the balancer was told to close, and when it ended what was still open. */
  readonly closeMs: number
  readonly abortMs: number
}

const CANCELLED = 1
const DEADLINE_EXCEEDED = 4
const RESOURCE_EXHAUSTED = 8
const UNAVAILABLE = 14
/** The wheel of deadlines turns in steps of 4 ms and rounds up. */
const DEADLINE_SLACK_MS = 10
/** Both ends round a deadline, each in its own way. */
const ROUNDING_MS = 2
/** So much of a request is kept for another attempt: `REPLAY_OCTETS` in src/relay. */
const REPLAYABLE_OCTETS = 65_536

/** Holds one call against its plan. Throws the first rule that was broken. */
export function judge(call: CallRecord, around: Circumstances): void {
  const { plan, ending, told } = call
  if (ending === null) throw fail(call, "call never ends", `it has no ending: ${progress(call)}`)
  if (told.length > 1) throw fail(call, "one ending", `the balancer told of it ${told.length} times`)
  const isSeen = call.attempts.length > 0 || call.head !== null
  // What its client sent of its own may have had its stream, and its answer.
  if (told.length === 0 && isSeen && !call.isSpoilt)
    throw fail(call, "record", "the balancer never told of it")
  judgeTime(call, around.plan.route)
  if (call.isSpoilt) return
  judgeLegs(call, around.plan, around.hurtEndpoints)
  switch (ending.how) {
    case "cancelled":
      return
    case "unsent":
    case "lost":
      if (
        !around.hurtClients.has(plan.client) &&
        call.endedMs < (ending.how === "lost" ? around.abortMs : around.closeMs)
      )
        throw fail(call, "wrong ending", `its client's connection was ${ending.how}`)
      return
    case "reset":
      return judgeReset(call, ending, around)
    case "complete":
      return judgeAnswer(call, ending, around)
  }
}

function judgeReset(call: CallRecord, ending: Ending & { how: "reset" }, around: Circumstances): void {
  const { response } = call.plan
  if (ending.isLocal) throw fail(call, "wrong ending", "its client found fault with the balancer")
  if (response.end === "reset" && ending.code === response.resetCode && call.attempts.length > 0) return
  if (whyUnavailable(call, around) === null && !isPastDeadline(call) && !mayBeShed(around))
    throw fail(call, "wrong ending", `it was reset with ${ending.code} for no reason`)
}

function judgeAnswer(call: CallRecord, ending: Ending & { how: "complete" }, around: Circumstances): void {
  const { plan, answeredBy, receivedOctets, head, told } = call
  const last = ending.trailers ?? head!
  const isWhole =
    answeredBy !== null && (last.get("x-end") !== undefined || plan.response.end === "data" || isBare(call))
  if (!isWhole)
    return judgeRescue(call, Number(last.get("grpc-status") ?? -1), Number(head!.get(":status")), around)
  if (!answeredBy.isAnswered) throw fail(call, "wrong ending", "it ended before its backend had ended it")
  if (receivedOctets !== answeredBy.sentOctets)
    throw fail(call, "body", `its response ended after ${receivedOctets} of ${answeredBy.sentOctets} octets`)
  if (plan.response.end === "trailers" && ending.trailers === null)
    throw fail(call, "head", "its trailers are missing")
  const [record] = told
  if (plan.protocol === "grpc" && record!.grpcStatus !== plan.response.grpcStatus && !isPastDeadline(call))
    throw fail(
      call,
      "record",
      `the balancer told of status ${record!.grpcStatus}, its client saw ${plan.response.grpcStatus}`,
    )
}

/** A plain response whose head was all. */
function isBare({ plan, head }: CallRecord): boolean {
  return plan.response.end === "head" && head!.get("x-attempt") !== undefined
}

/** The balancer answered in the backend's place. */
function judgeRescue(call: CallRecord, grpcStatus: number, httpStatus: number, around: Circumstances): void {
  const isGrpc = call.plan.protocol === "grpc"
  const said = isGrpc ? `grpc-status ${grpcStatus}` : `status ${httpStatus}`
  const why = whyUnavailable(call, around)
  const isDeadline = isGrpc ? grpcStatus === DEADLINE_EXCEEDED : httpStatus === 504
  const isShed = isGrpc ? grpcStatus === RESOURCE_EXHAUSTED : httpStatus === 503
  const isUnavailable = isGrpc ? grpcStatus === UNAVAILABLE : httpStatus >= 502 && httpStatus <= 504
  const isBodyTimeout = isGrpc ? grpcStatus === CANCELLED : httpStatus === 408
  if (isDeadline && (isPastDeadline(call) || isCancelledAtDeadline(call))) return
  if (isShed && mayBeShed(around)) return
  if (isUnavailable && why !== null) return
  // A client that does not speak gRPC is told of a reset before the head by a status.
  const isReset = call.plan.response.end === "reset" && call.attempts.length > 0
  if (!isGrpc && httpStatus === 502 && isReset) return
  if (isBodyTimeout && around.plan.route.bodyTimeoutMs !== null) return
  throw fail(call, "wrong ending", `the balancer answered it with ${said} for no reason`)
}

/** What may have kept the call from being answered; null: nothing. */
function whyUnavailable(call: CallRecord, around: Circumstances): string | null {
  const { plan, hurtEndpoints, hurtClients } = around
  const tried = call.told[0]?.attempts.map(({ address }) => Number(address.split(":")[1]) - 3000) ?? []
  if (hurtClients.has(call.plan.client)) return "its client was hurt"
  if (tried.length === 0 ? hurtEndpoints.size > 0 : tried.some((index) => hurtEndpoints.has(index)))
    return "an endpoint was hurt"
  if (call.endedMs >= around.abortMs) return "the balancer closed"
  if (isScarce(plan)) return "streams were scarce"
  if (isImpatient(plan)) return "its route cuts what is silent"
  if (mayBeEjected(plan)) return "an endpoint answered 503, or reset a call"
  if (call.plan.response.refusals > 0 && (hurtEndpoints.size > 0 || !canBeRetried(call.plan, plan)))
    return "it was refused"
  return null
}

/** Elsewhere, and with the whole request: what is kept of it goes when memory is short. */
function canBeRetried(call: CallPlan, { cluster, endpoints, limits }: Plan): boolean {
  const tries = Math.min(cluster.retryTries ?? endpoints.length, endpoints.length)
  const primaries = endpoints.filter(({ backup }) => !backup).length
  const isReachable = tries > call.response.refusals && primaries > call.response.refusals
  const isKept = octetsOf(call) <= REPLAYABLE_OCTETS && limits.bufferedOctetsMax === undefined
  return cluster.retryConditions.includes("error") && isReachable && isKept
}

/** An answer that is retried counts against the endpoint that gave it, and so does RST_STREAM before the head. */
function mayBeEjected({ cluster, calls, endpoints }: Plan): boolean {
  if (endpoints.length === 1) return false
  const isRetried = cluster.retryConditions.includes("http_503")
  return calls.some(({ response }) => response.end === "reset" || (isRetried && response.status === 503))
}

/** There may be no place for a stream although nothing is broken. */
function isScarce({ cluster, endpoints, faults }: Plan): boolean {
  const isChanged = faults.some((fault) => fault.kind === "settings" && fault.change.setting === "streams")
  return (
    isChanged ||
    cluster.maxConnectionsPerEndpoint !== null ||
    Object.values(cluster.limits).some((most) => most !== null) ||
    endpoints.some(({ maxStreams }) => maxStreams !== null)
  )
}

function isPastDeadline({ plan, openedMs, endedMs }: CallRecord): boolean {
  return plan.timeoutMs !== null && endedMs - openedMs >= plan.timeoutMs
}

/** Its backend keeps the deadline too, and was the first to cancel. */
function isCancelledAtDeadline({ plan, openedMs, endedMs }: CallRecord): boolean {
  const { timeoutMs, response } = plan
  if (timeoutMs === null || response.end !== "reset" || response.resetCode !== ErrorCode.CANCEL) return false
  return endedMs - openedMs + ROUNDING_MS >= timeoutMs
}

function mayBeShed({ plan }: Circumstances): boolean {
  const { bufferedOctetsMax, connectionBufferedOctetsMax } = plan.limits
  return bufferedOctetsMax !== undefined || connectionBufferedOctetsMax !== undefined
}

function isImpatient({ route }: Plan): boolean {
  return Object.values(route).some((timeoutMs) => timeoutMs !== null)
}

/** A deadline is not passed over, and a timeout does not strike before its time. */
function judgeTime(call: CallRecord, { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs }: RoutePlan): void {
  const { timeoutMs, protocol } = call.plan
  const [record] = call.told
  if (record === undefined) return
  const tookMs = record.endMs - record.startMs
  if (protocol === "grpc" && timeoutMs !== null && tookMs > timeoutMs + DEADLINE_SLACK_MS)
    throw fail(call, "time limit", `its deadline of ${timeoutMs} ms passed, and it went on for ${tookMs} ms`)
  const limits = {
    grpc_read_timeout: readTimeoutMs,
    grpc_send_timeout: sendTimeoutMs,
    client_body_timeout: bodyTimeoutMs,
  }
  for (const [name, limitMs] of Object.entries(limits))
    if (record.grpcMessage.includes(`(${name})`) && tookMs < (limitMs ?? Number.POSITIVE_INFINITY))
      throw fail(call, "time limit", `${name} of ${limitMs} ms cut it after ${tookMs} ms`)
}

function progress({ openedMs, sentOctets, attempts, receivedOctets }: CallRecord): string {
  if (openedMs < 0) return "its client never opened it"
  const tried = attempts.map(({ number, endpoint, receivedOctets: read, sentOctets: sent, isOpen }) => {
    return `attempt ${number} at endpoint ${endpoint} got ${read}, sent ${sent} and is ${isOpen ? "open" : "over"}`
  })
  return [`client sent ${sentOctets}, got ${receivedOctets}`, ...tried].join("; ")
}

function fail(call: CallRecord, rule: ConstructorParameters<typeof Violation>[0], detail: string): Violation {
  return new Violation(rule, `call ${call.plan.id}: ${detail}`)
}
