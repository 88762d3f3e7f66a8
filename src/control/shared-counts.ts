import {
  cellOf,
  makeOutcomeSegment,
  makeSegment,
  outcomesAt,
  SLOTS_PER_SEGMENT,
  segmentOf,
} from "../balancer/thread/shared-cells.ts"
import {
  makeMemory,
  makeTrafficSegment,
  type SharedMemory,
  trafficRow,
} from "../balancer/thread/shared-numbers.ts"
import { systemRandom } from "../base/random.ts"
import { LIMITS, type OutcomeCounts } from "../cluster/counts.ts"
import { Column, TRAFFIC_ROW } from "../cluster/traffic.ts"
import type { Config, ZoneConfig } from "../config/model.ts"
import { allZones } from "../config/tcp-names.ts"
import { ZoneTable, zoneKey, zoneOctets } from "../relay/route/zone-table.ts"
import type { RouteSlots } from "./route-slots.ts"

/** The streams that all threads have open, by endpoint, in memory that they share. */
export class SharedCounts {
  #memory: SharedMemory
  #slots = 0

  /** Null: streams are not counted by route. */
  readonly routes: RouteSlots | null

  constructor(threads: number, routes: RouteSlots | null = null) {
    this.#memory = makeMemory(threads)
    this.routes = routes
  }

  get memory(): SharedMemory {
    return { ...this.#memory, routes: this.routes?.memory ?? null }
  }

  /** Makes room for what a configuration counts that is about to be put in force. */
  prepare(config: Config): void {
    this.addLimits(config.clusters.map(({ name }) => name))
    this.addZones(allZones(config))
    this.routes?.add(config)
  }

  /** Forgets what no other than `config`, which all threads run, has counted. */
  retain(config: Config): void {
    this.retainZones(allZones(config))
    this.routes?.retain(config)
  }

  /** Makes room for one more slot; they come in order. */
  add(slot: number): void {
    const { threads, streams, outcomes, endpointTraffic } = this.#memory
    this.#slots = slot + 1
    if (segmentOf(slot) !== streams.length) return
    this.#memory = {
      ...this.#memory,
      streams: [...streams, makeSegment(threads)],
      endpointTraffic: [...endpointTraffic, makeTrafficSegment(threads)],
      outcomes: [...outcomes, makeOutcomeSegment(threads)],
    }
  }

  /** Makes memory for the zones that have none yet. Those of an earlier configuration stay: it may remain in force. */
  addZones(zones: readonly ZoneConfig[]): void {
    const { threads, zones: known } = this.#memory
    const made = zones.map((zone): [string, SharedArrayBuffer] => [
      zoneKey(zone),
      known[zoneKey(zone)] ?? new SharedArrayBuffer(zoneOctets(zone.octets, threads)),
    ])
    this.#memory = { ...this.#memory, zones: { ...known, ...Object.fromEntries(made) } }
  }

  /** Forgets all zones but these. */
  retainZones(zones: readonly ZoneConfig[]): void {
    const keys = new Set(zones.map(zoneKey))
    const kept = Object.entries(this.#memory.zones).filter(([key]) => keys.has(key))
    this.#memory = { ...this.#memory, zones: Object.fromEntries(kept) }
  }

  /** Streams that are open at all endpoints now. */
  get streamsOpen(): number {
    let sum = 0
    for (let slot = 0; slot < this.#slots; slot++) sum += this.at(slot)
    return sum
  }

  /** Streams that are open at one of them. */
  at(slot: number): number {
    return Atomics.load(new Int32Array(this.#memory.streams[segmentOf(slot)]!), cellOf(slot, -1))
  }

  /** Streams that each thread has open at one of them. */
  byThread(slot: number): number[] {
    const cells = new Int32Array(this.#memory.streams[segmentOf(slot)]!)
    return Array.from({ length: this.#memory.threads }, (_, index) => cells[cellOf(slot, index)]!)
  }

  /** What all threads have counted at one of them: a row of `Column`s. */
  trafficAt(slot: number): Float64Array {
    const { threads, endpointTraffic } = this.#memory
    const sum = new Float64Array(TRAFFIC_ROW)
    for (let index = 0; index < threads; index++) {
      const row = trafficRow(endpointTraffic[segmentOf(slot)]!, slot, index)
      for (let column = 0; column < TRAFFIC_ROW; column++) sum[column]! += row[column]!
    }
    return sum
  }

  /** The slot is another endpoint's from now on; no thread counts there any more. */
  clearTraffic(slot: number): void {
    const { threads, endpointTraffic } = this.#memory
    for (let index = 0; index < threads; index++)
      trafficRow(endpointTraffic[segmentOf(slot)]!, slot, index).fill(0)
  }

  /** Makes room for the bounds of clusters. One that goes keeps its place: it may come again with streams still open. */
  addLimits(clusters: readonly string[]): void {
    const { threads } = this.#memory
    const limitSlots = { ...this.#memory.limitSlots }
    const limits = [...this.#memory.limits]
    let known = Object.keys(limitSlots).length
    for (const name of clusters) {
      if (Object.hasOwn(limitSlots, name)) continue
      const first = known++ * LIMITS
      Object.defineProperty(limitSlots, name, { value: first, enumerable: true })
      if (segmentOf(first + LIMITS - 1) === limits.length) limits.push(makeSegment(threads))
    }
    this.#memory = { ...this.#memory, limits, limitSlots }
  }

  outcomesAt(slot: number): OutcomeCounts {
    const { threads, outcomes } = this.#memory
    return outcomesAt(new Uint32Array(outcomes[segmentOf(slot)]!), threads, slot)
  }

  /** Takes the streams of a thread that has died, and those that it was moving, out of the totals. It must not run any more. */
  subtract(index: number): void {
    this.routes?.subtract(index)
    for (const memory of Object.values(this.#memory.zones))
      new ZoneTable(memory, index, this.#memory.threads, systemRandom).forget(index)
    for (let slot = 0; slot < this.#slots; slot++) {
      const row = trafficRow(this.#memory.endpointTraffic[segmentOf(slot)]!, slot, index)
      row[Column.left] = row[Column.leaving]!
      row[Column.arrived] = row[Column.arriving]!
    }
    for (const segment of [...this.#memory.streams, ...this.#memory.limits]) {
      const cells = new Int32Array(segment)
      for (let slot = 0; slot < SLOTS_PER_SEGMENT; slot++) {
        const own = cellOf(slot, index)
        if (cells[own] === 0) continue
        Atomics.sub(cells, cellOf(slot, -1), cells[own]!)
        cells[own] = 0
      }
    }
  }
}
