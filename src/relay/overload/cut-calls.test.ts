import { describe, expect, test } from "vitest"
import { connectionRecord, streamRecord } from "../../../test/support/stream-record.ts"
import { Counters } from "../../base/counters.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { Log } from "../../log/logger.ts"
import type { StreamRecord } from "../../record/record.ts"
import { CutCalls, type Served } from "./cut-calls.ts"

const MAX = 10
const PER_SECOND = 5
const OFFSET = 4

/** One client's connection, and calls over it. */
class Client {
  readonly counters = new Counters()
  readonly said: string[] = []
  readonly cutCalls: CutCalls
  readonly connection = connectionRecord()
  nowMs = 5000

  constructor() {
    const say = (message: string): void => void this.said.push(message)
    const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log }
    const { limits } = resolveLimits({
      cutCallsMax: MAX,
      cutCallsPerSecond: PER_SECOND,
      answeredCallsOffset: OFFSET,
    })
    this.cutCalls = new CutCalls({ limits, counters: this.counters, log })
  }

  /** Null: it would wait for as long as it takes. */
  record(timeoutMs: number | null): StreamRecord {
    const deadlineMs = timeoutMs === null ? 0 : this.nowMs + 1 + timeoutMs
    const { connection } = this
    return Object.assign(streamRecord({ startMs: this.nowMs, deadlineMs }), { connection })
  }

  /** Calls one after the other: how many were admitted. */
  call(many: number, served: Served, timeoutMs: number | null = 20): number {
    let admitted = 0
    for (let i = 0; i < many; i++) {
      const record = this.record(timeoutMs)
      if (this.cutCalls.begin(record) !== null) continue
      admitted++
      this.cutCalls.end(record, served)
    }
    return admitted
  }
}

describe("calls that their own deadlines cut", () => {
  test("so many in all, then RESOURCE_EXHAUSTED that names the limit, and no backend has seen them", () => {
    const client = new Client()
    expect(client.call(100, "cut")).toBe(MAX)
    expect(client.cutCalls.begin(client.record(20))).toMatchObject({
      kind: "overload",
      grpcStatus: 8,
      isUnsent: true,
      message: "cutCallsMax: deadlines below 1000 ms cut 10 calls of this connection",
    })
    expect(client.counters.get("cut_calls_exceeded")).toBe(91)
    expect(client.said).toEqual(["limit reached: cut_calls_exceeded"])
  })

  test.for<[what: string, timeoutMs: number | null, admitted: number]>([
    ["a call without a deadline", null, 1],
    ["a call with a long one", 1000, 1],
    ["a call with a short one", 999, 0],
  ])("past the limit: %s", ([, timeoutMs, admitted]) => {
    const client = new Client()
    client.call(100, "cut")
    expect(client.call(1, "otherwise", timeoutMs)).toBe(admitted)
  })

  test("calls with long deadlines may be cut for as long as they like", () => {
    expect(new Client().call(100, "cut", 1000)).toBe(100)
  })

  test("those under way count, since they may be cut", () => {
    const client = new Client()
    const open = Array.from({ length: MAX }, () => client.record(500))
    for (const record of open) expect(client.cutCalls.begin(record)).toBeNull()
    expect(client.cutCalls.begin(client.record(500))).not.toBeNull()
    client.cutCalls.end(open[0]!, "otherwise")
    expect(client.cutCalls.begin(client.record(500))).toBeNull()
  })

  test("time forgives so many a second, and no more than there were", () => {
    const client = new Client()
    client.call(100, "cut")
    // One in 200 ms.
    const admitted = [100, 100, 100].map((ms) => {
      client.nowMs += ms
      return client.call(100, "cut")
    })
    expect(admitted).toEqual([0, 1, 0])
    client.nowMs += 900
    expect(client.call(100, "cut")).toBe(PER_SECOND)
    client.nowMs += 3_600_000
    expect(client.call(100, "cut")).toBe(MAX)
  })

  test("each that is answered pays for one more, saved up to a bound", () => {
    const client = new Client()
    client.call(3, "answered")
    expect(client.call(100, "cut")).toBe(MAX + 3)
    const other = new Client()
    other.call(1000, "answered", null)
    expect(other.call(100, "cut")).toBe(MAX + OFFSET)
  })

  test("half and half goes on without end", () => {
    const client = new Client()
    for (let i = 0; i < 1000; i++) expect([client.call(1, "cut"), client.call(1, "answered")]).toEqual([1, 1])
  })

  test("connections do not answer for each other", () => {
    const client = new Client()
    client.call(100, "cut")
    Object.assign(client, { connection: connectionRecord() })
    expect(client.call(1, "cut")).toBe(1)
  })
})

describe("a young stream that its client resets", () => {
  const resets = (client: Client, afterMs: number, timeoutMs: number | null): boolean => {
    return client.cutCalls.excuses(client.record(timeoutMs), client.nowMs + afterMs)
  }

  test.for<[what: string, afterMs: number, timeoutMs: number | null, isExcused: boolean]>([
    ["without a deadline", 500, null, false],
    ["at its deadline", 51, 50, true],
    ["after it", 400, 50, true],
    ["near it: it was under way for longer than the reset", 30, 50, true],
    ["long before", 10, 50, false],
    ["at once, however short the deadline", 0, 1, false],
    ["before a long deadline", 900, 1000, false],
  ])("%s", ([, afterMs, timeoutMs, isExcused]) => {
    expect(resets(new Client(), afterMs, timeoutMs)).toBe(isExcused)
  })

  test("is paid for by a call that was answered, each by one", () => {
    const client = new Client()
    client.call(2, "answered", null)
    expect([1, 2, 3].map(() => resets(client, 0, null))).toEqual([true, true, false])
  })
})

describe("a young stream's reset is excused by its own deadline", () => {
  const excused = (deadlineMs: number, afterMs: number): boolean => {
    const client = new Client()
    const record = Object.assign(streamRecord({ startMs: 1000, deadlineMs: 1000 + deadlineMs }), {
      connection: client.connection,
    })
    return client.cutCalls.excuses(record, 1000 + afterMs)
  }

  test("from half of it on, to the millisecond", () => {
    expect([excused(100, 49), excused(100, 50), excused(100, 90)]).toEqual([false, true, true])
  })

  test("where that is a short one", () => {
    expect([excused(1000, 600), excused(1001, 600)]).toEqual([true, false])
  })
})
