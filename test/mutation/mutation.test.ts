import { readFileSync } from "node:fs"
import { runInNewContext } from "node:vm"
import { describe, expect, test } from "vitest"
import { campaign } from "./campaign.ts"
import { withScores } from "./docs.ts"
import { drawn } from "./draw.ts"
import { matchEquivalents } from "./equivalent.ts"
import type { Equivalents } from "./equivalents.ts"
import { equivalents } from "./equivalents.ts"
import { describeChange, withMutants, withSteps } from "./instrument.ts"
import { type Result, sampleNote, scoreOf, survivorsOf, tableOf } from "./report.ts"
import { rooms, sourcesOf, testsOf } from "./rooms.ts"
import { parse } from "./syntax.ts"
import { readTargets } from "./targets.ts"
import { collect, runTest } from "./vitest.ts"

const changesIn = (text: string): string[] => withMutants("a.ts", text, 0).mutants.map(describeChange)

describe("operators", () => {
  test.each([
    [
      "a boundary, and the condition either way",
      "if (a < b) c()",
      ["a < b → true", "a < b → false", "a < b → (a) <= (b)"],
    ],
    [
      "a loop that never ends tells nothing",
      "while (a > b) c()",
      ["a > b → false", "a > b → (a) >= (b)", "left out: c()"],
    ],
    [
      "each part of a chain by itself",
      "if (a && b && c) d()",
      ["a && b && c → true", "a && b && c → false", "a → true", "b → true", "c → true"],
    ],
    [
      "a negated chain",
      "x = !(a || b)",
      ["left out: x = !(a || b)", "!(a || b) → true", "!(a || b) → false", "a → false", "b → false"],
    ],
    ["what stands in for nothing", "x = a ?? b", ["left out: x = a ?? b", "a ?? b → a", "a ?? b → b"]],
    ["numbers, one more or none", "const x = [0, 1, 7]", ["0 → 1", "1 → 0", "7 → 8"]],
    ["sums", "const x = a + b * c", ["a + b * c → (a) - (b * c)", "b * c → (b) / (c)"]],
    ["text is no sum", "const x = 'a' + b", []],
    ["counting backwards", "x++", ["left out: x++", "x++ → x--"]],
    ["an assignment with the other sign", "x += y", ["left out: x += y", "x += y → x -= y"]],
    ["what is made anew each time", "x ??= f()", ["left out: x ??= f()", "x ??= f() → x = f()"]],
    ["what is given back", "function f() { return g() }", ["g() → null"]],
    ["what an arrow gives back", "const f = () => g()", ["g() → null"]],
    [
      "an early return is its condition",
      "function f() { if (a) return; b() }",
      ["a → true", "a → false", "left out: b()"],
    ],
    ["functions taken for one another", "const x = Math.min(a, b)", ["Math.min(a, b) → Math.max(a, b)"]],
    ["a call forgotten", "const x = s.trim()", ["s.trim() → s"]],
    [
      "a case never taken",
      "switch (a) { case b: c(); break }",
      ["b → NaN", "left out: c();", "left out: break"],
    ],
    ["types are left alone", "const x: 1 | 2 = y as 1\ntype A = 3", []],
    ["keys are left alone", "const x = { 0: a }", []],
    ["imports are left alone", "import { a } from './b.ts'", []],
    ["super() has to stay", "class A extends B { constructor() { super() } }", []],
    ["a long table is one thing", `const x = [${Array(17).fill("2").join(", ")}]`, []],
  ] as const)("%s: %s", (_, text, changes) => {
    expect(new Set(changesIn(text))).toEqual(new Set(changes))
  })
})

