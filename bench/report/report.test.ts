import { describe, expect, test } from "vitest"
import type { Report, TimedResult } from "../measure/results.ts"
import { type IdleShape, SHAPES, type TimedShape } from "../shapes.ts"
import { barChart } from "./chart.ts"
import { idleChart, timedChart } from "./charts.ts"
import { number, octets, percent, rate, time } from "./format.ts"
import { markdownReport } from "./markdown.ts"
import { progressLine } from "./progress.ts"
import { idleRows, timedNote, timedRows, unquietLines } from "./rows.ts"
import { summaryChart, summaryTable } from "./summary.ts"
import { markdownTable, plainTable } from "./table.ts"

const one = (value: number) => ({ median: value, min: value * 0.9, max: value * 1.2 })

function result(peer: string, kind: TimedResult["kind"], cpuUs: number, p50: number): TimedResult {
  return {
    peer,
    kind,
    failure: "",
    cpuUs: one(cpuUs),
    rate: one(200_000),
    proxyShare: 0.97,
    waitMsPerSecond: 12,
    loadWaitMsPerSecond: 345,
    generatorUs: 1.8,
    backendUs: 1.6,
    cpuUsOfRounds: [0.9 * cpuUs, cpuUs, 1.2 * cpuUs],
    latency: {
      rate: 100_000,
      wantedRate: 100_000,
      loadShare: 0.42,
      p50,
      p99: 3 * p50,
      p999: 9 * p50,
      overloaded: false,
      isCalm: true,
      delays: { p50: 90, p99: 10 * p50, p999: 20 * p50 },
      waitMsPerSecond: 3,
      loadWaitMsPerSecond: 200,
    },
    peakTimes: { p50: 5 * p50, p99: 6 * p50, p999: 7 * p50 },
    ownPacedTimes: kind === "sluice" ? { p50: 40, p99: 90, p999: 240 } : null,
    ownPeakTimes: kind === "sluice" ? { p50: 200, p99: 400, p999: 2000 } : null,
  }
}

const timed = {
  shape: SHAPES.find(({ name }) => name === "bidi-10x10") as TimedShape,
  results: [
    result("none", "direct", 0, 100),
    result("haproxy-tcp", "floor", 2, 150),
    result("haproxy", "rival", 3.6, 300),
    result("nghttpx", "rival", 4, 400),
    { ...result("nginx", "rival", 1, 1), failure: "GOAWAY, code 0 <bye>" },
    result("sluice", "sluice", 1.8, 200),
  ],
}

const idle = {
  shape: SHAPES.find(({ name }) => name === "idle-100x1000") as IdleShape,
  results: [
    {
      peer: "nginx",
      kind: "rival" as const,
      failure: "",
      octetsPerStream: 22_800,
      baseOctets: 1.5e7,
      files: 100_000,
      cpuShare: 0,
    },
    {
      peer: "sluice",
      kind: "sluice" as const,
      failure: "",
      octetsPerStream: 900,
      baseOctets: 6e7,
      files: 108,
      cpuShare: 0.004,
    },
  ],
}

describe("rows", () => {
  test("ratios are taken to the best rival that has a figure", () => {
    const rows = timedRows(timed)
    const ratio = rows[0]!.indexOf("to the best rival")
    expect(rows.map((row) => row[ratio])).toEqual([
      "to the best rival",
      "",
      "0.56",
      "1.00",
      "1.11",
      "",
      "0.50",
    ])
  })

  test("latency is what a peer adds; the direct one stands in brackets", () => {
    const rows = timedRows(timed)
    const p50 = rows[0]!.indexOf("p50 added")
    expect(rows.map((row) => row[p50])).toEqual([
      "p50 added",
      "(100 µs)",
      "50 µs",
      "200 µs",
      "300 µs",
      "",
      "100 µs",
    ])
  })

  const paced = (changes: Partial<NonNullable<TimedResult["latency"]>>) => ({
    ...timed,
    results: timed.results.map((each) => ({ ...each, latency: { ...each.latency!, ...changes } })),
  })

  test.each([
    ["the proxy is the limit", 0.9, "cannot keep up"],
    ["the load's core is full", 0.91, "the load cannot"],
  ])("less than the rate came through: %s", (_, loadShare, said) => {
    const rows = timedRows(paced({ overloaded: true, loadShare }))
    expect(rows.at(-1)![rows[0]!.indexOf("p50 added")]).toBe(said)
  })

  test("the rate of the open loop is told, and why it is less than half of the best rival's peak", () => {
    expect(timedNote(timed)).toMatch(/ Latency at 100k per second\.$/)
    expect(timedNote(paced({ wantedRate: 150_000 }))).toMatch(
      / Latency at 100k per second, not at half of the best rival's peak, 150k: of that the load alone would need more than 60 % of its core\.$/,
    )
  })

  test("who had no quiet round is named, with how long it waited for its core", () => {
    expect(unquietLines(timed)).toEqual([])
    const { results } = paced({ isCalm: false, waitMsPerSecond: 277 })
    const lines = unquietLines({ ...timed, results: [...timed.results.slice(0, 5), results[5]!] })
    expect(lines).toEqual([
      "No quiet round at that rate, in which it waits for its core at most 100 ms a second: sluice 277 ms.",
    ])
  })

  test("a run with a failure has no figure", () => {
    expect(timedRows(timed)[5]!.slice(0, 3)).toEqual(["nginx", "no figure", ""])
  })

  test("idle streams show memory, sockets and CPU", () => {
    expect(idleRows(idle)[2]).toEqual(["sluice", "900 B", "60.0 MB", "108", "0.40 %"])
  })
})

