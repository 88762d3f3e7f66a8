import type { TurnCause } from "../base/turn-cause.ts"

/** How a stream has outlived its backends. */
export class ContinuityRecord {
  /** Streams to backends that were opened for it. */
  legs = 0
  /** How often it was without one. */
  gaps = 0
  /** How long, in milliseconds. */
  gapMs = 0
  /** How often Sluice moved it by its own choice; when and why the last time. */
  moves = 0
  movedMs = 0
  moveCause: TurnCause | null = null
  /** How often a backend handed it off. */
  moved = 0
  /** Client messages that were sent again. */
  repeated = 0
}
