import { describe, expect, test } from "vitest"
import { Counters } from "../../../base/counters.ts"
import { defaultLimits } from "../../../base/limits.ts"
import { defaultContinuity } from "../../../config/defaults.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import { compileContinuity } from "../../route/continuity-plan.ts"
import { ClientCredit } from "./client-credit.ts"
import { RequestLog } from "./request-log.ts"

const NO_LIMIT = Number.POSITIVE_INFINITY

function message(octets: number): Buffer {
  const all = Buffer.alloc(octets)
  all.writeUInt32BE(octets - 5, 1)
  return all
}

/** A log of messages that a leg takes at once, unless the test says otherwise. */
function bed(config: Partial<ContinuityConfig>) {
  const plan = compileContinuity({ ...defaultContinuity(), ...config })!
  const budget = new BufferBudget(defaultLimits)
  const log = new RequestLog({ budget, counters: new Counters() }, plan)
  let credit = 0
  const credits = new ClientCredit({ consume: (octets: number) => (credit += octets) } as never)
  /** Comes, and is taken; returns all the credit that the client was given. */
  const send = (octets: Buffer, taken = octets.length): number => {
    log.keep(octets, 0, octets.length, credits.taken)
    credits.taken += taken
    credits.give(log.creditMost)
    return credit
  }
  const done = (message: number): number => {
    log.done(message, credits.taken)
    credits.give(log.creditMost)
    return credit
  }
  return { plan, log, budget, credits, send, done, given: () => credit }
}

describe("overflow: slow", () => {
  const slow = { modes: ["lockstep" as const], overflow: "slow" as const, keepOctets: 30 }

  test("credit is given up to what is kept, and the rest when messages leave", () => {
    const { log, credits, send, done } = bed(slow)
    expect([send(message(20)), send(message(20)), send(message(20))]).toEqual([20, 30, 30])
    expect([credits.withheld, log.start, log.heldOctets]).toEqual([30, 0, 60])
    expect(done(1)).toBe(50)
    expect(done(2)).toBe(60)
    expect([log.start, log.heldOctets, credits.withheld]).toEqual([2, 20, 0])
    expect(done(3)).toBe(60)
  })

  test("a message that nothing is kept before comes whole, however large it is", () => {
    const { log, send, done } = bed(slow)
    send(message(20))
    const large = message(100)
    expect(send(large.subarray(0, 50))).toBe(30)
    // Before it there is a message that an answer may still make room for.
    expect(done(1)).toBe(70)
    // Once it is whole it is one that waits for its answer.
    expect(send(large.subarray(50))).toBe(70)
    expect(done(2)).toBe(120)
    expect(log.start).toBe(2)
  })

  test("the client no longer waits, and the oldest leave", () => {
    const { log, credits, send } = bed(slow)
    for (let at = 0; at < 3; at++) send(message(20))
    log.speedUp(credits.taken)
    credits.give(log.creditMost)
    expect([credits.withheld, log.start, log.heldOctets]).toEqual([0, 2, 20])
  })
})

test("overflow: commit: credit is given for all, and the oldest leave", () => {
  const { log, send } = bed({ modes: ["lockstep"], keepOctets: 30 })
  expect([send(message(20)), send(message(20)), send(message(20))]).toEqual([20, 40, 60])
  expect([log.start, log.creditMost]).toEqual([2, NO_LIMIT])
})

test.each<[modes: ContinuityConfig["modes"], isLockstep: boolean, forgetsReceived: boolean, isSlow: boolean]>(
  [
    [["lockstep"], true, false, true],
    [["handoff", "resume"], false, true, true],
    [["resume", "lockstep"], true, false, true],
    [["resume", "restart"], false, false, true],
    [["restart"], false, false, false],
  ],
)("%j: what may leave the log", (modes, isLockstep, forgetsReceived, isSlow) => {
  const { plan } = bed({ modes, overflow: "slow" })
  expect(plan).toMatchObject({ isLockstep, forgetsReceived, isSlow })
})
