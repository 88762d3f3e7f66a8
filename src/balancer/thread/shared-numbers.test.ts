import { expect, test } from "vitest"
import { counterIds, counterNames } from "../../base/counters.ts"
import { makeMemory, rowOf, SharedNumbers, trafficOf } from "./shared-numbers.ts"

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
