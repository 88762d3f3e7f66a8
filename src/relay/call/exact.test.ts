import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { defaultLimits } from "../../base/limits.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure, failureKinds } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import { statusOnWire } from "../route/error-page.ts"
import type { Route } from "../route/route.ts"
import {
  CallTimer,
  deadlinePassed,
  isAtDeadline,
  makeCallTimer,
  type TimedLeg,
  type TimerContext,
} from "./call-timer.ts"
import { fitTrailers } from "./fit-trailers.ts"
import { heldOctets, holdHeaders, releaseHeaders } from "./held-headers.ts"
import { COMPLETE, failureOf, faultOf, type LegEnd, legEndOfFailure, reasonOf, servedBy } from "./leg-end.ts"
import { localReply } from "./local-reply.ts"
import { StreamTimeouts } from "./stream-timeouts.ts"

/** The small parts of a call, at the one octet or millisecond that decides. */

describe("what a leg's end is to others", () => {
  const cancelled: LegEnd = { kind: "cancelled", code: ErrorCode.CANCEL }
  const reset: LegEnd = { kind: "reset", code: ErrorCode.INTERNAL_ERROR, isAnswered: false }

  test.each<[string, LegEnd | null, string]>([
    ["not over yet", null, "otherwise"],
    ["whole", COMPLETE, "answered"],
    ["cancelled", cancelled, "cut"],
    ["its deadline", legEndOfFailure(failure("deadline", "x")), "cut"],
    ["rejected", { kind: "rejected", isCharged: false }, "cut"],
    ["reset by its endpoint", reset, "otherwise"],
    ["ended by Sluice", { kind: "ended" }, "otherwise"],
  ])("served, %s: %s", (_, end, served) => {
    expect(servedBy(end)).toBe(served)
  })

  test.each([
    [400, "endpoint"],
    [403, "none"],
    [404, "none"],
    [405, "endpoint"],
  ])("status %i: the fault of %s", (status, fault) => {
    expect(faultOf({ kind: "status", status, grpcStatus: -1, pushbackMs: null })).toBe(fault)
  })

  test("what Sluice refuses of a client's is charged only where it is charged elsewhere", () => {
    const charged = failureKinds.filter((kind) => {
      const end = legEndOfFailure(failure(kind, "why"))
      return end.kind === "rejected" && end.isCharged
    })
    const rejected = failureKinds.filter((kind) => legEndOfFailure(failure(kind, "why")).kind === "rejected")
    expect([charged, rejected]).toEqual([["bad_request"], ["bad_request", "body_timeout", "body_too_large"]])
  })

  test("the client is told of its own deadline, and of ends that have no words of their own", () => {
    const what = failure("deadline", "passed")
    expect(failureOf({ kind: "deadline", what }, "a")).toBe(what)
    const said = { kind: "upstream_lost", isUnsent: false }
    expect(failureOf(reset, "a")).toMatchObject({ ...said, message: "a: RST_STREAM (INTERNAL_ERROR)" })
    for (const end of [cancelled, { kind: "ended" } as const])
      expect(failureOf(end, "a")).toMatchObject({ ...said, message: `a: ${end.kind}` })
  })

  test("the log is told what there is", () => {
    expect(reasonOf({ kind: "timeout", what: failure("read_timeout", "why"), isAnswered: false })).toBe("why")
    expect(reasonOf(cancelled)).toBe("cancelled")
  })
})

describe("replies of Sluice's own", () => {
  const grpc = { isGrpc: true, isHeadSent: false }

  test.each([
    [493, 493],
    [494, 400],
    [495, 400],
    [496, 400],
    [497, 400],
    [498, 498],
  ])("status %i goes out as %i", (status, onWire) => {
    expect(statusOnWire(status)).toBe(onWire)
  })

  test("gRPC's status 0 is one; below it, it follows from HTTP's", () => {
    expect(localReply(grpc, { httpStatus: 404, grpcStatus: 0, message: "" })!.grpcStatus).toBe(0)
    expect(localReply(grpc, { httpStatus: 404, grpcStatus: -1, message: "" })!.grpcStatus).toBe(12)
  })

  test("a message has at most 1,024 characters", () => {
    for (const [length, left] of [
      [1024, 1024],
      [1025, 1024],
    ] as const) {
      const reply = localReply(grpc, { httpStatus: 502, grpcStatus: 14, message: "m".repeat(length) })
      expect(reply!.list.get("grpc-message")).toBe("m".repeat(left))
    }
  })

  test("the same reply twice is the very same list; another is another", () => {
    const head = (grpcStatus: number, message: string): HeaderList =>
      localReply(grpc, { httpStatus: 502, grpcStatus, message })!.list
    const first = head(14, "gone")
    expect(head(14, "gone")).toBe(first)
    const other = head(13, "gone")
    expect([other.get("grpc-status"), other.get("grpc-message")]).toEqual(["13", "gone"])
    const third = head(13, "away")
    expect([third.get("grpc-status"), third.get("grpc-message")]).toEqual(["13", "away"])
    expect(head(14, "gone").fields).toEqual(first.fields)
  })
})

