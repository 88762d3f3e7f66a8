import { describe, expect, test } from "vitest"
import { LogLines } from "../../../test/support/log-lines.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { Log } from "../../log/logger.ts"
import { Admission } from "./admission.ts"
import type { TurnMessages } from "./turn-messages.ts"

const DELAY_MS = 200
const AFTER_MS = 500

/** An admission with turns of the event loop as long as a test says. */
class Worker {
  readonly clock = new ManualClock()
  readonly counters = new Counters()
  readonly said: string[] = []
  readonly admission: Admission

  constructor(overrides: Record<string, number> = {}) {
    const say = (message: string): void => void this.said.push(message)
    const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log }
    const { limits } = resolveLimits({ overloadDelayMs: DELAY_MS, overloadAfterMs: AFTER_MS, ...overrides })
    this.admission = new Admission({ clock: this.clock, log, counters: this.counters, limits })
    this.clock.advance(1000)
  }

  /** A turn of `ms` that reads a new stream after each tenth of it: one letter for each, `+` admitted or `-` refused. */
  turn(ms: number): string {
    const { admission, clock } = this
    let told = ""
    admission.turnBegan()
    for (let i = 0; i < 10; i++) {
      clock.advance(ms / 10)
      const refusal = admission.enter(clock.now())
      if (refusal === null) admission.leave()
      told += refusal === null ? "+" : "-"
    }
    admission.turnEnded()
    return told
  }

  /** Long turns until new streams begin to be refused. */
  fallBehind(): void {
    while (!this.turn(DELAY_MS + 50).includes("-"));
  }
}

const ALL = "+".repeat(10)
const NONE = "-".repeat(10)

describe("who is behind", () => {
  test.each([
    ["short turns, however many", Array<number>(100).fill(DELAY_MS), 0],
    ["one pause of ten seconds, and what it left to be done", [10_000, 450, 20], 0],
    ["long turns with a short one between", [300, 300, 20, 300, 300, 20, 300, 300], 0],
    ["nothing but long turns, from half a second on", [300, 300, 300, 300], 4 + 10],
    ["a turn that outlasts that time by itself, from then on", [300, 1000], 5],
  ])("%s", (_, turns, refused) => {
    const worker = new Worker()
    for (const ms of turns) worker.turn(ms)
    expect(worker.counters.get("overload_delay_exceeded")).toBe(refused)
  })

  test("a worker that waits for work between long turns is not", () => {
    const worker = new Worker()
    for (let i = 0; i < 100; i++) {
      expect(worker.turn(1000)).toBe(ALL)
      worker.clock.advance(21)
    }
  })
})

describe("behind", () => {
  test("new streams get RESOURCE_EXHAUSTED that names the limit, and no backend has seen them", () => {
    const worker = new Worker()
    worker.fallBehind()
    worker.admission.turnBegan()
    expect(worker.admission.enter(worker.clock.now())).toMatchObject({
      kind: "overload",
      grpcStatus: 8,
      httpStatus: 503,
      isUnsent: true,
      message: expect.stringMatching(/^overloadDelayMs: .* 200 ms behind/),
    })
  })

  test.each([
    ["the last turn took too long: nobody is read in time", 250, 100, NONE],
    ["it was short: those who are read before the delay has passed", 20, 300, "++++++----"],
    ["it took most of the time: fewer of them", 150, 100, "+++++-----"],
    ["both together stay below: everybody", 20, 100, ALL],
  ])("%s", (_, lastMs, ms, told) => {
    const worker = new Worker()
    worker.fallBehind()
    worker.turn(lastMs)
    expect(worker.turn(ms)).toBe(told)
  })

  test("when nothing more comes, the next stream is admitted, however long the last turn was", () => {
    const worker = new Worker()
    worker.fallBehind()
    worker.clock.advance(21)
    expect(worker.turn(10)).toBe(ALL)
  })

  test("it is said once when it begins and once when it is over", () => {
    const worker = new Worker()
    worker.fallBehind()
    expect(worker.said).toEqual(["limit reached: overload_delay_exceeded"])
    worker.turn(300)
    worker.clock.advance(AFTER_MS)
    worker.admission.tick(worker.clock.now())
    expect(worker.said.slice(1)).toEqual(["caught up, no new stream is refused any more"])
  })

  test("having caught up, it takes as long as ever to be behind again", () => {
    const worker = new Worker()
    worker.fallBehind()
    worker.clock.advance(AFTER_MS)
    worker.turn(10)
    worker.turn(10)
    expect(worker.turn(450)).toBe(ALL)
  })
})

test("a worker carries so many streams, and each that ends makes room for one", () => {
  const { admission, counters, said } = new Worker({ workerStreamsMax: 2 })
  expect([admission.enter(1), admission.enter(1)]).toEqual([null, null])
  expect(admission.enter(1)).toMatchObject({
    kind: "overload",
    message: "workerStreamsMax: 2 streams are open already",
  })
  expect(counters.get("worker_streams_exceeded")).toBe(1)
  expect(said).toEqual(["limit reached: worker_streams_exceeded"])
  admission.leave()
  expect(admission.enter(1)).toBeNull()
})

