import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { silentLog } from "../../log/silent-log.ts"
import type { Span } from "../../record/span.ts"
import { SpanQueue } from "./span-queue.ts"

const spans = (many: number) => Array.from({ length: many }, () => ({}) as Span)

function bed({ batchSize = 2, batchesMax = 2 } = {}) {
  const clock = new ManualClock()
  const sent: number[] = []
  const answers: ((problem: string | null) => void)[] = []
  let dropped = 0
  const queue = new SpanQueue({
    config: {
      endpoint: "http://127.0.0.1:1",
      headers: [],
      serviceName: "",
      resource: [],
      intervalMs: 5000,
      batchSize,
      batchesMax,
    },
    clock,
    log: silentLog,
    sender: {
      send: (batch) => {
        sent.push(batch.length)
        return new Promise((resolve) => answers.push(resolve))
      },
      close: async () => {},
    },
    onDropped: () => dropped++,
  })
  const answer = async (problem: string | null) => {
    answers.shift()!(problem)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, sent, queue, answer, dropped: () => dropped }
}

test("a batch goes when it is full, the next when it was taken", async () => {
  const { queue, sent, answer } = bed()
  queue.add(spans(3))
  expect(sent).toEqual([2])
  queue.add(spans(2))
  expect(sent).toEqual([2])
  await answer(null)
  expect(sent).toEqual([2, 2])
})

test("what is no batch goes after the interval", async () => {
  const { queue, sent, clock, answer } = bed()
  queue.add(spans(1))
  clock.advance(4999)
  expect(sent).toEqual([])
  clock.advance(1)
  expect(sent).toEqual([1])
  queue.add(spans(1))
  await answer(null)
  clock.advance(5000)
  expect(sent).toEqual([1, 1])
})

test("more than the configured batches are dropped and counted, as is what is not taken", async () => {
  const { queue, sent, answer, dropped } = bed()
  queue.add(spans(2))
  queue.add(spans(7))
  expect(dropped()).toBe(3)
  await answer("no")
  expect(dropped()).toBe(5)
  expect(sent).toEqual([2, 2])
})

test("the end sends what waits, and does not wait for a collector that is silent", async () => {
  const { queue, sent, clock, answer } = bed()
  queue.add(spans(2))
  queue.add(spans(3))
  const closed = queue.close()
  await answer(null)
  await answer(null)
  expect(sent).toEqual([2, 2, 1])
  clock.advance(2000)
  await closed
})
