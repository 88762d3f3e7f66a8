import { expect, test } from "vitest"
import { judgeFlatness, type Sample } from "./judge.ts"

const MiB = 2 ** 20
const REST = 100

/** A run whose heap is what `heap` says at each of its samples. */
const run = (heap: (index: number) => number): Sample[] =>
  Array.from({ length: REST }, (_, index) => ({
    minutes: index,
    heapUsed: heap(index) * MiB,
    external: MiB,
    rss: 100 * MiB,
    sockets: 10,
    timers: 2,
    connections: 10,
    streams: 100,
    streamsEnded: index,
    deadlines: 0,
    bufferedOctets: 0,
    upstreamConnections: 2,
    uncaught: 0,
    overload: 0,
    files: 20,
    threads: 11,
  }))

test.each([
  ["flat", () => 30, true],
  ["a warm-up that grows, then flat", (index: number) => Math.min(30, 10 + 2 * index), true],
  ["up and down around the same", (index: number) => 30 + (index % 7), true],
  ["one sample far off", (index: number) => (index === 90 ? 500 : 30), true],
  ["a leak of 100 KiB a sample", (index: number) => 30 + index / 10, false],
  ["a step late in the run", (index: number) => (index < 60 ? 30 : 45), false],
])("%s", (_, heap, isFlat) => {
  const [first] = judgeFlatness(run(heap))
  expect(first).toMatchObject({ held: isFlat })
})