describe("to the millisecond", () => {
  /** An admission after turns of so many ms, one right after the other, the first of which begins at 1000 ms. */
  function ranTurns(turns: readonly number[], idleMs = 0): Worker {
    const worker = new Worker()
    for (const ms of turns) {
      worker.admission.turnBegan()
      worker.clock.advance(ms)
      worker.admission.turnEnded()
    }
    worker.clock.advance(idleMs)
    return worker
  }

  /** How many ms into its turn a stream is refused first; null: never. */
  function refusedAt({ admission, clock }: Worker): number | null {
    admission.turnBegan()
    const beganMs = clock.now()
    for (let ms = 0; ms <= 2000; ms++) {
      if (admission.enter(beganMs + ms) !== null) return ms
      admission.leave()
    }
    return null
  }

  test.each<[string, number[], idleMs: number, number | null]>([
    ["the first turn of all", [], 0, null],
    ["after one long turn: from half a second of long ones on", [201], 0, 501],
    ["a turn of exactly the delay is short", [200], 0, null],
    ["half a second of long turns makes it behind: what is left of the delay", [201, 250, 250], 0, 0],
    ["one millisecond less does not", [201, 250, 249], 0, 201],
    ["behind, and the last turn took 50 ms", [201, 250, 250, 50], 0, 151],
    ["20 ms without work are a busy machine", [201, 250, 250, 50], 20, 151],
    ["21 ms are a worker that waits: the last turn does not count", [201, 250, 250, 50], 21, 201],
    ["nor does the row of long ones that it ended", [201, 250], 21, null],
  ])("%s", (_, turns, idleMs, expected) => expect(refusedAt(ranTurns(turns, idleMs))).toBe(expected))

  test("outside of a turn nobody is refused", () => {
    const worker = ranTurns([201, 250, 250])
    expect(worker.admission.enter(worker.clock.now())).toBeNull()
  })

  test("it has caught up once nobody was refused for half a second, not a millisecond sooner", () => {
    const worker = ranTurns([201, 250, 250])
    worker.admission.turnBegan()
    worker.clock.advance(7)
    worker.admission.enter(worker.clock.now())
    worker.clock.advance(10)
    worker.admission.enter(worker.clock.now())
    const refusedMs = worker.clock.now()
    worker.admission.tick(refusedMs + AFTER_MS - 1)
    expect(worker.said).toHaveLength(1)
    worker.admission.tick(refusedMs + AFTER_MS)
    expect(worker.said).toHaveLength(2)
    worker.admission.tick(refusedMs + 2 * AFTER_MS)
    expect(worker.said).toHaveLength(2)
  })

  test("behind without having refused anybody, it says nothing when it has caught up", () => {
    const worker = ranTurns([201, 250, 250])
    worker.admission.tick(worker.clock.now() + AFTER_MS)
    expect(worker.said).toEqual([])
  })

  test("what it says: how long the turn was and how many are open; how many it refused and for how long", () => {
    const told: [string, object][] = []
    const say = (message: string, fields: object = {}): void => void told.push([message, fields])
    const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log }
    const clock = new ManualClock()
    const { limits } = resolveLimits({
      overloadDelayMs: DELAY_MS,
      overloadAfterMs: AFTER_MS,
      workerStreamsMax: 2,
    })
    const admission = new Admission({ clock, log, counters: new Counters(), limits })
    const turn = (ms: number): void => {
      admission.turnBegan()
      clock.advance(ms)
      admission.turnEnded()
    }
    admission.enter(0)
    for (const ms of [201, 250, 250]) turn(ms)
    for (let round = 0; round < 2; round++) {
      told.length = 0
      admission.turnBegan()
      for (const ms of [1, 100, 200]) admission.enter(clock.now() + ms)
      expect(told).toEqual([
        ["limit reached: overload_delay_exceeded", { limit: "overloadDelayMs", turnMs: 250, streams: 1 }],
      ])
      admission.tick(clock.now() + 200 + AFTER_MS)
      expect(told.slice(1)).toEqual([
        ["caught up, no new stream is refused any more", { refused: 3, forMs: 199 }],
      ])
      admission.turnEnded()
      for (const ms of [250, 250, 250, 250]) turn(ms)
    }
    told.length = 0
    admission.enter(clock.now())
    expect(admission.enter(clock.now())).toMatchObject({ isUnsent: true })
    expect(told).toEqual([
      ["limit reached: worker_streams_exceeded", { limit: "workerStreamsMax", streams: 2 }],
    ])
  })
})

describe("how long turns are", () => {
  test("the longest since it was asked last", () => {
    const worker = new Worker()
    expect(worker.admission.takeLongestTurnMs()).toBe(0)
    for (const ms of [20, 50, 30]) worker.turn(ms)
    expect(worker.admission.takeLongestTurnMs()).toBeCloseTo(50)
    worker.turn(10)
    expect(worker.admission.takeLongestTurnMs()).toBeCloseTo(10)
    expect(worker.admission.takeLongestTurnMs()).toBe(0)
  })

  test("is told where messages are counted", () => {
    const told: number[] = []
    const clock = new ManualClock()
    const { log } = new LogLines()
    const { limits } = resolveLimits({})
    const turn = { turnEnded: (ms: number) => told.push(ms) } as unknown as TurnMessages
    const admission = new Admission({ clock, log, counters: new Counters(), limits }, turn)
    clock.advance(1000)
    admission.turnBegan()
    clock.advance(7)
    admission.turnEnded()
    expect(told).toEqual([7])
  })
})

test("one that has caught up and falls behind again says so again", () => {
  const worker = new Worker()
  worker.fallBehind()
  for (let times = 0; times < 200; times++) {
    worker.turn(1)
    worker.admission.tick(worker.clock.now())
    worker.clock.advance(10)
  }
  expect(worker.turn(20)).toBe(ALL)
  const saidBefore = worker.said.filter((line) => line.startsWith("caught up")).length
  expect(saidBefore).toBe(1)
  worker.fallBehind()
  for (let times = 0; times < 200; times++) {
    worker.turn(1)
    worker.admission.tick(worker.clock.now())
    worker.clock.advance(10)
  }
  expect(worker.said.filter((line) => line.startsWith("caught up"))).toHaveLength(2)
})
