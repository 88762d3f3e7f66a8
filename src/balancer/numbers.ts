import { Counters } from "../base/counters.ts"
import { OwnStreamCounts, type StreamCounts } from "../cluster/counts.ts"
import type { StreamRecord } from "../record/record.ts"

/** The numbers that a balancer shares with the other data threads of its process, where there are others. */
export interface Numbers {
  /** This thread's own row. */
  readonly counters: Counters
  readonly traffic: Traffic
  readonly streams: StreamCounts
  /** `$connection`: no two connections of a process have the same. */
  nextConnectionId(): number
}

/** What ended streams carried; the columns of a thread's row. */
export const TRAFFIC_COLUMNS = [
  "streams",
  "requestMessages",
  "responseMessages",
  "requestOctets",
  "responseOctets",
] as const

export type TrafficTotals = Record<(typeof TRAFFIC_COLUMNS)[number], number>

/** What the streams that have ended carried. Written when a stream ends, by one thread. */
export class Traffic {
  readonly #row: Float64Array

  constructor(row: Float64Array = new Float64Array(TRAFFIC_COLUMNS.length)) {
    this.#row = row
  }

  get streams(): number {
    return this.#row[0]!
  }

  add(record: StreamRecord): void {
    const row = this.#row
    row[0]!++
    row[1]! += record.requestMessages
    row[2]! += record.responseMessages
    row[3]! += record.requestOctets
    row[4]! += record.responseOctets
  }
}

/** Numbers of a balancer that is alone in its process. */
export class OwnNumbers implements Numbers {
  readonly counters = new Counters()
  readonly traffic = new Traffic()
  readonly streams = new OwnStreamCounts()
  #lastConnectionId = 0

  nextConnectionId(): number {
    return ++this.#lastConnectionId
  }
}
