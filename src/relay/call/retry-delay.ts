import type { Limits } from "../../base/limits.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { jittered } from "../pacing/pacer.ts"

/**
 * What a backend says of when to try again: milliseconds; negative: not at all, which a value that is no number of 32 bits
 * means too; null: nothing. Source: gRFC A6, "Pushback".
 */
export function pushbackOf(list: HeaderList): number | null {
  const text = list.get("grpc-retry-pushback-ms")
  if (text === undefined) return null
  if (!/^\d{1,10}$/.test(text)) return -1
  const ms = Number(text)
  return ms < 2 ** 31 ? ms : -1
}

/**
 * How long the `retry`th retry of a call waits, from 1. The first goes to another endpoint at once, as in nginx; then there is a
 * backoff that doubles, give or take a fifth, so that a cluster in trouble is not asked in a row. `chance`: from 0 to 1.
 */
export function backoffMs(
  retry: number,
  { retryBackoffMs, retryBackoffMaxMs }: Pick<Limits, "retryBackoffMs" | "retryBackoffMaxMs">,
  chance: number,
): number {
  if (retry <= 1) return 0
  return Math.round(jittered(Math.min(retryBackoffMs * 2 ** (retry - 2), retryBackoffMaxMs), chance))
}
