import type { Clock } from "../../base/clock.ts"

/** So long one slice of a long answer takes of a turn of the event loop. */
const SLICE_MS = 0.5

/** Runs `work` a slice at a time, each in a turn of its own, so that no stream waits for the whole. */
export async function inSlices<Result>(work: Generator<void, Result>, clock: Clock): Promise<Result> {
  for (;;) {
    const untilMs = clock.now() + SLICE_MS
    do {
      const step = work.next()
      if (step.done === true) return step.value
    } while (clock.now() < untilMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
