/** How a stream has outlived its backends. */
export class ContinuityRecord {
  /** Streams to backends that were opened for it. */
  legs = 0
  /** How often it was without one. */
  gaps = 0
  /** How long, in milliseconds. */
  gapMs = 0
  /** How often a backend handed it off. */
  moved = 0
  /** Client messages that were sent again. */
  repeated = 0
}
