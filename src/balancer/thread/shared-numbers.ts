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

/** What a thread says of itself once a second. */
export const GAUGES = ["connections", "streams", "heldBytes", "heapBytes", "turnMaxMs", "busyMs"] as const

export type Gauges = Record<(typeof GAUGES)[number], number>

/** Endpoints in one segment. A segment takes 4 octets for each of them and each thread. */
export const SLOTS_PER_SEGMENT = 4096

/**
 * Numbers of all data threads: matrices of threads × columns in which each thread writes its own row, without Atomics, and
 * anyone reads. Streams that are open at an endpoint have a total row besides, by Atomics: it decides where the next goes.
 */
export interface SharedMemory {
  readonly threads: number
  /** Float64: a row of counters for each thread, and behind them the control side's own. */
  readonly counters: SharedArrayBuffer
  /** Float64: a row of `TRAFFIC_COLUMNS` for each thread. */
  readonly traffic: SharedArrayBuffer
  /** Float64: connections that each thread has accepted. */
  readonly connections: SharedArrayBuffer
  /** Int32: open streams by endpoint, the total row first. */
  readonly streams: readonly SharedArrayBuffer[]
  /** Float64: for each thread a row of `Column`s for each endpoint. */
  readonly endpointTraffic: readonly SharedArrayBuffer[]
  /** Float64: a row of `GAUGES` for each thread, as it was within the last second. */
  readonly gauges: SharedArrayBuffer
  /** Null: routes are not counted. */
  readonly routes: RouteMemory | null
  /** By `zoneKey`. */
  readonly zones: Readonly<Record<string, SharedArrayBuffer>>
  /** Uint32: outcomes by endpoint. A row of failures in a row, by Atomics; then for each thread successes and failures. */
  readonly outcomes: readonly SharedArrayBuffer[]
  /** Int32: what counts against bounds of clusters, as `streams` does for endpoints. */
  readonly limits: readonly SharedArrayBuffer[]
  /** The first of the cells of each cluster that has bounds, by name. */
  readonly limitSlots: Readonly<Record<string, number>>
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

export function makeSegment(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((threads + 1) * SLOTS_PER_SEGMENT * Int32Array.BYTES_PER_ELEMENT)
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

export function makeOutcomeSegment(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((2 * threads + 1) * SLOTS_PER_SEGMENT * Uint32Array.BYTES_PER_ELEMENT)
}

function floats(many: number): SharedArrayBuffer {
  return new SharedArrayBuffer(many * Float64Array.BYTES_PER_ELEMENT)
}

/** Where the count of `slot` is in its segment: in the row of thread `index`; -1: in the total row. */
export function cellOf(slot: number, index: number): number {
  return (index + 1) * SLOTS_PER_SEGMENT + (slot % SLOTS_PER_SEGMENT)
}

export function segmentOf(slot: number): number {
  return Math.floor(slot / SLOTS_PER_SEGMENT)
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

/**
 * The streams of one endpoint, counted by one thread of several.
 * Cost: one atomic operation for each stream that begins or ends, some 17 ns.
 */
export class SharedStreamCount implements StreamCount {
  readonly #cells: Int32Array
  readonly #total: number
  readonly #own: number

  /** `cells`: of the segment that has the slot. */
  constructor(cells: Int32Array, slot: number, index: number) {
    this.#cells = cells
    this.#total = cellOf(slot, -1)
    this.#own = cellOf(slot, index)
  }

  get open(): number {
    return Atomics.load(this.#cells, this.#total)
  }

  tryAdd(most: number): boolean {
    const cells = this.#cells
    const total = this.#total
    for (;;) {
      const open = Atomics.load(cells, total)
      if (open >= most) return false
      if (Atomics.compareExchange(cells, total, open, open + 1) === open) break
    }
    cells[this.#own]!++
    return true
  }

  subtract(): void {
    this.#cells[this.#own]!--
    Atomics.sub(this.#cells, this.#total, 1)
  }
}

/**
 * The outcomes at one endpoint, counted by one thread of several. Failures in a row are those of all threads: they decide.
 * Cost: a success is a load, and an atomic one; only after a failure it writes where others do.
 */
export class SharedOutcomeCount implements OutcomeCount {
  readonly #cells: Uint32Array
  readonly #consecutive: number
  readonly #successes: number
  readonly #failures: number

  /** `cells`: of the segment that has the slot. */
  constructor(cells: Uint32Array, slot: number, index: number) {
    this.#cells = cells
    this.#consecutive = cellOf(slot, -1)
    this.#successes = cellOf(slot, 2 * index)
    this.#failures = cellOf(slot, 2 * index + 1)
  }

  succeeded(): void {
    this.#cells[this.#successes]!++
    if (Atomics.load(this.#cells, this.#consecutive) > 0) Atomics.store(this.#cells, this.#consecutive, 0)
  }

  failed(): void {
    this.#cells[this.#failures]!++
    Atomics.add(this.#cells, this.#consecutive, 1)
  }
}

/** What all threads have counted at the endpoint in `slot`; `cells`: of the segment that has it. */
export function outcomesAt(cells: Uint32Array, threads: number, slot: number): OutcomeCounts {
  let successes = 0
  let failures = 0
  for (let index = 0; index < threads; index++) {
    successes += cells[cellOf(slot, 2 * index)]!
    failures += cells[cellOf(slot, 2 * index + 1)]!
  }
  const consecutiveFailures = Atomics.load(cells, cellOf(slot, -1))
  return { successes: successes >>> 0, failures: failures >>> 0, consecutiveFailures }
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

  /** Of endpoints that are about to be told of. Segments only ever come. */
  use({ streams, outcomes, endpointTraffic, routes, zones, limits, limitSlots }: SharedMemory): void {
    if (routes !== null) this.routes?.use(routes)
    this.#traffic.push(...endpointTraffic.slice(this.#traffic.length))
    this.#zones = zones
    this.#limitSlots = limitSlots
    for (const segment of limits.slice(this.#limits.length)) this.#limits.push(new Int32Array(segment))
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
      return new SharedStreamCount(this.#limits[segmentOf(slot)]!, slot, this.#index)
    })
  }

  outcomesOf(slot: number): OutcomeCount {
    return new SharedOutcomeCount(this.#outcomes[segmentOf(slot)]!, slot, this.#index)
  }

  outcomesAt(slot: number): OutcomeCounts {
    return outcomesAt(this.#outcomes[segmentOf(slot)]!, this.#threads, slot)
  }

  countOf(slot: number): StreamCount {
    return new SharedStreamCount(this.#cells[segmentOf(slot)]!, slot, this.#index)
  }

  zone(config: ZoneConfig): ZoneTable {
    return new ZoneTable(this.#zones[zoneKey(config)]!, this.#index, this.#threads, systemRandom)
  }

  /** Threads take turns in the sequence, each its own row: none is given twice, also when a thread is replaced. */
  nextConnectionId(): number {
    return this.#accepted[this.#index]!++ * this.#threads + this.#index + 1
  }
}
