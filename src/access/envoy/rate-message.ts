/** Envoy's rate limit service. Source: envoy/service/ratelimit/v3/rls.proto, envoy/extensions/common/ratelimit/v3. */
import { textOfOctets } from "../../base/octet-text.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import type { RateAnswer } from "../../relay/route/service-messages.ts"
import { addChange, readAdded } from "./header-value.ts"
import { MessageWriter, numberField, octetsField, readMessage } from "./wire.ts"

/** `RateLimitRequest`. */
export function rateRequest(
  domain: string,
  descriptors: readonly (readonly (readonly [key: string, value: string])[])[],
): Uint8Array {
  const request = new MessageWriter().text(1, domain)
  for (const entries of descriptors)
    request.message(2, (descriptor) => {
      for (const [key, value] of entries) descriptor.entry(1, key, textOfOctets(value))
    })
  return request.finish()
}

/** Clients are told to wait no longer: gRPC's have 32 bits for it. */
const DAY_MS = 86_400_000

/** `RateLimitResponse.Code`. */
const OK = 1
const OVER_LIMIT = 2

/** `RateLimitResponse`. Null: it is none, or does not say what it came to. */
export function readRate(message: Buffer): RateAnswer | null {
  let code = 0
  let body = ""
  let resetMs: number | null = null
  const requestChanges: HeaderChange[] = []
  const responseChanges: HeaderChange[] = []
  try {
    readMessage(message, {
      1: numberField((value) => (code = value)),
      2: octetsField((status) => {
        const ms = resetOf(status)
        if (ms !== null) resetMs = Math.max(resetMs ?? 0, ms)
      }),
      3: octetsField((field) => addChange(readAdded(field), responseChanges)),
      4: octetsField((field) => addChange(readAdded(field), requestChanges)),
      5: octetsField((octets) => (body = Buffer.from(octets).toString("utf8"))),
    })
  } catch {
    return null
  }
  if (code !== OK && code !== OVER_LIMIT) return null
  return { isOverLimit: code === OVER_LIMIT, resetMs, requestChanges, responseChanges, body }
}

/** Of a `DescriptorStatus` that is over its limit. */
function resetOf(status: Uint8Array): number | null {
  let code = 0
  let seconds: number | null = null
  let nanos = 0
  readMessage(status, {
    1: numberField((value) => (code = value)),
    4: octetsField((duration) => {
      seconds = 0
      readMessage(duration, {
        1: numberField((value) => (seconds = value)),
        2: numberField((value) => (nanos = value)),
      })
    }),
  })
  if (code !== OVER_LIMIT || seconds === null) return null
  return Math.min(DAY_MS, Math.max(0, Math.ceil(seconds * 1000 + nanos / 1_000_000)))
}
