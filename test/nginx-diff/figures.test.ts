import { expect, test } from "vitest"
import { differences } from "./differences.ts"
import { withFigures } from "./figures.ts"

test("the figures of a run stand between their marks, in lines of at most 120 columns", () => {
  const named = new Map(differences.map(({ name }, index) => [name, index + 1]))
  const page = "before\n\n<!-- nginx:diff -->\n\nthe figures of before\n\n<!-- /nginx:diff -->\n\nbehind\n"
  const results = [{ name: "01.conf", probes: 7, problem: null, unnamed: [], named }]
  const made = withFigures(page, results, differences)
  expect(made).toMatch(/^before\n\n<!-- nginx:diff -->\n\nThe last run: 1 files, 7 probes, 0 of them/)
  expect(made).toMatch(/\n\n<!-- \/nginx:diff -->\n\nbehind\n$/)
  expect(made).not.toContain("of before")
  expect(made.match(/^- /gm)).toHaveLength(differences.length)
  expect(made.split("\n").filter((line) => line.length > 120)).toEqual([])
  // Made again of itself it stays as it is, so that a second run changes nothing but figures.
  expect(withFigures(made, results, differences)).toBe(made)
})
