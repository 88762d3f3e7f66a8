/** Variables of Sluice that nginx's HTTP has not: a file may use their names for something else. */
import { TCP_ONLY } from "./tcp-variables.ts"

const OURS =
  /^(grpc_(status|message|messages_sent|messages_received)|stream_(resumes|event)|trace_id|time_iso8601_ms|continuity_(legs|gap|moves|move_cause))$/

/** `name` is in lower case. */
export function isOwnVariable(name: string): boolean {
  return OURS.test(name) || TCP_ONLY.has(name)
}