describe("a module with its mutants in it", () => {
  /** The value that `text` leaves in `out`, with each mutant on in turn; first without any. */
  function outcomes(text: string): unknown[] {
    const { text: mutated, mutants } = withMutants("a.ts", text, 0)
    const runWith = (active: number): unknown => {
      let steps = 0
      const isOn = (id: number): boolean => id === active
      const step = (): void => {
        if (++steps > 100) throw new Error("does not end")
      }
      try {
        return runInNewContext(`${mutated}; out`, { __mutants: { isOn, step } }) as unknown
      } catch (error) {
        return (error as Error).message
      }
    }
    return [runWith(-1), ...mutants.map(({ id }) => runWith(id))]
  }

  test.each([
    ["let out = 2 < 3", [true, true, false, true, false, true]],
    ["let out = 0; for (let i = 0; i < 3; i++) out += i", [3, 4, 3, 0, 6, 6, "does not end", 0, -3]],
    [
      "let out = 'no'\nif (1 > 1) out = 'yes'\nelse out = 'other'",
      ["other", "yes", "other", "yes", "yes", "other", "other", "no"],
    ],
    ["let out = 1\nout\n;[2].forEach((x) => (out += x))", [3, 2, 3, 1, 4, 1, -1]],
  ])("%s", (text, expected) => {
    const sorted = (values: readonly unknown[]): string[] => values.map(String).sort()
    expect(sorted(outcomes(text))).toEqual(sorted(expected))
  })

  test("lines stay where they are", () => {
    const text = "const a = 1\nfor (const b of c)\n  d(b)\n\nwhile (e) {\n  f()\n}\n"
    for (const changed of [withMutants("a.ts", text, 0).text, withSteps("a.ts", text)])
      expect(changed.split("\n")).toHaveLength(text.split("\n").length)
  })

  test("every file of the rooms is a program still", () => {
    for (const room of rooms) {
      expect(testsOf(room).length).toBeGreaterThan(5)
      const { texts } = readTargets(sourcesOf(room))
      expect(texts.size).toBeGreaterThan(5)
      for (const [file, text] of texts) expect(parse(file, text).type).toBe("Program")
    }
  })
})

describe("the report", () => {
  const [killed, survived] = withMutants("src/a.ts", "const a = 1\nconst b = 2 + c", 0).mutants
  const results: Result[] = [
    { mutant: killed!, fate: { outcome: "killed", by: "a test" } },
    { mutant: survived!, fate: { outcome: "survived" } },
    { mutant: { ...killed!, id: 2 }, fate: { outcome: "timed out", by: "a test" } },
    { mutant: { ...killed!, id: 3, file: "src/b.ts" }, fate: { outcome: "not reached" } },
    { mutant: { ...killed!, id: 4 }, fate: { outcome: "equivalent", why: "so" } },
  ]

  test("what is equivalent does not count; what no test reaches does", () => {
    expect(scoreOf(results)).toEqual({ killed: 2, survived: 1, notReached: 1, equivalent: 1, percent: 50 })
  })

  test("names the place and the change of what survived", () => {
    expect(survivorsOf(results)).toEqual([
      "src/a.ts:2  arithmetic  2 + c → (2) - (c)",
      "src/b.ts:1  constant  1 → 0 (no test comes here)",
    ])
  })

  test("a row for each file", () => {
    expect(tableOf(results)).toContain("| `src/a.ts` | 4 | 2 | 1 | 0 | 1 | 66.7 % |")
    expect(tableOf(results)).toContain("| all | 5 | 2 | 1 | 1 | 1 | 50.0 % |")
    expect(tableOf(results)).not.toContain("all of")
  })

  test("and for each folder, where there are several", () => {
    const other: Result = { mutant: { ...killed!, id: 5, file: "src/b/c.ts" }, fate: { outcome: "survived" } }
    expect(tableOf([...results, other])).toContain("| all of `src` | 5 | 2 | 1 | 1 | 1 | 50.0 % |")
    expect(tableOf([...results, other])).toContain("| all of `src/b` | 1 | 0 | 1 | 0 | 0 | 0.0 % |")
  })

  test("of a sample says what it tells of all", () => {
    const of = (many: number, outcome: "killed" | "survived"): Result[] =>
      Array.from({ length: many }, (_, id) => ({ mutant: { ...killed!, id }, fate: { outcome, by: "" } }))
    // Wilson's interval of 90 of 100.
    expect(sampleNote([...of(90, "killed"), ...of(10, "survived")], 1000, 7)).toBe(
      "100 of 1000 mutants, drawn by seed 7: the share that is killed of all of them lies between 82.6 and 94.5 % (95 %).",
    )
  })
})

