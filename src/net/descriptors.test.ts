import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { Counters } from "../base/counters.ts"
import { defaultLimits } from "../base/limits.ts"
import { Descriptors } from "./descriptors.ts"

function make(openFilesMax?: number) {
  const clock = new ManualClock()
  const counters = new Counters()
  const { log, lines } = new LogLines()
  const limit = openFilesMax === undefined ? {} : { openFilesMax }
  const descriptors = new Descriptors({ clock, counters, limits: defaultLimits, log, ...limit })
  return { descriptors, clock, counters, lines }
}

const socketOf = (fd: number | undefined): Socket =>
  ({ _handle: fd === undefined ? null : { fd } }) as unknown as Socket

test.each([
  [1024, 959, false],
  [1024, 960, true],
  [100, 74, false],
  [100, 75, true],
  [Number.POSITIVE_INFINITY, 1_000_000, false],
  [1024, -1, false],
  [1024, undefined, false],
])("of %d descriptors, the socket with number %s finds too few left: %s", (max, fd, isLow) => {
  expect(make(max).descriptors.isLow(socketOf(fd))).toBe(isLow)
})

test("the log says so at most every ten seconds, and how often it did not", () => {
  const { descriptors, clock, counters, lines } = make(1024)
  for (let second = 0; second < 25; second++) {
    descriptors.exhausted({ client: `10.0.0.${second}:1` })
    clock.advance(1000)
  }
  expect(lines.map(({ client, openFilesMax, unsaid }) => [client, openFilesMax, unsaid])).toEqual([
    ["10.0.0.0:1", 1024, undefined],
    ["10.0.0.10:1", 1024, 9],
    ["10.0.0.20:1", 1024, 9],
  ])
  expect(counters.get("descriptors_exhausted")).toBe(25)
})

test.runIf(process.platform === "linux")("the system says how many there may be", () => {
  const { openFilesMax } = make().descriptors
  expect(Number.isInteger(openFilesMax)).toBe(true)
  expect(openFilesMax).toBeGreaterThan(10)
})
