import { type Buckets, bucketColumns, countValue } from "../../base/histogram.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { TurnMessages } from "../overload/turn-messages.ts"

/** Ticks of 100 ms. A difference of ticks may mean up to one more. */
const SILENCES: Buckets = {
  bounds: [2, 10, 50, 100, 300, 600, 1200, 3000, 6000, 18_000, 36_000, 144_000, 864_000],
  perSecond: 10,
  slack: 1,
}
/** Whole milliseconds. */
const HEADS: Buckets = {
  bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000],
  perSecond: 1000,
  slack: 1,
}

/** grpc-status 0 to 16, and none. */
const ENDED_COLUMNS = 18
/** 1xx to 5xx. */
const CLASS_COLUMNS = 5

const requestGaps = 6 + ENDED_COLUMNS + CLASS_COLUMNS
const responseGaps = requestGaps + bucketColumns(SILENCES)
const clientStalls = responseGaps + bucketColumns(SILENCES)
const endpointStalls = clientStalls + bucketColumns(SILENCES)
const heads = endpointStalls + bucketColumns(SILENCES)

/** What is counted of the streams of a route: columns of a row of numbers that one thread writes and others read. */
export const RouteColumn = {
  /** Live streams. */
  open: 0,
  began: 1,
  requestMessages: 2,
  responseMessages: 3,
  requestOctets: 4,
  responseOctets: 5,
  /** By grpc-status from 0 to 16, then those without one. */
  ended: 6,
  /** By the class of the HTTP status: 1xx to 5xx. */
  classes: 6 + ENDED_COLUMNS,
  requestGaps,
  responseGaps,
  clientStalls,
  endpointStalls,
  heads,
} as const

/** Numbers of a row. */
export const ROUTE_ROW = heads + bucketColumns(HEADS)

/** What its histograms are counted in, by their first columns. */
export const ROUTE_HISTOGRAMS = {
  requestGaps: SILENCES,
  responseGaps: SILENCES,
  clientStalls: SILENCES,
  endpointStalls: SILENCES,
  heads: HEADS,
} as const

/**
 * Counts the streams of one route, in one thread.
 * Cost: four additions a message, and a look at the tick of the one before.
 */
export class RouteMeter {
  readonly #row: Float64Array
  readonly #turn: TurnMessages

  /** `row`: of `ROUTE_ROW` numbers. `turn`: where messages are counted for the time that they take. */
  constructor(row: Float64Array, turn: TurnMessages) {
    this.#row = row
    this.#turn = turn
  }

  began(): void {
    this.#row[RouteColumn.open]!++
    this.#row[RouteColumn.began]!++
  }

  /** The stream is over; its record is complete. Or it goes on at the route of an error's page, and counts there. */
  ended({ grpcStatus, status }: Pick<StreamRecord, "grpcStatus" | "status">): void {
    const row = this.#row
    row[RouteColumn.open]!--
    const isKnown = grpcStatus >= 0 && grpcStatus < ENDED_COLUMNS - 1
    row[RouteColumn.ended + (isKnown ? grpcStatus : ENDED_COLUMNS - 1)]!++
    if (status >= 100 && status < 600) row[RouteColumn.classes + Math.trunc(status / 100) - 1]!++
  }

  /** Its head went to an endpoint, `ms` after it came. */
  headSent(ms: number): void {
    countValue(this.#row, RouteColumn.heads, HEADS, ms, 1)
  }

  /** `messages` have become whole with octets that came from the client at `ticks`. */
  fromClient(record: NewStreamRecord, octets: number, messages: number, ticks: number): void {
    const row = this.#row
    row[RouteColumn.requestOctets]! += octets
    if (messages <= 0) return
    row[RouteColumn.requestMessages]! += messages
    this.#turn.messages += messages
    if (record.requestTicks === ticks) row[RouteColumn.requestGaps]! += messages
    else record.requestTicks = this.#gaps(RouteColumn.requestGaps, record.requestTicks, ticks, messages)
  }

  /** Of the answer. */
  toClient(record: NewStreamRecord, octets: number, messages: number, ticks: number): void {
    const row = this.#row
    row[RouteColumn.responseOctets]! += octets
    if (messages <= 0) return
    row[RouteColumn.responseMessages]! += messages
    this.#turn.messages += messages
    if (record.responseTicks === ticks) row[RouteColumn.responseGaps]! += messages
    else record.responseTicks = this.#gaps(RouteColumn.responseGaps, record.responseTicks, ticks, messages)
  }

  /** A stream has waited for credit of its client, or its endpoint, for so many ticks. */
  stalled(whose: "client" | "endpoint", ticks: number): void {
    countValue(this.#row, whose === "client" ? clientStalls : endpointStalls, SILENCES, ticks, 1)
  }

  /**
   * The first of a tick. Before the first message of a stream there is no gap; those that come with another follow it at
   * once. Returns `ticks`.
   */
  #gaps(column: number, last: number, ticks: number, messages: number): number {
    if (last >= 0) countValue(this.#row, column, SILENCES, ticks - last, 1)
    this.#row[column]! += messages - 1
    return ticks
  }
}
