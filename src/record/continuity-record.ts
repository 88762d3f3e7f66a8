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

const NO_LEG = new ContinuityRecord()
const ONE_LEG = Object.assign(new ContinuityRecord(), { legs: 1 })

/** What begins a stream that may outlive its backend: nearly all have one leg, so those share a record. */
export function beginContinuity(stream: ContinuedStream): void {
  stream.continuity = NO_LEG
}

/** A leg of `stream` is opened. Returns how many there were before. */
export function legOpened(stream: ContinuedStream): number {
  if (stream.continuity !== NO_LEG) return ownContinuity(stream).legs++
  stream.continuity = ONE_LEG
  return 0
}

/** The record of `stream`, to be written into. */
export function ownContinuity(stream: ContinuedStream): ContinuityRecord {
  const { continuity } = stream
  if (continuity !== null && continuity !== NO_LEG && continuity !== ONE_LEG) return continuity
  const own = Object.assign(new ContinuityRecord(), continuity)
  stream.continuity = own
  return own
}

/** The record of a stream, as far as it says so. */
export interface ContinuedStream {
  continuity: ContinuityRecord | null
}
