import { type CounterName, Counters, counterNames } from "../../base/counters.ts"
import { systemRandom } from "../../base/random.ts"
import {
  LIMITS,
  type OutcomeCount,
  type OutcomeCounts,
  type StreamCount,
  type StreamCounts,
} from "../../cluster/counts.ts"
import { TRAFFIC_ROW } from "../../cluster/traffic.ts"
import type { ZoneConfig } from "../../config/model.ts"
import { ZoneTable, zoneKey } from "../../relay/route/zone-table.ts"
import { type Numbers, TRAFFIC_COLUMNS, Traffic, type TrafficTotals } from "../numbers.ts"
import { type RouteMemory, SharedRouteNumbers } from "./route-memory.ts"
import { outcomesAt, SharedOutcomeCount, SLOTS_PER_SEGMENT, segmentOf, streamCount } from "./shared-cells.ts"

/** What a thread says of itself once a second. */
export const GAUGES = ["connections", "streams", "heldBytes", "heapBytes", "turnMaxMs", "busyMs"] as const

export type Gauges = Record<(typeof GAUGES)[number], number>

/** Where is counted what happens at endpoints. Segments only ever come. */
export interface EndpointMemory {
  /** Int32: open streams by endpoint, the total row first. */
  readonly streams: readonly SharedArrayBuffer[]
  /** Float64: for each thread a row of `Column`s for each endpoint. */
  readonly endpointTraffic: readonly SharedArrayBuffer[]
  /** Uint32: outcomes by endpoint. A row of failures in a row, by Atomics; then for each thread successes and failures. */
  readonly outcomes: readonly SharedArrayBuffer[]
}

/**
 * Numbers of all data threads: matrices of threads × columns in which each thread writes its own row, without Atomics, and
 * anyone reads. Streams that are open at an endpoint have a total row besides, by Atomics: it decides where the next goes.
 */
export interface SharedMemory extends EndpointMemory {
  readonly threads: number
  /** Float64: a row of counters for each thread, and behind them the control side's own. */
  readonly counters: SharedArrayBuffer
  /** Float64: a row of `TRAFFIC_COLUMNS` for each thread. */
  readonly traffic: SharedArrayBuffer
  /** Float64: connections that each thread has accepted. */
  readonly connections: SharedArrayBuffer
  /** Float64: a row of `GAUGES` for each thread, as it was within the last second. */
  readonly gauges: SharedArrayBuffer
  /** Null: routes are not counted. */
  readonly routes: RouteMemory | null
  /** By `zoneKey`. */
  readonly zones: Readonly<Record<string, SharedArrayBuffer>>
  /** Int32: what counts against bounds of clusters, as `streams` does for endpoints. */
  readonly limits: readonly SharedArrayBuffer[]
  /** The first of the cells of each cluster that has bounds, by name. */
  readonly limitSlots: Readonly<Record<string, number>>
}

/** What comes with the state of a cluster: routes and zones, of which there may be thousands, come with reloads alone. */
export function endpointMemory({ streams, endpointTraffic, outcomes }: EndpointMemory): EndpointMemory {
  return { streams, endpointTraffic, outcomes }
}

export function makeMemory(threads: number): SharedMemory {
  return {
    threads,
    counters: floats((threads + 1) * counterNames.length),
    traffic: floats(threads * TRAFFIC_COLUMNS.length),
    connections: floats(threads),
    streams: [],
    endpointTraffic: [],
    gauges: floats(threads * GAUGES.length),
    routes: null,
    zones: {},
    outcomes: [],
    limits: [],
    limitSlots: {},
  }
}

/** The system gives memory to those rows alone that are written to. */
export function makeTrafficSegment(threads: number): SharedArrayBuffer {
  return floats(threads * SLOTS_PER_SEGMENT * TRAFFIC_ROW)
}

/** The row of thread `index` for the endpoint in `slot`. */
export function trafficRow(segment: SharedArrayBuffer, slot: number, index: number): Float64Array {
  const row = index * SLOTS_PER_SEGMENT + (slot % SLOTS_PER_SEGMENT)
  return new Float64Array(segment, row * TRAFFIC_ROW * Float64Array.BYTES_PER_ELEMENT, TRAFFIC_ROW)
}

function floats(many: number): SharedArrayBuffer {
  return new SharedArrayBuffer(many * Float64Array.BYTES_PER_ELEMENT)
}

/** The row of thread `index` in a matrix of `columns`. */
export function rowOf(matrix: SharedArrayBuffer, index: number, columns: number): Float64Array {
  return new Float64Array(matrix, index * columns * Float64Array.BYTES_PER_ELEMENT, columns)
}