describe("trailers that are made to fit", () => {
  const status = ["grpc-status", "5"]
  const STATUS_OCTETS = 11 + 1 + 32

  test.each<[string, readonly string[], number, readonly string[]]>([
    [
      "a field that fits to the octet",
      [...status, "x-a", "1234", "y", "y".repeat(99)],
      STATUS_OCTETS + 39,
      [...status, "x-a", "1234"],
    ],
    [
      "a field that is an octet too large",
      [...status, "x-a", "1234", "y", "y".repeat(99)],
      STATUS_OCTETS + 38,
      status,
    ],
    [
      "a message of one octet",
      [...status, "grpc-message", "mmm"],
      STATUS_OCTETS + 45,
      [...status, "grpc-message", "m"],
    ],
    ["no message of none", [...status, "grpc-message", "mmm"], STATUS_OCTETS + 44, status],
    [
      "a message that stands first",
      ["grpc-message", "mmm", ...status],
      STATUS_OCTETS + 45,
      ["grpc-message", "m", ...status],
    ],
    [
      "a second message is a field like others",
      ["grpc-message", "a", "grpc-message", "b", ...status, "y", "y".repeat(99)],
      2 * 45 + STATUS_OCTETS,
      ["grpc-message", "a", "grpc-message", "b", ...status],
    ],
    [
      "a name that nearly begins as a pseudo-header does",
      [";a", "1".repeat(99), ...status],
      STATUS_OCTETS,
      status,
    ],
    [
      "a pseudo-header",
      [":a", "1".repeat(99), ...status, "z", "z".repeat(99)],
      STATUS_OCTETS,
      [":a", "1".repeat(99), ...status],
    ],
  ])("%s", (_, fields, most, expected) => {
    expect(fitTrailers(new HeaderList(fields), most).fields).toEqual(expected)
  })

  test("without fields that must not be indexed there are none", () => {
    const list = new HeaderList([...status, "x", "x".repeat(99)], new Set([1]))
    expect(fitTrailers(list, STATUS_OCTETS).neverIndexed).toBeNull()
  })
})

describe("header lists that are held", () => {
  /** Of so many octets, 32 for its field among them. */
  const list = (octets: number): HeaderList => new HeaderList(["x", "y".repeat(octets - 33)])
  const budget = (): BufferBudget => new BufferBudget(defaultLimits)

  test.each([
    [4096, 0],
    [4097, 4097],
  ])("of %i octets, %i count", (octets, counted) => {
    const made = budget()
    const headers = list(octets)
    expect(heldOctets(headers)).toBe(counted)
    holdHeaders(headers, made)
    expect([made.octets, heldOctets(headers)]).toEqual([counted, counted])
    releaseHeaders(headers, made)
    expect(made.octets).toBe(0)
  })

  test("each of its streams has its part of one", () => {
    const made = budget()
    const headers = list(8000)
    for (const part of [8000, 4000, 8000 / 3]) {
      holdHeaders(headers, made)
      expect(heldOctets(headers)).toBe(part)
    }
    expect([made.octets, heldOctets(null)]).toEqual([8000, 0])
  })
})