describe("the page of scores", () => {
  const page =
    "# Tests\n<!-- scores of a: written by npm run mutate -- a --write -->\nold\n<!-- end of a -->\nrest\n"

  test("has a table for each room", () => {
    expect(withScores(page, "a", "| new |")).toBe(page.replace("\nold\n", "\n\n| new |\n\n"))
    expect(() => withScores(page, "b", "| new |")).toThrow("no place for the scores of b")
  })

  test("has a place for every room there is", () => {
    const text = readFileSync(new URL("../../docs/testing.md", import.meta.url), "utf8")
    for (const { name } of rooms) expect(withScores(text, name, "x")).not.toBe(text)
  })
})

describe("a campaign", () => {
  const options = {
    sources: ["src/http2/hpack/integer.ts"],
    tests: ["src/http2/hpack/integer.test.ts"],
    workers: 1,
    testMsMax: 1000,
    seed: 1,
    seconds: Number.POSITIVE_INFINITY,
    mutantMs: 20_000,
    isWanted: () => true,
    checksEquivalents: false,
    onBaseline: () => {},
    onResult: () => {},
  }

  test("runs the tests against each mutant, in a process of its own", async () => {
    const { results, problems } = await campaign(options)
    const outcomes = new Map(results.map(({ mutant, fate }) => [describeChange(mutant), fate.outcome]))
    expect(outcomes.get("octet < 0x80 → (octet) <= (0x80)")).toBe("killed")
    // Switched on while the module loads.
    expect(outcomes.get("2 ** 28 → (2) * (28)")).toBe("killed")
    expect(problems).toEqual([])
    expect(scoreOf(results).percent).toBeGreaterThan(80)
  })

  test("draws the same sample for the same seed", async () => {
    const draw = async (seed: number): Promise<number[]> => {
      const { results } = await campaign({ ...options, seed, sample: 3 })
      return results.map(({ mutant }) => mutant.id)
    }
    const first = await draw(1)
    expect(first).toHaveLength(3)
    expect(await draw(1)).toEqual(first)
    expect(await draw(2)).not.toEqual(first)
  })

  test("draws a mutant by what it changes, wherever it stands", () => {
    const text = "const a = 1 + b\nconst c = 2 + d\nconst e = 3 + f"
    const draw = (source: string): string[] =>
      drawn(withMutants("a.ts", source, 0).mutants, 3, 1).map(describeChange)
    expect(draw(`\n\n${text}`)).toEqual(draw(text))
    expect(draw(text)).toHaveLength(3)
  })

  test("a test that does not end is left, and what it began is cleaned up", async () => {
    const lines: string[] = []
    const [hanging] = await collect(async () => {
      const { onTestFinished, test: declare } = await import("./vitest.ts")
      Reflect.apply(declare as () => void, null, [
        "hangs",
        async () => {
          onTestFinished(() => lines.push("cleaned"))
          await new Promise(() => {})
        },
      ])
    })
    const running = runTest(hanging!)
    await running.abandon()
    await running.abandon()
    expect(lines).toEqual(["cleaned"])
  })
})

describe("the list of equivalents", () => {
  const { mutants } = withMutants("src/a.ts", "const a = 1\nconst b = 2 + c", 0)
  const lineOf = (mutant: { line: number }): string => ["const a = 1", "const b = 2 + c"][mutant.line - 1]!
  const entry = (changes: readonly string[] | "*"): Equivalents[] => [
    { file: "a.ts", why: "so", at: { "const b": changes } },
  ]

  test.each<[string, readonly string[] | "*", number[], number]>([
    ["one change of a line", ["2 → 3"], [2], 0],
    ["two", ["2 → 3", "2 + c → (2) - (c)"], [2, 1], 0],
    ["all of a line", "*", [1, 2], 0],
    ["a change that is none", ["2 → 4"], [], 1],
  ])("names %s", (_, changes, ids, many) => {
    const { reasons, unmatched } = matchEquivalents(mutants, ["src/a.ts"], entry(changes), lineOf)
    expect([...reasons.keys()]).toEqual(ids)
    expect(unmatched).toHaveLength(many)
  })

  test("an entry about another file is not asked for", () => {
    expect(matchEquivalents(mutants, ["src/b.ts"], entry("*"), lineOf).unmatched).toEqual([])
  })

  test("every entry matches a place of the source", () => {
    const sources = rooms.flatMap(sourcesOf)
    expect(matchEquivalents(readTargets(sources).mutants, sources).unmatched).toEqual([])
    const known = new Set(sources)
    expect(equivalents.filter(({ file }) => !known.has(`src/${file}`))).toEqual([])
  })
})