/** The counters of all threads and of the control side. */
export function countersOf({ threads, counters }: SharedMemory): Record<CounterName, number> {
  const sums = Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<CounterName, number>
  for (let index = 0; index <= threads; index++) {
    const row = rowOf(counters, index, counterNames.length)
    for (const [column, name] of counterNames.entries()) sums[name] += row[column]!
  }
  return sums
}

/** What the ended streams of all threads carried. */
export function trafficOf({ threads, traffic }: SharedMemory): TrafficTotals {
  const many = TRAFFIC_COLUMNS.length
  const rows = Array.from({ length: threads }, (_, index) => rowOf(traffic, index, many))
  return Object.fromEntries(
    TRAFFIC_COLUMNS.map((name, column) => [name, rows.reduce((sum, row) => sum + row[column]!, 0)]),
  ) as TrafficTotals
}

/** The numbers of the data thread `index`. */
export class SharedNumbers implements Numbers, StreamCounts {
  readonly counters: Counters
  readonly traffic: Traffic
  readonly streams = this
  readonly routes: SharedRouteNumbers | null
  readonly #index: number
  readonly #accepted: Float64Array
  readonly #threads: number
  /** By segment. */
  readonly #cells: Int32Array[] = []
  #zones: SharedMemory["zones"] = {}
  readonly #outcomes: Uint32Array[] = []
  readonly #traffic: SharedArrayBuffer[] = []
  readonly #gauges: Float64Array
  readonly #limits: Int32Array[] = []
  #limitSlots: SharedMemory["limitSlots"] = {}

  constructor(memory: SharedMemory, index: number) {
    this.#index = index
    this.#threads = memory.threads
    this.#gauges = rowOf(memory.gauges, index, GAUGES.length)
    this.routes = memory.routes === null ? null : new SharedRouteNumbers(memory.routes, index)
    this.use(memory)
    this.#accepted = new Float64Array(memory.connections)
    this.counters = new Counters(rowOf(memory.counters, index, counterNames.length))
    this.traffic = new Traffic(rowOf(memory.traffic, index, TRAFFIC_COLUMNS.length))
  }

  /** Of a configuration that is about to be compiled. */
  use(memory: SharedMemory): void {
    const { routes, zones, limits, limitSlots } = memory
    if (routes !== null) this.routes?.use(routes)
    this.#zones = zones
    this.#limitSlots = limitSlots
    for (const segment of limits.slice(this.#limits.length)) this.#limits.push(new Int32Array(segment))
    this.useEndpoints(memory)
  }

  /** Of endpoints that are about to be told of. */
  useEndpoints({ streams, outcomes, endpointTraffic }: EndpointMemory): void {
    this.#traffic.push(...endpointTraffic.slice(this.#traffic.length))
    for (const segment of streams.slice(this.#cells.length)) this.#cells.push(new Int32Array(segment))
    for (const segment of outcomes.slice(this.#outcomes.length)) this.#outcomes.push(new Uint32Array(segment))
  }

  trafficOf(slot: number): Float64Array {
    return trafficRow(this.#traffic[segmentOf(slot)]!, slot, this.#index)
  }

  setGauges(gauges: Gauges): void {
    for (const [column, name] of GAUGES.entries()) this.#gauges[column] = gauges[name]
  }

  limitsOf(cluster: string): readonly StreamCount[] {
    const first = this.#limitSlots[cluster]!
    return Array.from({ length: LIMITS }, (_, at) => {
      const slot = first + at
      return streamCount(this.#limits[segmentOf(slot)]!, slot, this.#index, this.#threads)
    })
  }

  outcomesOf(slot: number): OutcomeCount {
    return new SharedOutcomeCount(this.#outcomes[segmentOf(slot)]!, slot, this.#index)
  }

  outcomesAt(slot: number): OutcomeCounts {
    return outcomesAt(this.#outcomes[segmentOf(slot)]!, this.#threads, slot)
  }

  countOf(slot: number): StreamCount {
    return streamCount(this.#cells[segmentOf(slot)]!, slot, this.#index, this.#threads)
  }

  zone(config: ZoneConfig): ZoneTable {
    return new ZoneTable(this.#zones[zoneKey(config)]!, this.#index, this.#threads, systemRandom)
  }

  /** Threads take turns in the sequence, each its own row: none is given twice, also when a thread is replaced. */
  nextConnectionId(): number {
    return this.#accepted[this.#index]!++ * this.#threads + this.#index + 1
  }
}
