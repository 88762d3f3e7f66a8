import { expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { ResetMeter } from "./reset-meter.ts"

const limits = { ...defaultLimits, upstreamResetsMax: 100, upstreamResetsPerSecond: 10 }

test.each<[string, [seconds: number, resetsInAll: number][], boolean[]]>([
  [
    "all at once",
    [
      [0, 99],
      [0, 100],
    ],
    [false, true],
  ],
  ["slowly, for long", Array.from({ length: 300 }, (_, s) => [s, 10 * s]), Array(300).fill(false)],
  [
    "a day of rest saves up nothing",
    [
      [86_400, 99],
      [86_400, 100],
    ],
    [false, true],
  ],
  [
    "and lets it begin anew",
    [
      [0, 99],
      [86_400, 198],
    ],
    [false, false],
  ],
  [
    "none at all",
    [
      [0, 0],
      [1, 0],
    ],
    [false, false],
  ],
])("%s", (_what, story, expected) => {
  const meter = new ResetMeter(limits, 0)
  expect(story.map(([seconds, resets]) => meter.isFull(resets, seconds * 1000))).toEqual(expected)
})
