import { describe, expect, test } from "vitest"
import { CallBed } from "../../../../test/support/call-bed.ts"
import { ContinuityRecord } from "../../../record/continuity-record.ts"
import { BackendAccount } from "./backend-account.ts"
import { Gap } from "./gap.ts"
import { LogRelief } from "./log-relief.ts"

/** The time between legs that are scripts, of five seconds at most. */
function bedOf() {
  const { context, clock } = new CallBed()
  const told: string[] = []
  const record = new ContinuityRecord()
  const owner = { onGapTooLong: () => told.push("too long"), onGapTimer: () => told.push("timer") }
  const backend = new BackendAccount()
  const gap = new Gap(context, owner, { continuity: record }, backend, 5000)
  /** As the call has it when the head of a leg comes. */
  const head = () => {
    gap.onHead()
    backend.headCame(Math.floor(clock.now()))
  }
  const legMs = () => backend.legMs(Math.floor(clock.now()))
  const take = () => told.splice(0)
  return { gap, backend, head, legMs, clock, record, take, open: () => context.deadlines.size }
}

describe("the time of a leg", () => {
  test("counts from its head, in whole milliseconds", () => {
    const { gap, clock, backend, head, legMs } = bedOf()
    expect([backend.isAwaitingHead, legMs()]).toEqual([true, 0])
    clock.advance(100.7)
    head()
    expect([backend.isAwaitingHead, legMs()]).toEqual([false, 0])
    clock.advance(50.6)
    expect(legMs()).toBe(51)
    gap.begin()
    expect([backend.isAwaitingHead, legMs()]).toEqual([true, 0])
  })

  test("that has lasted a second forgets the legs before that did not", () => {
    const { gap, clock, head } = bedOf()
    gap.onLegEnd(false)
    gap.onLegEnd(true)
    expect([gap.shortLegs, gap.tries]).toEqual([1, 2])
    head()
    clock.advance(999)
    gap.onLegEnd(true)
    expect([gap.shortLegs, gap.tries]).toEqual([2, 3])
    head()
    clock.advance(1000)
    gap.onLegEnd(true)
    expect([gap.shortLegs, gap.tries]).toEqual([0, 0])
  })

  test("whose head never came has not lasted, however long it was", () => {
    const { gap, clock } = bedOf()
    clock.advance(5000)
    gap.onLegEnd(true)
    expect([gap.shortLegs, gap.tries]).toEqual([1, 1])
  })
})

describe("the time without a leg", () => {
  test("counts from the end of one to the head of the next, through as many as it takes", () => {
    const { gap, clock, record, head } = bedOf()
    head()
    expect(gap.ms).toBe(0)
    gap.begin()
    clock.advance(30)
    gap.begin()
    clock.advance(20)
    expect([gap.ms, record.gaps, record.gapMs]).toEqual([50, 1, 0])
    head()
    expect([gap.ms, record.gaps, record.gapMs]).toEqual([0, 1, 50])
    gap.begin()
    clock.advance(5)
    head()
    expect([record.gaps, record.gapMs]).toEqual([2, 55])
  })

  test("is at most what the route says, and then the owner is told", () => {
    const { gap, clock, take, open } = bedOf()
    gap.begin()
    gap.wait()
    clock.advance(4900)
    expect([take(), open()]).toEqual([[], 1])
    clock.advance(200)
    expect([take(), open()]).toEqual([["too long"], 0])
  })

  test("has its owner told of what was put off, and goes on counting", () => {
    const { gap, clock, take, open } = bedOf()
    gap.begin()
    gap.wait(200)
    clock.advance(150)
    expect(take()).toEqual([])
    clock.advance(100)
    expect([take(), open()]).toEqual([["timer"], 1])
    clock.advance(4600)
    expect(take()).toEqual([])
    clock.advance(200)
    expect(take()).toEqual(["too long"])
  })

  test("puts nothing off for longer than it may last", () => {
    const { gap, clock, take } = bedOf()
    gap.begin()
    clock.advance(4000)
    gap.wait(9000)
    clock.advance(900)
    expect(take()).toEqual([])
    clock.advance(200)
    expect(take()).toEqual(["too long"])
    gap.wait(9000)
    clock.advance(50)
    expect(take()).toEqual(["too long"])
  })

  test("waits for one thing at a time, and for nothing once there is a leg", () => {
    const { gap, clock, take, open, head } = bedOf()
    gap.begin()
    gap.wait(1000)
    gap.wait(2000)
    expect(open()).toBe(1)
    clock.advance(1500)
    expect(take()).toEqual([])
    head()
    expect(open()).toBe(0)
    clock.advance(10_000)
    expect(take()).toEqual([])
  })

  test("that ends before anything was waited for needs no end", () => {
    const { gap, open } = bedOf()
    gap.close()
    expect(open()).toBe(0)
  })
})

describe("a log that is full", () => {
  const relief = (isFull: boolean, goesOn: boolean) => {
    const { context, clock } = new CallBed()
    const log = {
      isFull,
      tries: 0,
      relieve: () => {
        log.tries++
        return goesOn
      },
    }
    const made = new LogRelief(context.deadlines, log)
    made.begin()
    return { clock, log, made, open: () => context.deadlines.size }
  }

  test("is relieved after a second, once however often it is said", () => {
    const { clock, log, made, open } = relief(true, false)
    clock.advance(500)
    made.begin()
    clock.advance(450)
    expect(log.tries).toBe(0)
    clock.advance(100)
    expect([log.tries, open()]).toEqual([1, 0])
    made.begin()
    clock.advance(1100)
    expect(log.tries).toBe(2)
  })

  test("is tried again a second later where that could not be", () => {
    const { clock, log, made, open } = relief(true, true)
    clock.advance(1100)
    clock.advance(1100)
    expect(log.tries).toBe(2)
    made.close()
    expect(open()).toBe(0)
  })

  test("and has room by then is let be", () => {
    const { clock, log, open } = relief(false, true)
    clock.advance(5000)
    expect([log.tries, open()]).toEqual([0, 0])
  })
})
