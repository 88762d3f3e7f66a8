import type { Clock } from "./clock.ts"

/** Work in pieces: each `yield` ends a step, which takes some tenths of a millisecond at most. */
export type Steps<Result = void> = Generator<void, Result>

/** So long one slice of long work takes of a turn of the event loop. */
const SLICE_MS = 0.5

/**
 * Does `work` a slice at a time, each in a turn of its own, so that no stream waits for the whole. The first slice is done
 * before this returns: short work needs no other.
 */
export async function inSlices<Result>(work: Steps<Result>, clock: Pick<Clock, "now">): Promise<Result> {
  for (;;) {
    const untilMs = clock.now() + SLICE_MS
    do {
      const step = work.next()
      if (step.done === true) return step.value
    } while (clock.now() < untilMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Does `work` without a pause. */
export function atOnce<Result>(work: Steps<Result>): Result {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** So many are put in order, or looked at, in one step. */
const ITEMS_PER_STEP = 256

/** `items` in the order of `compare`, those that tie as they were. */
export function* sortedInSteps<Item>(
  items: readonly Item[],
  compare: (one: Item, other: Item) => number,
): Steps<Item[]> {
  let from: Item[] = []
  for (let at = 0; at < items.length; at += ITEMS_PER_STEP) {
    for (const item of items.slice(at, at + ITEMS_PER_STEP).sort(compare)) from.push(item)
    yield
  }
  let into: Item[] = new Array<Item>(items.length)
  for (let width = ITEMS_PER_STEP; width < items.length; width *= 2) {
    for (let left = 0; left < items.length; left += 2 * width) yield* merge(from, into, left, width, compare)
    ;[from, into] = [into, from]
  }
  return from
}

/** Two runs of `width`, one after the other, become one. */
function* merge<Item>(
  from: readonly Item[],
  into: Item[],
  left: number,
  width: number,
  compare: (one: Item, other: Item) => number,
): Steps {
  const middle = Math.min(left + width, from.length)
  const end = Math.min(middle + width, from.length)
  let one = left
  let other = middle
  for (let at = left; at < end; at++) {
    const isFirst = other === end || (one < middle && compare(from[one]!, from[other]!) <= 0)
    into[at] = from[isFirst ? one++ : other++]!
    if (at % ITEMS_PER_STEP === 0) yield
  }
}
