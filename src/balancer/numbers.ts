import { Counters } from "../base/counters.ts"
import { systemRandom } from "../base/random.ts"
import { OwnStreamCounts, type StreamCounts } from "../cluster/counts.ts"
import type { ZoneConfig } from "../config/model.ts"
import type { StreamRecord } from "../record/record.ts"
import type { TurnMessages } from "../relay/overload/turn-messages.ts"
import type { RouteMeter } from "../relay/route/route-meter.ts"
import { ZoneTable, zoneKey, zoneOctets } from "../relay/route/zone-table.ts"

/** The numbers that a balancer shares with the other data threads of its process, where there are others. */
export interface Numbers {
  /** This thread's own row. */
  readonly counters: Counters
  readonly traffic: Traffic
  readonly streams: StreamCounts
  /** Counts streams by route, and how long messages are here. Null: they are not counted. */
  readonly routes: RouteNumbers | null
  /** Where the keys of a zone are counted. The same memory for the same zone, as long as it stays. */
  zone(config: ZoneConfig): ZoneTable
  /** `$connection`: no two connections of a process have the same. */
  nextConnectionId(): number
}

/** What is counted where metrics are `full`. */
export interface RouteNumbers {
  readonly turn: TurnMessages
  meterOf(server: string, route: string): RouteMeter
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
  readonly routes: RouteNumbers | null = null
  readonly #zones = new Map<string, ZoneTable>()
  #lastConnectionId = 0

  zone(config: ZoneConfig): ZoneTable {
    const key = zoneKey(config)
    const known = this.#zones.get(key)
    const memory = new ArrayBuffer(known === undefined ? zoneOctets(config.octets, 1) : 0)
    const table = known ?? new ZoneTable(memory, 0, 1, systemRandom)
    this.#zones.set(key, table)
    return table
  }

  nextConnectionId(): number {
    return ++this.#lastConnectionId
  }
}
