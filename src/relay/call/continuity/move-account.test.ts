import { expect, test } from "vitest"
import { turnCauses } from "../../../base/turn-cause.ts"
import { Endpoint } from "../../../cluster/endpoint.ts"
import { Column } from "../../../cluster/traffic.ts"
import { parseAddress } from "../../../config/address.ts"
import { defaultEndpoint } from "../../../config/defaults.ts"
import { ContinuityRecord } from "../../../record/continuity-record.ts"
import { failure } from "../../../record/failure.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { Leg } from "../leg.ts"
import { MoveAccount } from "./move-account.ts"

type Step = "begin" | "moved" | "failed" | "refused"

/** What comes of the steps: orders told that they are over, moves counted and failed, and the record's moves. */
function outcome(steps: readonly Step[]): { over: number; moved: number; failed: number; moves: number } {
  const endpoint = new Endpoint(defaultEndpoint(parseAddress("a:1", null)!))
  const stream = { continuity: new ContinuityRecord() }
  const account = new MoveAccount(stream)
  let over = 0
  const move = { to: null, over: () => void over++ }
  const what = failure("drained", "")
  const reason: TurnReason = { cause: "rebalance", what, isWithdrawn: false, move }
  for (const step of steps)
    if (step === "begin") account.begin({ endpoint } as Leg, reason)
    else if (step === "moved") account.moved(5)
    else account[step]()
  const at = turnCauses.indexOf("rebalance")
  const { traffic } = endpoint
  const { moves } = stream.continuity
  return { over, moved: traffic[Column.moved + at]!, failed: traffic[Column.movesFailed + at]!, moves }
}

test.each<[steps: Step[], over: number, moved: number, failed: number]>([
  [["moved", "failed", "refused"], 0, 0, 0],
  [["begin", "moved"], 1, 1, 0],
  [["begin", "moved", "failed"], 1, 1, 0],
  [["begin", "failed", "failed"], 1, 0, 1],
  // Who asked for it tells the order.
  [["begin", "refused", "failed"], 0, 0, 1],
  [["begin", "begin", "moved"], 2, 1, 1],
])("%j: over %i times, moved %i, failed %i", (steps, over, moved, failed) => {
  expect(outcome(steps)).toEqual({ over, moved, failed, moves: moved })
})