describe("the timer of a call", () => {
  const START_MS = 1000
  const timeouts = {
    idleTimeoutMs: null,
    responseTimeoutMs: null,
    readTimeoutMs: null,
    sendTimeoutMs: null,
    bodyTimeoutMs: null,
  }
  const side = (remoteEnded: boolean) => ({ queuedOctets: 0, remoteEnded })

  /** No stream of these ages, so no pacer is asked. */
  const contextOf = (clock: ManualClock, deadlines: TimerWheel) =>
    ({ clock, deadlines, env: { random: () => 0 } }) as unknown as TimerContext
  const leg = { address: "a:1", upstream: null } as unknown as TimedLeg

  function timed(deadlineMs: number, bodyTimeoutMs: number | null) {
    const clock = new ManualClock()
    clock.advance(START_MS)
    const deadlines = new TimerWheel(clock)
    const record = { startMs: START_MS, deadlineMs } as StreamRecord
    let rang = 0
    const call = { record, onTimer: () => void rang++ }
    const made = bodyTimeoutMs === null ? null : new StreamTimeouts({ ...timeouts, bodyTimeoutMs }, START_MS)
    const timer = new CallTimer(contextOf(clock, deadlines), call, made, null)
    return { clock, deadlines, timer, rang: () => rang }
  }

  test.each([
    ["its own deadline", 1500, null, 500],
    ["a timeout", 0, 300, 300],
    ["whichever is first: the deadline", 1200, 300, 200],
    ["whichever is first: the timeout", 1500, 300, 300],
    ["one that has passed: at once", 900, null, 0],
  ])("is due for %s", (_, deadlineMs, bodyTimeoutMs, afterMs) => {
    const { clock, timer, rang } = timed(deadlineMs, bodyTimeoutMs)
    timer.arm()
    if (afterMs > 0) clock.advance(afterMs - 1)
    expect(rang()).toBe(0)
    // The wheel rounds up, by at most two of its steps.
    clock.advance(10)
    expect(rang()).toBe(1)
  })

  test("is not set where nothing is due, nor once it is disarmed", () => {
    const none = timed(0, null)
    none.timer.arm()
    expect(none.deadlines.size).toBe(0)
    const { deadlines, timer } = timed(1500, null)
    timer.arm()
    expect(deadlines.size).toBe(1)
    timer.disarm()
    expect(deadlines.size).toBe(0)
  })

  test("says what has run out, at its very millisecond", () => {
    const { clock, timer } = timed(1500, 700)
    const check = (isOver = false): string | undefined => timer.check(leg, side(isOver))?.kind
    clock.advance(499.9)
    expect(check()).toBeUndefined()
    clock.advance(0.1)
    expect(check()).toBe("deadline")
    const other = timed(0, 700)
    other.clock.advance(699)
    expect(other.timer.check(leg, side(false))).toBeNull()
    other.clock.advance(1)
    expect(other.timer.check(leg, side(false))).toMatchObject({
      kind: "body_timeout",
      message: "the client sent nothing for 700 ms (client_body_timeout)",
    })
    const bare = timed(0, null)
    bare.clock.advance(1e9)
    expect(bare.timer.check(leg, side(false))).toBeNull()
  })

  test.each([
    [1498, true],
    [1497.9, false],
    [1500, true],
    [1e9, true],
  ])("a client that leaves at %f ms does so at its deadline of 1,500: %s", (nowMs, is) => {
    expect(isAtDeadline({ deadlineMs: 1500 } as StreamRecord, nowMs)).toBe(is)
    expect(isAtDeadline({ deadlineMs: 0 } as StreamRecord, nowMs)).toBe(false)
  })

  test("the client is told its deadline as it said it", () => {
    // The start was rounded down, and a millisecond added for that.
    expect(deadlinePassed({ startMs: 1000, deadlineMs: 1000 + 1 + 250 } as StreamRecord)).toMatchObject({
      kind: "deadline",
      message: "the deadline of 250 ms passed (grpc-timeout or maxCallTime, enforced at the balancer)",
    })
  })

  test("is made only where something can run out", () => {
    const { clock, deadlines } = timed(0, null)
    const made = (deadlineMs: number, hasStreamTimeouts: boolean): CallTimer | null => {
      const record = { startMs: START_MS, deadlineMs } as StreamRecord
      const route = {
        hasStreamTimeouts,
        settings: { ...timeouts, bodyTimeoutMs: 5, maxStreamAgeMs: null },
      } as unknown as Route
      return makeCallTimer(contextOf(clock, deadlines), { record, onTimer: () => {} }, route)
    }
    expect(made(0, false)).toBeNull()
    expect(made(1500, false)?.timeouts).toBeNull()
    expect(made(0, true)?.timeouts).toBeInstanceOf(StreamTimeouts)
    expect(made(1500, true)?.timeouts).toBeInstanceOf(StreamTimeouts)
  })
})
