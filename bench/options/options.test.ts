import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import type { CallRecord, StreamRecord } from "../churn/protocol.ts"
import { type Measured, optionFigures } from "./account.ts"
import { OPTIONS, withPorts } from "./options.ts"
import { optionsPage } from "./page.ts"
import { runOption } from "./run-option.ts"

const stream = (backend: number, lostMs: number | null, stallMs = 0): StreamRecord => ({
  backend,
  openedMs: 0,
  lostMs,
  reason: "",
  quietStallMs: 0,
  stallMs,
})
const call = (dueMs: number, backend: number): CallRecord => ({
  dueMs,
  backend,
  answeredMs: backend > 0 ? dueMs + 5 : null,
  reason: "",
})

/** Steady from 0 to 1,000; the fourth joins then; the first is killed at 6,000; the end is at 7,000. */
const MEASURED: Measured = {
  steady: { messages: 100, calls: 3, medianUs: 400, p99Us: 900, cpuUs: 6_000, live: [2, 1, 1], moved: 0 },
  proxyCpuUs: 3_000,
  backendCpuUs: 1_000,
  markedMs: 0,
  joinedMs: 1_000,
  killedMs: 6_000,
  endMs: 7_000,
  before: [2, 1, 1],
  afterJoin: [2, 1, 1],
  moved: 0,
  atEnd: [0, 2, 1],
  report: {
    streams: [stream(1, 6_010), stream(2, null, 70), stream(2, null), stream(3, 500)],
    calls: [
      call(100, 1),
      call(200, 2),
      call(300, 2),
      call(2_500, 3),
      call(3_000, 4),
      call(4_500, 4),
      call(5_000, 1),
      call(5_500, 4),
      call(5_800, 2),
      call(6_100, -1),
      call(6_200, 4),
    ],
    wrong: 0,
  },
}

describe("what was measured of an option", () => {
  test("the steady time", () => {
    expect(optionFigures(MEASURED)).toMatchObject({
      proxyUs: 30,
      clientUs: 60,
      backendUs: 10,
      calls: [1, 2, 0, 0],
      streams: [2, 1, 1],
    })
  })

  test("after one has joined: its first call, and its share of the last two seconds", () => {
    expect(optionFigures(MEASURED)).toMatchObject({ firstCallMs: 2_005, lateShare: 0.5 })
    const none = { ...MEASURED.report, calls: [call(2_000, 1), call(5_000, 2)] }
    expect(optionFigures({ ...MEASURED, report: none })).toMatchObject({ firstCallMs: null, lateShare: 0 })
  })

  test("after one was killed: what was there, what was lost elsewhere, calls, stalls of those that went on", () => {
    expect(optionFigures(MEASURED)).toMatchObject({
      there: 2,
      lostThere: 1,
      lostElsewhere: 1,
      callsFailed: 1,
      callsThen: 2,
      stallMs: 70,
    })
    const allLost = [stream(1, 6_010), stream(1, 6_020), stream(2, null, 70)]
    const report = { ...MEASURED.report, streams: allLost }
    expect(optionFigures({ ...MEASURED, report })).toMatchObject({ lostThere: 2, stallMs: null })
  })
})

test("ports of files and targets are changed together, and nothing else is", () => {
  const ports = new Map([
    [7000, 41],
    [7001, 42],
  ])
  expect(withPorts("a: 127.0.0.1:7000, 127.0.0.1:7001; 17000 70010 7002", ports)).toBe(
    "a: 127.0.0.1:41, 127.0.0.1:42; 17000 70010 7002",
  )
})

test("the page has the files and the commands of each option, and says what could not be run", () => {
  const results = OPTIONS.map((option, at) => ({
    option,
    figures: at === 0 ? null : optionFigures(MEASURED),
    failure: at === 0 ? "it did not start" : "",
  }))
  const machine = { cpu: "a", cores: 2, kernel: "6", node: "24", memoryOctets: 8e9, pinned: true }
  const load = { clients: 2, streams: 8, "interval-ms": 50, "calls-per-second": 9 }
  const times = { settleMs: 1, steadyMs: 1_000, joinedMs: 2_000, killedMs: 3_000 }
  const fileOf = (name: string): string => readFileSync(new URL(`conf/${name}`, import.meta.url), "utf8")
  const page = optionsPage({ date: "2026-01-02", machine, loadBefore: 0, load, times, results }, fileOf)
  expect(page).toContain("No figure for `pick-first`: it did not start.")
  expect(page).toContain("| lookaside | 2 1 1 | 1 2 0 | 400 µs | 900 µs | 30.0 µs | 60.0 µs | 10.0 µs |")
  expect(page).toContain("| l4 | 2.00 s | 50 % | 2 1 1 | 0 |")
  expect(page).toContain("| l7 | 1 of 2 | 1 | 1 of 2 | 70 ms | 0 2 1 | 0 |")
  expect(page).toContain(
    "npm run --silent sluice -- run bench/options/conf/lookaside.yaml\n" +
      "npm run --silent sluice -- run --xds bench/options/conf/control-plane.yaml\n" +
      "node bench/options/client.ts 127.0.0.1:7000 --authority echo\n",
  )
  expect(page).toContain("GRPC_XDS_BOOTSTRAP=bootstrap.json node bench/options/client.ts xds:///echo\n")
  expect(page).toContain(fileOf("l4.yaml"))
})

test("lookaside, on real processes", { timeout: 120_000 }, async () => {
  const load = { clients: 4, streams: 8, "interval-ms": 200, "calls-per-second": 40 }
  const times = { settleMs: 100, steadyMs: 500, joinedMs: 3_000, killedMs: 500 }
  const option = OPTIONS.find(({ name }) => name === "lookaside")!
  const figures = await runOption(option, { times, load, cores: null })
  expect(figures.wrong).toBe(0)
  expect(figures.streams.reduce((sum, count) => sum + count)).toBe(8)
  // The fourth backend is heard of, and given no stream that is open already.
  expect(figures.firstCallMs).not.toBeNull()
  expect(figures.streamsAfterJoin[3] ?? 0).toBe(0)
})
