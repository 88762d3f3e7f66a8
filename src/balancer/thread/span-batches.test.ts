import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import type { Span } from "../../record/span.ts"
import { SpanBatches } from "./span-batches.ts"

const spans = (many: number) => Array.from({ length: many }, () => ({}) as Span)

test("spans are handed over once a second, or when they are many; of a second no more than the limit", () => {
  const clock = new ManualClock()
  const told: number[] = []
  let dropped = 0
  const batches = new SpanBatches({
    clock,
    most: 1000,
    tell: ({ length }) => told.push(length),
    onDropped: () => dropped++,
  })
  batches.add(spans(3))
  batches.add(spans(2))
  expect(told).toEqual([])
  clock.advance(1000)
  expect(told).toEqual([5])
  batches.add(spans(600))
  expect(told).toEqual([5, 600])
  batches.add(spans(500))
  expect(dropped).toBe(100)
  clock.advance(1000)
  expect(told).toEqual([5, 600, 400])
  batches.add(spans(1))
  batches.flush()
  expect(told).toEqual([5, 600, 400, 1])
})
