import { counterIds } from "../../base/counters.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import { RequestBody } from "../../record/request-body.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import type { Phase } from "./route.ts"

/** What comes of the request from here on is kept for `$request_body`, as far as it is short. */
export const keepBody: Phase = (call, { limits, counters, budget }) => {
  const state = stateOf(call.record)
  if (state.body !== null || call.record.requestOctets > 0) return null
  const body = new RequestBody(limits.requestBodyOctets)
  state.body = body
  call.atEnd(() => {
    budget.add(-body.heldOctets)
    if (body.isTooLong) counters.add(counterIds.request_body_not_kept)
  })
  return null
}

/** Octets of the request came. */
export function addToBody(
  { body }: RequestState,
  budget: BufferBudget,
  octets: Buffer,
  start: number,
  end: number,
): void {
  if (body !== null) budget.add(body.add(octets, start, end))
}
