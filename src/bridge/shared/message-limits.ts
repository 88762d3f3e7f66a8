import { type CounterName, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { BridgeConfig } from "../../config/model.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord, StreamRecord } from "../../record/record.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import { type MessageBounds, MessageFault, type MessageLimit } from "../json/fault.ts"
import { type DecompressFault, KNOWN_ENCODINGS } from "./decompress.ts"

const counterOf: Readonly<Record<MessageLimit, CounterName>> = {
  messageValuesMax: "message_values_exceeded",
  messageDepthMax: "message_too_deep",
  messageGrowthMax: "message_growth_exceeded",
}

/** Which limits each client's log has named. */
const named = new WeakMap<ConnectionRecord, Set<CounterName>>()

/** Counts a limit that was reached, and says so once for each client. */
function limitReached({ counters, log }: CallContext, counter: CounterName, record: StreamRecord): void {
  counters.add(counterIds[counter])
  const { connection, path } = record
  const known = named.get(connection) ?? new Set()
  if (known.has(counter)) return
  named.set(connection, known.add(counter))
  log.warn(`limit reached: ${counter}`, {
    client: `${connection.remoteAddress}:${connection.remotePort}`,
    path,
  })
}

/** Most octets of one message on a route, as it comes and decompressed. */
export function messageOctetsMaxOf({ messageOctetsMax }: BridgeConfig, limits: Limits): number {
  return messageOctetsMax ?? limits.messageOctetsMax
}

/** What a message of a route may become. */
export function messageBoundsOf(bridge: BridgeConfig, limits: Limits): MessageBounds {
  return {
    valuesMax: limits.messageValuesMax,
    depthMax: limits.messageDepthMax,
    octetsMax: limits.messageGrowthMax * messageOctetsMaxOf(bridge, limits),
  }
}

/** `what` is too large for the route; names what to set. */
export function messageTooLarge(
  context: CallContext,
  bridge: BridgeConfig,
  record: StreamRecord,
  what: string,
): Failure {
  limitReached(context, "message_too_large", record)
  const octets = messageOctetsMaxOf(bridge, context.limits)
  return failure(
    "body_too_large",
    `${what} is larger than messageOctetsMax (${octets} octets), which grpc_message_max_size sets in nginx.conf`,
  )
}

/** A client's message that could not be decompressed or translated. Errors: throws what is a bug. */
export function requestFailure(
  context: CallContext,
  bridge: BridgeConfig,
  record: StreamRecord,
  fault: DecompressFault | Error,
  encoding: string,
): Failure {
  if (fault === "too_large") return messageTooLarge(context, bridge, record, "a message")
  if (fault === "malformed") return failure("bad_request", `a message is not ${encoding.slice(0, 40)}`)
  if (fault === "unknown") {
    const what = `unknown compression ${encoding.slice(0, 40)}: there is ${KNOWN_ENCODINGS}`
    return { ...failure("no_route", what), grpcStatus: GrpcStatus.UNIMPLEMENTED }
  }
  if (!(fault instanceof MessageFault)) throw fault
  return limitFailure(context, record, fault) ?? failure("bad_request", fault.message)
}

/** The same of a backend's. Whatever keeps it from being read, the status is one: INTERNAL, as gRPC's own clients say. */
export function responseFailure(
  context: CallContext,
  bridge: BridgeConfig,
  record: StreamRecord,
  fault: DecompressFault | Error,
  { typeName, encoding }: { typeName: string; encoding: string },
): Failure {
  if (fault === "too_large") return messageTooLarge(context, bridge, record, "the backend's message")
  if (fault instanceof Error && !(fault instanceof MessageFault)) throw fault
  const limit = fault instanceof MessageFault ? limitFailure(context, record, fault) : null
  if (limit !== null) return { ...limit, message: `the backend's message: ${limit.message}` }
  let reason = `it is not ${encoding.slice(0, 40)}`
  if (fault === "unknown") reason = `its compression is ${encoding.slice(0, 40)}, which is not known`
  else if (fault instanceof MessageFault) reason = fault.message
  return unreadable(`the backend's message is no ${typeName}: ${reason}`)
}

/** What a backend said makes no sense. */
export function unreadable(message: string): Failure {
  return { ...failure("upstream_malformed", message), grpcStatus: GrpcStatus.INTERNAL }
}

function limitFailure(
  context: CallContext,
  record: StreamRecord,
  { limit, message }: MessageFault,
): Failure | null {
  if (limit === null) return null
  limitReached(context, counterOf[limit], record)
  return failure("body_too_large", message)
}
