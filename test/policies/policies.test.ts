import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { chartsOf, withFigures } from "./page.ts"
import { judge, run } from "./run.ts"
import { imbalance, joining } from "./scenarios.ts"

describe("the policies on virtual time", () => {
  const result = run({
    seed: 1,
    big: { endpoints: 200, streams: 4000 },
    sizes: [10, 1000],
    keys: 500,
    picks: 20,
    say() {},
  })

  test("reach what is asked of them, but for times", () => {
    expect(judge(result, false)).toEqual([])
  })

  test("make a page, and a chart for each of its pictures", () => {
    const page = withFigures(readFileSync("docs/policies.md", "utf8"), result)
    const pictures = [...page.matchAll(/\(policies\/([\w-]+\.svg)\)/g)].map(([, name]) => name)
    expect(new Set(pictures)).toEqual(new Set(Object.keys(chartsOf(result))))
  })
})

test("a run is decided by its seed", () => {
  const play = (seed: number) =>
    imbalance(
      { name: "random_two", by: "streams" },
      { endpoints: 7, streams: 200, threads: 2, lengths: "skewed", seed },
    )
  expect(play(5)).toEqual(play(5))
  expect(play(5)).not.toEqual(play(6))
})

test("round robin never gives one that joins more than its share", () => {
  const { seconds } = joining({ policy: { name: "round_robin" } }, 20, 3)
  for (const { percent } of seconds) expect(percent).toBeLessThan(200 / 11)
})
