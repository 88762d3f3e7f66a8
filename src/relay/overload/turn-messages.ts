import { type Buckets, bucketColumns, countValue } from "../../base/histogram.ts"

/** Milliseconds. */
export const TURNS: Buckets = {
  bounds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000],
  perSecond: 1000,
  slack: 0,
}

/** Numbers of the row of a thread. */
export const TURN_ROW = bucketColumns(TURNS)

/**
 * How long messages are in Sluice: what comes within a turn of the event loop is read after it began, and written by its
 * end. So no reading of a clock is needed for one message, and no message has taken longer than is counted, unless it
 * waits for credit. Cost: an addition a message, and one count a turn.
 */
export class TurnMessages {
  /** Of this turn so far. */
  messages = 0
  readonly #row: Float64Array

  /** `row`: of `TURN_ROW` numbers. */
  constructor(row: Float64Array) {
    this.#row = row
  }

  turnEnded(ms: number): void {
    if (this.messages === 0) return
    countValue(this.#row, 0, TURNS, ms, this.messages)
    this.messages = 0
  }
}