test("tables line up", () => {
  const table = [
    ["peer", "µs"],
    ["a", "1.00"],
    ["longer", "12.5"],
  ]
  expect(plainTable(table)).toBe("peer      µs\n────────────\na       1.00\nlonger  12.5")
  expect(markdownTable(table)).toBe("| peer | µs |\n| --- | ---: |\n| a | 1.00 |\n| longer | 12.5 |")
})

test("figures carry as many digits as mean something", () => {
  expect([0.214, 3.62, 24.71, 131.4, Number.NaN].map(number)).toEqual(["0.21", "3.62", "24.7", "131", "–"])
  expect([412, 38_100, 345_000, 1_730_000].map(rate)).toEqual(["412", "38.1k", "345k", "1.73M"])
  expect([900, 22_800, 15_300_000].map(octets)).toEqual(["900 B", "22.8 kB", "15.3 MB"])
  expect([87, 1530].map(time)).toEqual(["87 µs", "1.53 ms"])
  expect([0.004, 0.97].map(percent)).toEqual(["0.40 %", "97 %"])
})

describe("charts", () => {
  test("a bar is as long as its value and says it", () => {
    const svg = timedChart(timed)
    const widths = [...svg.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)"/g)].map(([, tone, width]) => [
      tone,
      Number(width),
    ])
    expect(widths.map(([tone]) => tone)).toEqual(["floor", "rival", "rival", "subject"])
    expect(Number(widths[3]![1]) / Number(widths[1]![1])).toBeCloseTo(0.5, 1)
    expect(svg).toContain(">1.80  (0.50×)</text>")
    expect(svg).toContain(">no figure</text>")
    expect(svg).toContain("prefers-color-scheme: dark")
  })

  test("bars begin behind the longest label", () => {
    const bar = { value: 1, min: 1, max: 1, text: "1", tone: "subject" as const }
    const begin = (label: string) =>
      Number(/<rect[^>]* x="(\d+)"/.exec(barChart("t", "a", [{ ...bar, label }]))![1])
    expect([begin("sluice"), begin("sluice-continuity-0")]).toEqual([120, 162])
  })

  test("text is escaped, and nothing but numbers is drawn", () => {
    const bar = { label: "<a&b>", value: Number.NaN, min: 0, max: 0, text: "none", tone: "rival" as const }
    const svg = barChart('a "title"', "axis", [bar])
    expect(svg).toContain("&lt;a&amp;b&gt;")
    expect(svg).not.toMatch(/NaN|Infinity/)
    expect(idleChart(idle)).not.toMatch(/NaN|Infinity/)
  })
})

test("the document names machine, versions, what is missing, and each shape's chart", () => {
  const report: Report = {
    date: "2026-11-23",
    machine: { cpu: "A CPU", cores: 2, kernel: "6.1", node: "24.0.0", memoryOctets: 2.4e10, pinned: true },
    memoryReadNs: [434.2, 120.6, 171],
    rounds: 3,
    seconds: 1,
    peers: [{ name: "haproxy", kind: "rival", title: "haproxy 2.6.12" }],
    missing: [{ name: "envoy", how: "get it" }],
    timed: [timed],
    idle: [idle],
  }
  const text = markdownReport(report)
  for (const part of [
    "(benchmarks/summary.svg)",
    "A CPU, 2 cores",
    "a read from 64 MiB at random took 171 (121 to 434) ns",
    "haproxy 2.6.12",
    "envoy (get it)",
    "(benchmarks/bidi-10x10.svg)",
    "(benchmarks/idle-100x1000.svg)",
    "- At that rate the load itself sent late by p99, and used of its core: none 1.00 ms (42 %), haproxy-tcp 1.50 ms (42 %),",
    "- Within sluice itself a message took at most: p50 40 µs, p99 90 µs, p99.9 240 µs at half of peak, p50 200 µs,",
  ]) {
    expect(text).toContain(part)
  }
  expect(text).toContain("- No figure for nginx: GOAWAY, code 0 <bye>")
})

describe("how the document opens", () => {
  test("a row for each shape that all take part in: Sluice, the best of the others, and who adds least", () => {
    expect(summaryTable([timed], [idle]).slice(1)).toEqual([
      ["`bidi-10x10`", "CPU µs/message", "1.80", "3.60 haproxy", "0.50", "300 µs", "600 µs haproxy"],
      expect.arrayContaining(["`idle-100x1000`", "memory/stream"]),
    ])
  })

  test("who has no figure is in no ratio", () => {
    const results = timed.results.map((one) => (one.kind === "sluice" ? { ...one, failure: "lost" } : one))
    expect(summaryTable([{ ...timed, results }], [])[1]!.slice(2, 5)).toEqual([
      "no figure",
      "3.60 haproxy",
      "",
    ])
    expect(summaryChart([{ ...timed, results }], [])).not.toContain("bidi-10x10")
  })
})

test("the progress line says how far and how long", () => {
  expect(progressLine("x", 0, 10, 0)).toBe(`${"░".repeat(24)} 0 %  x`)
  expect(progressLine("x", 5, 10, 30)).toBe(`${"█".repeat(12)}${"░".repeat(12)} 50 %, 30 s left  x`)
  expect(progressLine("x", 1, 10, 60)).toContain("9 min left")
})
