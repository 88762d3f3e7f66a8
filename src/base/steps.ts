import type { Clock } from "./clock.ts"

/** Work in pieces: each `yield` ends a step, which takes some tenths of a millisecond at most. */
export type Steps<Result = void> = Generator<void, Result>

/** So long one slice of long work takes of a turn of the event loop. */
export const SLICE_MS = 0.5

/**
 * Does `work` a slice at a time, each in a turn of its own, so that no stream waits for the whole. The first slice is done
 * before this returns: short work needs no other. `took` is told how long each was.
 */
export async function inSlices<Result>(
  work: Steps<Result>,
  clock: Pick<Clock, "now">,
  took: (ms: number) => void = () => {},
): Promise<Result> {
  for (;;) {
    const begunMs = clock.now()
    let nowMs = begunMs
    do {
      const step = work.next()
      nowMs = clock.now()
      if (step.done === true) {
        took(nowMs - begunMs)
        return step.value
      }
    } while (nowMs < begunMs + SLICE_MS)
    took(nowMs - begunMs)
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

/** So many are put in order in one step. */
const VALUES_PER_STEP = 256

const byValue = (one: number, other: number): number => one - other

/** Sorts `values`, numbers or what stands for others by its number; those that tie stay as they were. `values` is spent. */
export function* sortInSteps(values: Float64Array, compare = byValue): Steps<Float64Array> {
  for (let at = 0; at < values.length; at += VALUES_PER_STEP) {
    values.subarray(at, at + VALUES_PER_STEP).sort(compare === byValue ? undefined : compare)
    yield
  }
  let from = values
  let into: Float64Array = new Float64Array(values.length)
  for (let width = VALUES_PER_STEP; width < values.length; width *= 2) {
    for (let left = 0; left < values.length; left += 2 * width) yield* merge(from, into, left, width, compare)
    ;[from, into] = [into, from]
  }
  return from
}

/** Two runs of `width`, one after the other, become one. */
function* merge(
  from: Float64Array,
  into: Float64Array,
  left: number,
  width: number,
  compare: (one: number, other: number) => number,
): Steps {
  const middle = Math.min(left + width, from.length)
  const end = Math.min(middle + width, from.length)
  let one = left
  let other = middle
  for (let at = left; at < end; at++) {
    const isFirst = other === end || (one < middle && compare(from[one]!, from[other]!) <= 0)
    into[at] = from[isFirst ? one++ : other++]!
    if ((at + 1) % VALUES_PER_STEP === 0) yield
  }
}
