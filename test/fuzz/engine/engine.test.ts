import { runInThisContext } from "node:vm"
import { describe, expect, test } from "vitest"
import { seededRandom } from "../../../src/base/random.ts"
import { COUNTS_NAME, Coverage } from "./coverage.ts"
import { Dictionary } from "./dictionary.ts"
import type { Finding } from "./finding.ts"
import { Fuzzer } from "./fuzzer.ts"
import { withCounts } from "./instrument.ts"
import { Pool } from "./pool.ts"
import { Runner } from "./runner.ts"
import { shrink } from "./shrink.ts"
import { Slot } from "./slot.ts"

const counted = (text: string): string => {
  let blocks = 0
  const result = withCounts(
    "case.ts",
    text,
    () => blocks++,
    () => {},
  )
  return result.replace(`const __c=globalThis.${COUNTS_NAME};`, "")
}

describe("blocks are counted", () => {
  test.each([
    ["function f(): void {}", "function f(): void {__c[0]++;}"],
    ["const f = (a: number) => a", "const f = (a: number) => (__c[0]++,a)"],
    ["if (a) b()", "if (a) {__c[0]++;b()}else{__c[1]++;}"],
    [
      "if (a) b()\nelse if (c) {}",
      "if (a) {__c[0]++;b()}\nelse {__c[1]++;if (c) {__c[2]++;}else{__c[3]++;}}",
    ],
    ["while (a) b()", "while (a) {__c[0]++;b()}"],
    ["x = a ? b : c ? d : e", "x = a ? (__c[0]++,b) : (__c[1]++,c ? (__c[2]++,d) : (__c[3]++,e))"],
    ["x = a ?? (b && c)", "x = a ?? (__c[0]++,(b && (__c[1]++,c)))"],
    ["switch (a) { case 1: case 2: b() }", "switch (a) { case 1: case 2: __c[0]++;b() }"],
    ["try {} catch {}", "try {} catch {__c[0]++;}"],
    ['const 聊 = "天"; if (a) b()', 'const 聊 = "天"; if (a) {__c[0]++;b()}else{__c[1]++;}'],
    ["abstract class A { abstract f(): void }", "abstract class A { abstract f(): void }"],
  ])("%s", (text, expected) => {
    expect(counted(text)).toBe(expected)
  })
})

test("literals become words", () => {
  const dictionary = new Dictionary()
  withCounts(
    "case.ts",
    'const a = ["te", 300]',
    () => 0,
    (literal) => dictionary.add(literal),
  )
  expect(dictionary.words.map(String)).toContain("te")
  expect(dictionary.words).toContainEqual(Buffer.from([0x01, 0x2c]))
})

/** A target whose bug is five steps deep: each is a block of its own, so coverage leads there, chance would not. */
const PLANTED = `(octets) => {
  if (octets[0] === 0x50) if (octets[1] === 0x52) if (octets[2] === 0x49) if (octets[3] > 0x80)
    if (octets[4] === octets[5]) throw new Error("planted")
}`

function fuzzerOf(text: string, base = 1000): { fuzzer: Fuzzer; findings: Finding[]; runner: Runner } {
  const coverage = new Coverage()
  const dictionary = new Dictionary()
  const code = withCounts(
    "planted.ts",
    `var run = ${text}`,
    () => coverage.newBlock(),
    () => {},
  )
  const run = runInThisContext(`{${code}; run}`) as (octets: Buffer) => void
  const target = { steps: { base, perOctet: 0 }, seeds: () => [], run }
  const runner = new Runner(target, coverage, Slot.for(64))
  const findings: Finding[] = []
  const fuzzer = new Fuzzer({
    name: "planted",
    target,
    maxOctets: 64,
    runner,
    coverage,
    dictionary,
    random: seededRandom(1),
    onFinding: (finding) => findings.push(finding),
  })
  return { fuzzer, findings, runner }
}

test("what is five conditions deep is found, and made small", async () => {
  const { fuzzer, findings, runner } = fuzzerOf(PLANTED)
  await fuzzer.fuzz(() => findings.length > 0 || runner.runs > 500_000)
  expect(findings).toMatchObject([{ kind: "throws", message: expect.stringContaining("planted") }])
  expect(findings[0]!.octets).toHaveLength(4)
})

test("work out of proportion is found", async () => {
  const { fuzzer, findings, runner } = fuzzerOf(
    "(octets) => { for (const _ of octets) for (const _ of octets) {} }",
  )
  await fuzzer.fuzz(() => findings.length > 0 || runner.runs > 100_000)
  expect(findings).toMatchObject([{ kind: "takes too many steps" }])
  expect(findings[0]!.octets).toHaveLength(32)
})

test("few and short inputs that reach everything are kept", () => {
  const pool = new Pool()
  const reached: [text: string, blocks: number[]][] = [
    ["long way to all but one", [1, 2, 3, 4]],
    ["short", [1, 2]],
    ["longer than short", [1, 2]],
    ["all", [1, 2, 3, 4]],
    ["one more", [1, 5]],
  ]
  for (const [text, blocks] of reached) pool.add(Buffer.from(text), blocks)
  expect(pool.smallest().map(String).sort()).toEqual(["all", "one more"])
})

test("an input is made smaller and plainer as long as it stays alike", async () => {
  const octets = Buffer.from("some octets, a needle, and others")
  const smallest = await shrink(octets, async (candidate) => candidate.includes("needle"))
  expect(smallest.toString()).toBe("needle")
})
