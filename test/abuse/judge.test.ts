import { describe, expect, test } from "vitest"
import { counterNames } from "../../src/base/counters.ts"
import type { Attack } from "./attack.ts"
import { attacks } from "./attacks/index.ts"
import { judge, type Run } from "./judge.ts"
import { chosenAttacks, loopbackAddress } from "./main.ts"
import { describeVerdict, renderMarkdown } from "./report.ts"

describe("attacks", () => {
  test("have names of their own", () => {
    expect(new Set(attacks.map((attack) => attack.name)).size).toBe(attacks.length)
  })

  test.each(attacks.map((attack) => [attack.name, attack] as const))(
    "%s says where it comes from",
    (_, attack) => {
      expect(attack.name).toMatch(/^[a-z0-9-]+$/)
      expect(attack.source).toMatch(/CVE-|RFC \d|gRFC|gRPC|CWE-/)
      expect(attack.how.length).toBeGreaterThan(10)
      expect(attack.bar.held.length).toBeGreaterThan(4)
      for (const counter of attack.counters) expect(counterNames).toContain(counter)
    },
  )

  test("are chosen by name", () => {
    expect(chosenAttacks(undefined)).toBe(attacks)
    expect((chosenAttacks("rapid-reset,hpack-bomb") as Attack[]).map((one) => one.name)).toEqual([
      "rapid-reset",
      "hpack-bomb",
    ])
    expect(chosenAttacks("rapid-reset,ddos")).toBe("ddos")
  })
})

test.each([
  ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
  ["localhost:80", { host: "localhost", port: 80 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["10.0.0.1:80", null],
  ["127.0.0.1.example.com:80", null],
  ["example.com:443", null],
  ["127.0.0.1:99999", null],
  ["127.0.0.1", null],
])("--target %s: loopback only", (text, at) => {
  expect(loopbackAddress(text)).toEqual(at)
})

const attack: Attack = {
  name: "knock",
  source: "RFC 9113",
  how: "knocks and runs away",
  side: "downstream",
  pace: "flood",
  counters: ["abuse_exhausted", "abuse_ping"],
  bar: { held: "ended soon", end: "must", framesMax: 100, octetsMax: 1000, callsMax: 10, liveMax: 5 },
  run: () => Promise.reject(new Error("not run here")),
}

const held: Run = {
  attack: "knock",
  side: "downstream",
  reading: true,
  sight: { end: "GOAWAY", code: "ENHANCE_YOUR_CALM", frames: 50, octets: 500, ms: 3, note: "", wrong: [] },
  calls: 10,
  liveMax: 5,
  leftOpen: 0,
  growthOctets: 2 ** 20,
  leftOctets: null,
  neighbour: { echoes: 9, slowestMs: 2, harm: "" },
  counters: { abuse_ping: 1 },
  alive: true,
}

const but = (changes: Partial<Run>, sight: Partial<Run["sight"]> = {}): Run => ({
  ...held,
  ...changes,
  sight: { ...held.sight, ...sight },
})

describe("a run is judged", () => {
  test.each<[string, Run, string[]]>([
    ["held", held, []],
    ["held without figures nobody has", but({ growthOctets: null, counters: null }), []],
    ["dead", but({ alive: false }), ["the target is gone"]],
    [
      "neighbour",
      but({ neighbour: { echoes: 1, slowestMs: 1, harm: "reset" } }),
      ["neighbour harmed: reset"],
    ],
    ["memory", but({ growthOctets: 9 * 2 ** 20 }), ["memory grew by 9.0 MiB"]],
    ["open", but({}, { end: "open" }), ["never ended"]],
    ["paused", but({}, { end: "pause" }), ["paused, never ended"]],
    ["frames", but({}, { frames: 101 }), ["took 101 frames"]],
    ["frames of one who cannot see the end", but({ reading: false }, { frames: 101 }), []],
    ["octets", but({}, { octets: 2048 }), ["took 2 KiB"]],
    ["calls", but({ calls: 11 }), ["11 calls reached the backend"]],
    ["calls at once", but({ liveMax: 6 }), ["6 calls open at once"]],
    ["left open", but({ leftOpen: 2 }), ["2 calls left open at the backend"]],
    [
      "no counter",
      but({ counters: { preface_timeout: 3 } }),
      ["no counter moved (abuse_exhausted, abuse_ping)"],
    ],
    ["no counter where the RFC names the fault", but({ counters: {} }, { code: "PROTOCOL_ERROR" }), []],
    ["the attack's own view", but({}, { wrong: ["te forwarded"] }), ["te forwarded"]],
  ])("%s", (_, run, reasons) => {
    expect(judge(attack, run)).toEqual(reasons)
  })

  test("where a pause will do, a pause will do", () => {
    const patient: Attack = { ...attack, bar: { held: "ended or paused", end: "pause" } }
    expect(judge(patient, but({}, { end: "pause" }))).toEqual([])
    expect(judge(patient, but({}, { end: "open" }))).toEqual(["never ended"])
    expect(judge({ ...patient, bar: { ...patient.bar, end: "may" } }, but({}, { end: "open" }))).toEqual([])
  })
})

describe("the report", () => {
  const verdict = { ...held, reasons: [] }
  const failed = { ...but({ reading: false }, { end: "open", code: "" }), reasons: ["never ended"] }

  test("says how it ended, and why it was not held", () => {
    expect(describeVerdict(verdict)).toMatch(
      /^held +knock: GOAWAY\(ENHANCE_YOUR_CALM\) after 50 frames, 0.5 KiB, 10 calls/,
    )
    expect(describeVerdict(failed)).toMatch(/^NOT HELD knock \(not reading\): open.*\n +never ended$/)
  })

  test("puts the targets side by side", () => {
    const report = { name: "sluice", version: "1", verdicts: [verdict, failed], failure: "" }
    const markdown = renderMarkdown(
      [attack],
      [report, { ...report, name: "other", verdicts: [verdict] }],
      "a machine",
    )
    expect(markdown).toContain("| [knock](#knock) | **not held** (unread) | held |")
    expect(markdown).toContain("| **held** | **1 of 2** | **1 of 1** |")
    expect(markdown).toContain("| sluice, unread | open |")
  })
})

test.each([
  [310, 40, []],
  [330, 40, ["memory grew by 330.0 MiB"]],
  [310, 50, ["memory kept 50.0 MiB"]],
  [310, null, []],
] as const)(
  "what is held by design may grow to its bound, and has to be given back: %d, %s MiB",
  (grown, left, why) => {
    const bar = { ...attack.bar, growthMiBMax: 320, leftMiBMax: 48 }
    const run = but({ growthOctets: grown * 2 ** 20, leftOctets: left === null ? null : left * 2 ** 20 })
    expect(judge({ ...attack, bar }, run)).toEqual(why)
  },
)
