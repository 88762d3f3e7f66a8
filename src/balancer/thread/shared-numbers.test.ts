import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { expect, test } from "vitest"
import { counterIds, counterNames } from "../../base/counters.ts"
import {
  cellOf,
  makeMemory,
  makeSegment,
  rowOf,
  SharedNumbers,
  SharedStreamCount,
  trafficOf,
} from "./shared-numbers.ts"

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
  const module = new URL("./shared-numbers.ts", import.meta.url).href
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

test("counters and traffic of a thread stand in its row, and are there for the one that takes its place", () => {
  const memory = makeMemory(2)
  const first = new SharedNumbers(memory, 0)
  const second = new SharedNumbers(memory, 1)
  first.counters.add(counterIds.uncaught)
  second.counters.add(counterIds.uncaught, 2)
  const ended = { requestMessages: 1, responseMessages: 2, requestOctets: 3, responseOctets: 4 }
  for (const { traffic } of [first, second]) traffic.add(ended as Parameters<typeof traffic.add>[0])
  const columns = counterNames.length
  const read = [0, 1].map((index) => rowOf(memory.counters, index, columns)[counterIds.uncaught])
  expect(read).toEqual([1, 2])
  expect(new SharedNumbers(memory, 1).counters.get("uncaught")).toBe(2)
  expect(trafficOf(memory)).toEqual({
    streams: 2,
    requestMessages: 2,
    responseMessages: 4,
    requestOctets: 6,
    responseOctets: 8,
  })
})

test("no two connections of a process have the same number, also when a thread is replaced", () => {
  const memory = makeMemory(3)
  const numbers = () => [0, 1, 2].map((index) => new SharedNumbers(memory, index))
  const ids = [...numbers(), ...numbers()].flatMap((thread) => [
    thread.nextConnectionId(),
    thread.nextConnectionId(),
  ])
  expect(new Set(ids).size).toBe(12)
  expect(Math.min(...ids)).toBe(1)
})
