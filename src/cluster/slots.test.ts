import { describe, expect, test } from "vitest"
import { Slots } from "./slots.ts"

function make() {
  const open: number[] = []
  const made: number[] = []
  let acknowledged = 0
  const slots = new Slots({
    streamsOpen: (slot) => open[slot] ?? 0,
    acknowledged: () => acknowledged,
    onNew: (slot) => made.push(slot),
  })
  const acknowledge = (version: number): void => void (acknowledged = version)
  return { slots, open, made, acknowledge }
}

describe("a slot is given to another endpoint", () => {
  test("when all have applied a state without the first and no stream is left, not before", () => {
    const { slots, open, made, acknowledge } = make()
    expect(slots.take(["a"])).toEqual([0])
    open[0] = 1
    slots.release("a", 0, 1)
    acknowledge(1)
    // All know; a stream is left.
    expect(slots.take(["b", "c"])).toEqual([1, 2])
    open[0] = 0
    acknowledge(0)
    // None is left; a thread has not heard of it.
    expect(slots.take(["d"])).toEqual([3])
    acknowledge(1)
    expect(slots.take(["e", "f"])).toEqual([0, 4])
    expect(made).toEqual([0, 1, 2, 3, 4])
  })

  test("only once", () => {
    const { slots, acknowledge } = make()
    slots.take(["a", "b"])
    slots.release("b", 1, 1)
    slots.release("a", 0, 1)
    acknowledge(1)
    expect(slots.take(["c", "d", "e"])).toEqual([1, 0, 2])
  })
})

test("an endpoint that is back while its streams go on has its slot again", () => {
  const { slots, open, acknowledge } = make()
  slots.take(["a", "b"])
  open[0] = 3
  slots.release("a", 0, 1)
  acknowledge(1)
  expect(slots.take(["c", "a"])).toEqual([2, 0])
  expect(slots.take(["d"])).toEqual([3])
})
