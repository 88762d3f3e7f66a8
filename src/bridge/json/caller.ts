import { createHash } from "node:crypto"
import type { RequestHead } from "../../http2/message-head.ts"
import type { ConnectionRecord } from "../../record/record.ts"

/** One who wants the types of a method, with what may decide whether they are shown. */
export interface Caller {
  /** Of the gRPC request that the call becomes. */
  readonly head: RequestHead
  readonly connection: ConnectionRecord
}

/** Fields that are other ones in each call and that no server grants or refuses anything by: tracing, and what browsers add. */
const OF_ONE_CALL =
  /^(?::.*|te|content-.*|accept(?:-.*)?|grpc-.*|user-agent|referer|dnt|priority|pragma|cache-control|date|if-.*|sec-.*|traceparent|tracestate|baggage|b3|x-b3-.*|x-request-id|x-correlation-id|x-amzn-trace-id|x-cloud-trace-context|x-datadog-.*|uber-trace-id|connection|keep-alive|upgrade-insecure-requests)$/

/**
 * Tells callers apart by what they show of themselves: metadata, and a client certificate. Null: nothing. It is a hash,
 * so that no credentials are kept.
 */
export function credentialsKey({ head, connection }: Caller): string | null {
  const shown: string[] = []
  const { fields } = head.list
  for (let i = 0; i < fields.length; i += 2)
    if (!OF_ONE_CALL.test(fields[i]!)) shown.push(`${fields[i]!}: ${fields[i + 1]!}`)
  const subject = connection.tls?.clientSubject ?? ""
  if (shown.length === 0 && subject === "") return null
  const hash = createHash("sha256")
  for (const one of [subject, head.authority, ...shown.sort()]) hash.update(`${one.length} ${one}`)
  return hash.digest("base64")
}
