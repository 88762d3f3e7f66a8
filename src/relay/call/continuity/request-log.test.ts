import { describe, expect, test } from "vitest"
import { Counters } from "../../../base/counters.ts"
import { defaultLimits } from "../../../base/limits.ts"
import { defaultContinuity } from "../../../config/defaults.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import { compileContinuity } from "../../route/continuity-plan.ts"
import { LogCells } from "./log-cells.ts"
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
  const log = new RequestLog({
    context: { budget, counters: new Counters(), logCells: new LogCells() },
    plan,
  })
  let credit = 0
  /** All the credit that the client was given. */
  const given = (): number => {
    credit = Math.max(credit, Math.min(log.taken, log.creditMost))
    return credit
  }
  /** Comes, and is taken. */
  const send = (octets: Buffer, takes = octets.length): number => {
    log.add(octets, 0, octets.length)
    log.taken += takes
    return given()
  }
  const done = (message: number): number => {
    log.done(message)
    return given()
  }
  const speedUp = (): number => {
    log.speedUp()
    return given()
  }
  return { plan, log, budget, send, done, speedUp, withheld: () => log.taken - credit }
}

describe("overflow: slow", () => {
  const slow = { modes: ["lockstep" as const], overflow: "slow" as const, keepOctets: 30 }

  test("credit is given up to what is kept, and the rest when messages leave", () => {
    const { log, withheld, send, done } = bed(slow)
    expect([send(message(20)), send(message(20)), send(message(20))]).toEqual([20, 30, 30])
    expect([withheld(), log.start, log.heldOctets]).toEqual([30, 0, 60])
    expect(done(1)).toBe(50)
    expect(done(2)).toBe(60)
    expect([log.start, log.heldOctets, withheld()]).toEqual([2, 20, 0])
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
    const { log, withheld, send, speedUp } = bed(slow)
    for (let at = 0; at < 3; at++) send(message(20))
    speedUp()
    expect([withheld(), log.start, log.heldOctets]).toEqual([0, 2, 20])
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

describe("the first message and the last", () => {
  const text = (octets: Buffer | null): string | null =>
    octets === null ? null : octets.toString("latin1", 5)
  const named = (name: string): Buffer => {
    const all = message(5 + name.length)
    all.write(name, 5)
    return all
  }

  test("the first is kept for as long as the call lasts, and counts", () => {
    const { log, budget, send } = bed({ modes: ["restart"], restartWith: "first", keepOctets: 100 })
    send(named("one").subarray(0, 6))
    expect(log.first).toBe(null)
    send(named("one").subarray(6))
    expect(text(log.first)).toBe("one")
    send(named("two"))
    expect(text(log.first)).toBe("one")
    // It, and the last one.
    expect([log.heldOctets, budget.octets]).toEqual([16, 16])
    log.dropFirst()
    log.dropFirst()
    expect([log.first, log.heldOctets, budget.octets]).toEqual([null, 8, 8])
    send(named("three"))
    expect(log.first).toBe(null)
  })

  test("one that is larger than what is kept is not, to the octet", () => {
    const fits = bed({ modes: ["restart"], restartWith: "first", keepOctets: 8 })
    fits.send(named("one"))
    expect(text(fits.log.first)).toBe("one")
    const large = bed({ modes: ["restart"], restartWith: "first", keepOctets: 7 })
    large.send(named("one"))
    expect(large.log.first).toBe(null)
  })

  test("a route that does not need it keeps none", () => {
    const { log, send } = bed({ modes: ["restart"], restartWith: "none" })
    send(named("one"))
    expect(log.first).toBe(null)
  })

  test("the last whole one is kept where it has been sent", () => {
    const { log, send } = bed({ modes: ["restart"], restartWith: "last", keepOctets: 100 })
    expect(log.last(0)).toBe(null)
    send(named("one"))
    send(named("two"))
    expect(text(log.last(2))).toBe("two")
    expect(log.last(1)).toBe(null)
    send(named("three").subarray(0, 7))
    expect(text(log.last(2))).toBe("two")
    expect(log.start).toBe(1)
    log.forget()
    expect(log.last(2)).toBe(null)
  })
})

describe("what leaves when more comes than is kept", () => {
  test("is what was sent, the oldest first, and what is to the octet as large as that stays", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 40 })
    send(message(20))
    send(message(20))
    expect([log.start, log.heldOctets]).toEqual([0, 40])
    send(message(20))
    expect([log.start, log.heldOctets]).toEqual([1, 40])
    send(message(5))
    expect([log.start, log.heldOctets]).toEqual([2, 25])
  })

  test.each<[keepOctets: number, start: number, heldOctets: number]>([
    // 16 of 1,000 octets fill it to the octet; the 17th pushes out what it needs.
    [16_000, 1, 16_000],
    // 1,024 octets more.
    [16_384, 2, 15_000],
    [17_000, 3, 15_000],
  ])("is a sixteenth more of a log that is large: of %i octets", (keepOctets, start, heldOctets) => {
    const { log, send } = bed({ modes: ["resume"], keepOctets })
    while (log.start === 0) send(message(1000))
    expect([log.start, log.heldOctets]).toEqual([start, heldOctets])
  })

  test("is nothing that the next leg begins with", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 40 })
    send(message(20))
    send(message(20))
    log.neededFrom = 1
    send(message(20))
    send(message(20))
    expect(log.start).toBe(1)
  })

  test("is not what no leg has sent", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 10 })
    for (let many = 0; many < 3; many++) send(message(20), 0)
    expect([log.start, log.heldOctets]).toEqual([0, 60])
  })

  test("is counted once, and not where nothing is to be kept", () => {
    const shared = () => ({ budget: new BufferBudget(defaultLimits), logCells: new LogCells() })
    const counters = new Counters()
    const plan = compileContinuity({ ...defaultContinuity(), modes: ["resume"], keepOctets: 10 })!
    const log = new RequestLog({ context: { ...shared(), counters }, plan })
    for (; log.taken < 80; log.taken += 20) log.add(message(20), 0, 20)
    expect(counters.get("continuity_log_exceeded")).toBe(1)
    const none = new Counters()
    const restart = compileContinuity({ ...defaultContinuity(), modes: ["restart"], restartWith: "none" })!
    const other = new RequestLog({ context: { ...shared(), counters: none }, plan: restart })
    for (; other.taken < 80; other.taken += 20) other.add(message(20), 0, 20)
    expect([none.get("continuity_log_exceeded"), other.start]).toEqual([0, 3])
  })

  test("a message that is larger than what is kept leaves as it is sent, its rest too", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 30 })
    send(message(10))
    const large = message(200)
    send(large.subarray(0, 40))
    expect(log.heldOctets).toBe(40)
    send(large.subarray(40, 80))
    // So much of it has gone that it cannot be sent again.
    expect([log.heldOctets, log.start]).toEqual([0, 2])
    send(large.subarray(80, 200))
    expect([log.heldOctets, log.start, log.octetOf(2), log.unfinished, log.received]).toEqual([
      0, 2, 210, 210, 210,
    ])
    send(message(8))
    expect([log.heldOctets, log.octetOf(2), log.sentMessages]).toEqual([8, 210, 3])
  })

  test("all of it, between two messages, begins with the next", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 100 })
    send(message(10))
    send(message(10))
    log.drop()
    expect([log.heldOctets, log.start, log.octetOf(2)]).toEqual([0, 2, 20])
  })

  test("all of it, within a prefix, waits until the message is known", () => {
    const { log, send } = bed({ modes: ["resume"], keepOctets: 100 })
    send(message(10))
    send(message(10).subarray(0, 3))
    log.drop()
    expect([log.heldOctets, log.start]).toEqual([13, 0])
  })
})
