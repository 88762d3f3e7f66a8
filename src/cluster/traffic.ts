/**
 * What is counted at each endpoint, since the process started: columns of a row of numbers that one thread writes and others
 * read. A row is a plain `Float64Array`: an addition to it is a load and a store.
 */
export const Column = {
  /** Legs that have picked the endpoint. */
  picks: 0,
  /** Of them those after the first of their call. */
  retries: 1,
  requestMessages: 2,
  responseMessages: 3,
  requestOctets: 4,
  responseOctets: 5,
  ejections: 6,
  /** Failures that count against it. */
  streamsFailed: 7,
  connectionsFailed: 8,
  /** Calls that have ended there, by grpc-status from 0 to 16, then those without one. */
  ended: 9,
  /** Legs, by how they ended: `legEndKinds`, at most 21 of them. */
  legEnds: 27,
  /** Streams that moved away by Sluice's own choice, and that could not, by `turnCauses`. */
  moved: 48,
  movesFailed: 54,
  /** Planned moves away, and how many of them are over, however; the same of moves to it. */
  leaving: 60,
  left: 61,
  arriving: 62,
  arrived: 63,
} as const

/** grpc-status 0 to 16, and none. */
export const ENDED_COLUMNS = 18

/** Numbers of a row. */
export const TRAFFIC_ROW = 64

/** The column of a call that ended with `grpcStatus`; -1: with none. */
export function endedColumn(grpcStatus: number): number {
  return Column.ended + (grpcStatus >= 0 && grpcStatus < ENDED_COLUMNS - 1 ? grpcStatus : ENDED_COLUMNS - 1)
}
