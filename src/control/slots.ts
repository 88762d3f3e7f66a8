import {
  cellOf,
  makeMemory,
  makeSegment,
  type SharedMemory,
  SLOTS_PER_SEGMENT,
  type SlotsByCluster,
  segmentOf,
} from "../balancer/thread/shared-numbers.ts"
import { endpointKeys } from "../cluster/counts.ts"
import type { ClusterConfig } from "../config/model.ts"

/**
 * Which place in shared memory each endpoint has. It keeps it for life. The place is given to another once every thread has
 * acknowledged a version without the endpoint and no stream is open there, or the counts of two would mix.
 */
export class Slots {
  #memory: SharedMemory
  readonly #byKey = new Map<string, number>()
  /** Places of endpoints that are gone, and the first version without them; the longest gone first. */
  #retired: { readonly slot: number; readonly version: number }[] = []
  readonly #free: number[] = []
  #next = 0

  constructor(threads: number) {
    this.#memory = makeMemory(threads)
  }

  get memory(): SharedMemory {
    return this.#memory
  }

  /** Places for the endpoints of a configuration, new ones where they are new. `acknowledged`: by every thread. */
  assign(clusters: readonly ClusterConfig[], acknowledged: number): SlotsByCluster {
    this.#reclaim(acknowledged)
    return Object.fromEntries(
      clusters.map((cluster) => [
        cluster.name,
        endpointKeys(cluster).map((key) => {
          const slot = this.#byKey.get(key) ?? this.#take()
          this.#byKey.set(key, slot)
          return slot
        }),
      ]),
    )
  }

  /** The configuration of `version` is the one in force: what it does not have is gone. */
  retain(clusters: readonly ClusterConfig[], version: number): void {
    const kept = new Set(clusters.flatMap(endpointKeys))
    for (const [key, slot] of this.#byKey) {
      if (kept.has(key)) continue
      this.#byKey.delete(key)
      this.#retired.push({ slot, version })
    }
  }

  /** Streams that are open at all endpoints now. */
  get streamsOpen(): number {
    let sum = 0
    for (let slot = 0; slot < this.#next; slot++) sum += this.#open(slot)
    return sum
  }

  /** Of each of these places. */
  streamsAt(slots: readonly number[]): number[] {
    return slots.map((slot) => this.#open(slot))
  }

  /** Takes the streams of a thread that has died out of the totals. It must not run any more. */
  subtract(index: number): void {
    for (const segment of this.#memory.streams) {
      const cells = new Int32Array(segment)
      for (let slot = 0; slot < SLOTS_PER_SEGMENT; slot++) {
        const own = cellOf(slot, index)
        if (cells[own] === 0) continue
        Atomics.sub(cells, cellOf(slot, -1), cells[own]!)
        cells[own] = 0
      }
    }
  }

  #open(slot: number): number {
    return Atomics.load(new Int32Array(this.#memory.streams[segmentOf(slot)]!), cellOf(slot, -1))
  }

  #reclaim(acknowledged: number): void {
    const isFree = ({ slot, version }: { slot: number; version: number }): boolean =>
      version <= acknowledged && this.#open(slot) === 0
    this.#free.push(...this.#retired.filter(isFree).map(({ slot }) => slot))
    this.#retired = this.#retired.filter((each) => !isFree(each))
  }

  #take(): number {
    const free = this.#free.shift()
    if (free !== undefined) return free
    const { threads, streams } = this.#memory
    if (segmentOf(this.#next) === streams.length)
      this.#memory = { ...this.#memory, streams: [...streams, makeSegment(threads)] }
    return this.#next++
  }
}
