import type { TurnCause } from "../../base/turn-cause.ts"

/** So many streams of the endpoint in slot `from` are to go to the one in slot `to`; null: wherever the policy has them. */
export interface Move {
  readonly from: number
  readonly to: number | null
  readonly streams: number
}

/** What a data plane is told to move: plain data. It picks the streams, at random of those that can. */
export interface MoveOrder {
  readonly cluster: string
  readonly cause: TurnCause
  readonly moves: readonly Move[]
  /** Streams that have changed their endpoint within it stay. */
  readonly dwellMs: number
  /** Where too few can move, streams that are older, give or take a fifth, end in their place; null: none does. */
  readonly maxStreamAgeMs: number | null
}
