import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { expect, test } from "vitest"
import { cellOf, makeSegment, SharedStreamCount, streamCount } from "./shared-cells.ts"

/** Opens and closes streams as fast as it can, and says the most that it has seen open. */
const HAMMER = `
import { parentPort, workerData } from "node:worker_threads"
const { SharedStreamCount } = await import(workerData.module)
const count = new SharedStreamCount(new Int32Array(workerData.segment), 3, workerData.index)
let most = 0, opened = 0
while (opened < workerData.rounds) {
  if (!count.tryAdd(workerData.max)) continue
  opened++
  most = Math.max(most, count.open)
  count.subtract()
}
parentPort.postMessage(most)`

test("threads that open streams at once never have more than the most there may be, and lose none", async () => {
  const segment = makeSegment(2)
  const module = new URL("./shared-cells.ts", import.meta.url).href
  const threads = [0, 1].map(
    (index) =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(HAMMER)}`), {
        workerData: { module, segment, index, max: 1, rounds: 20_000 },
      }),
  )
  const most = await Promise.all(threads.map((thread) => once(thread, "message")))
  expect(most.flat()).toEqual([1, 1])
  expect(new SharedStreamCount(new Int32Array(segment), 3, 0).open).toBe(0)
  expect(new Int32Array(segment).every((cell) => cell === 0)).toBe(true)
})

test("each thread's streams stand in its own row, and all of them in the total", () => {
  const segment = makeSegment(2)
  const [first, second] = [
    new SharedStreamCount(new Int32Array(segment), 7, 0),
    new SharedStreamCount(new Int32Array(segment), 7, 1),
  ]
  first.tryAdd(3)
  first.tryAdd(3)
  second.tryAdd(3)
  expect(second.tryAdd(3)).toBe(false)
  const cells = new Int32Array(segment)
  expect([cells[cellOf(7, -1)], cells[cellOf(7, 0)], cells[cellOf(7, 1)]]).toEqual([3, 2, 1])
})

test.for([1, 2])("%s threads: the same is counted, up to the most there may be", (threads) => {
  const cells = new Int32Array(makeSegment(threads))
  const [one, other] = [5, 6].map((slot) => streamCount(cells, slot, 0, threads))
  expect([one!.tryAdd(2), one!.tryAdd(2), one!.tryAdd(2), one!.open]).toEqual([true, true, false, 2])
  expect([one!.tryAdd(Number.POSITIVE_INFINITY), one!.open, other!.open]).toEqual([true, 3, 0])
  one!.subtract()
  expect([one!.open, cells[cellOf(5, -1)], cells[cellOf(5, 0)]]).toEqual([2, 2, 2])
  expect(cells.filter((cell) => cell !== 0)).toHaveLength(2)
})
