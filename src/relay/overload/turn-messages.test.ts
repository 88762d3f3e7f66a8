import { expect, test } from "vitest"
import { bucketColumns } from "../../base/histogram.ts"
import { TURN_ROW, TURNS, TurnMessages } from "./turn-messages.ts"

/** Of a turn with so many messages that took so long: which columns of the row are other than 0. */
function counted(messages: number, ms: number): [column: number, count: number][] {
  const row = new Float64Array(TURN_ROW)
  const turn = new TurnMessages(row)
  turn.messages += messages
  turn.turnEnded(ms)
  expect(turn.messages).toBe(0)
  return [...row.entries()].filter(([, count]) => count !== 0)
}

test("each message of a turn counts in the bucket of how long the turn took", () => {
  for (const [at, bound] of TURNS.bounds.entries()) {
    expect([bound, counted(3, bound)[0]]).toEqual([bound, [at, 3]])
    expect([bound, counted(1, bound * 1.001)[0]]).toEqual([bound, [at + 1, 1]])
  }
})

test("a turn without messages counts nowhere", () => {
  expect(counted(0, 5)).toEqual([])
})

test("the buckets reach from 50 microseconds to a second", () => {
  expect(TURNS.bounds).toEqual([0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000])
  expect(TURN_ROW).toBe(bucketColumns(TURNS))
  expect([TURNS.perSecond, TURNS.slack]).toEqual([1000, 0])
})
