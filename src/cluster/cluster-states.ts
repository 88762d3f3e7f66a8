import type { ClusterConfig } from "../config/model.ts"
import type { Slots } from "./slots.ts"
import {
  type ClusterState,
  configuredEndpoints,
  type EndpointHealth,
  type EndpointOrder,
  type EndpointState,
  type EndpointVerdict,
  type KnownEndpoint,
  layOver,
} from "./state.ts"

/** What became of a cluster's endpoints, by address. */
export interface ClusterChange {
  readonly cluster: string
  readonly joined: readonly string[]
  readonly left: readonly string[]
  /** Stayed, with another weight, priority, health or drain. */
  readonly changed: readonly string[]
  /** How many there are now. */
  readonly endpoints: number
}

export interface ClusterStatesOptions {
  slots: Slots
  /** Something checks the health of endpoints, so that those which must be checked may wait for it. */
  hasChecks: boolean
  /** Brings a change to all data planes. */
  publish(state: ClusterState): void
  onChange(change: ClusterChange): void
}

/** The states that a reload will put in force. One of the two is to be called, once. */
export interface PreparedStates {
  /** Every cluster of the configuration. */
  readonly state: ClusterState
  commit(): void
  abandon(): void
}

/** What is known of one cluster. */
interface Entry {
  /** The configuration's own endpoints, or what discovery has said. */
  known: readonly KnownEndpoint[]
  readonly config: string
  /** What holds of an endpoint of which nothing has been said. */
  readonly unchecked: readonly EndpointVerdict[]
  /** What each judge says, by address. */
  readonly health: Map<string, Map<string, EndpointHealth>>
  readonly orders: Map<string, EndpointOrder>
  readonly slots: Map<string, number>
  endpoints: readonly EndpointState[]
}

/**
 * The states of all clusters: what sources say of endpoints, what health says, and what people have ordered. Each change is
 * laid over the others by `layOver` and published, those of one turn together, whole for each cluster that changed.
 * Health and orders belong to the endpoint: they are forgotten when it leaves, and stay over a reload where it stays.
 */
export class ClusterStates {
  readonly #options: ClusterStatesOptions
  #entries: ReadonlyMap<string, Entry> = new Map()
  #version = 0
  readonly #dirty = new Set<string>()
  /** What came while a reload is under way: it is done when that is over. */
  #held: (() => void)[] | null = null

  constructor(options: ClusterStatesOptions) {
    this.#options = options
  }

  /** What holds now, whole. */
  get current(): ClusterState {
    const clusters = [...this.#entries].map(([name, { endpoints }]) => ({ name, endpoints }))
    return { version: this.#version, clusters }
  }

  /** None: there is no such cluster. */
  endpointsOf(cluster: string): readonly EndpointState[] {
    return this.#entries.get(cluster)?.endpoints ?? []
  }

  // ---- What is said of endpoints ------------------------------------------------------------------------------

  /** All endpoints of a cluster, as its sources have them: what is missing has left. */
  setEndpoints(cluster: string, endpoints: readonly KnownEndpoint[]): void {
    this.#change(cluster, (entry) => {
      entry.known = endpoints
    })
  }

  /** `judge`: each of them has a say of its own, and an endpoint is unhealthy when one of them says so. */
  setHealth(cluster: string, address: string, health: EndpointHealth, judge = "check"): void {
    this.#change(cluster, (entry) => {
      const said = entry.health.get(address) ?? new Map<string, EndpointHealth>()
      entry.health.set(address, said)
      said.set(judge, health)
    })
  }

  /** What is not given stays as it was ordered before. `weight: null`: as the source has it. */
  order(cluster: string, address: string, order: Partial<EndpointOrder>): void {
    this.#change(cluster, ({ orders }) => {
      const before = orders.get(address) ?? { drain: false, graceMs: null, weight: null }
      orders.set(address, { ...before, ...order })
    })
  }

  #change(cluster: string, change: (entry: Entry) => void): void {
    if (this.#held !== null) {
      this.#held.push(() => this.#change(cluster, change))
      return
    }
    const entry = this.#entries.get(cluster)
    if (entry === undefined) return
    change(entry)
    if (this.#dirty.size === 0) queueMicrotask(() => this.publish())
    this.#dirty.add(cluster)
  }

  /** Brings what was said in this turn to all data planes now, not at its end. */
  publish(): void {
    if (this.#held !== null || this.#dirty.size === 0) return
    const version = this.#version + 1
    const names = [...this.#dirty]
    this.#dirty.clear()
    const changes: ClusterChange[] = []
    for (const name of names) {
      const entry = this.#entries.get(name)!
      const before = entry.endpoints
      this.#update(name, entry, version)
      const change = changeOf(name, before, entry.endpoints)
      if (change !== null) changes.push(change)
    }
    if (changes.length === 0) return
    this.#version = version
    const clusters = changes.map(({ cluster }) => ({ name: cluster, endpoints: this.endpointsOf(cluster) }))
    this.#options.publish({ version, clusters })
    for (const change of changes) this.#options.onChange(change)
  }

  /** Lays all that is known of a cluster over one another. */
  #update(name: string, entry: Entry, version: number): void {
    const { slots } = this.#options
    const keys = keysOf(entry.known)
    const missing = keys.filter((key) => !entry.slots.has(key))
    const taken = slots.take(missing.map((key) => slotKey(name, key)))
    for (const [at, key] of missing.entries()) entry.slots.set(key, taken[at]!)
    if (entry.slots.size > keys.length) {
      const kept = new Set(keys)
      for (const [key, slot] of entry.slots) {
        if (kept.has(key)) continue
        entry.slots.delete(key)
        slots.release(slotKey(name, key), slot, version)
      }
    }
    if (entry.health.size + entry.orders.size > 0) forgetGone(entry)
    entry.endpoints = entry.known.map((known, at) => {
      const { health, orders } = entry
      const said = health.get(known.address)?.values() ?? entry.unchecked
      return layOver(known, entry.slots.get(keys[at]!)!, said, orders.get(known.address))
    })
  }

  // ---- Reload -------------------------------------------------------------------------------------------------

  /**
   * Until it is committed or abandoned nothing is published: what is said meanwhile is done then. `discovered`: the endpoints
   * that are known of a cluster; null: those that are written, or of one that stays as it is what was known.
   */
  prepare(
    configs: readonly ClusterConfig[],
    discovered: (cluster: string) => readonly KnownEndpoint[] | null = () => null,
  ): PreparedStates {
    this.publish()
    this.#held ??= []
    const before = this.#entries
    const version = this.#version + 1
    const next = new Map<string, Entry>()
    for (const config of configs) {
      const entry = entryAfter(config, before.get(config.name), {
        discovered: discovered(config.name),
        hasChecks: this.#options.hasChecks,
      })
      this.#update(config.name, entry, version)
      next.set(config.name, entry)
    }
    const clusters = [...next].map(([name, { endpoints }]) => ({ name, endpoints }))
    const end = (kept: ReadonlyMap<string, Entry>, gone: ReadonlyMap<string, Entry>): void => {
      this.#version = version
      this.#entries = kept
      for (const [name, { slots }] of gone)
        for (const [key, slot] of slots)
          if (kept.get(name)?.slots.get(key) !== slot)
            this.#options.slots.release(slotKey(name, key), slot, version)
      const held = this.#held ?? []
      this.#held = null
      for (const change of held) change()
    }
    return { state: { version, clusters }, commit: () => end(next, before), abandon: () => end(before, next) }
  }
}

function entryAfter(
  config: ClusterConfig,
  before: Entry | undefined,
  { discovered, hasChecks }: { discovered: readonly KnownEndpoint[] | null; hasChecks: boolean },
): Entry {
  const text = JSON.stringify(config)
  return {
    known: discovered ?? (before?.config === text ? before.known : configuredEndpoints(config)),
    config: text,
    unchecked: hasChecks && config.healthCheck?.mandatory === true ? ["checking"] : [],
    health: new Map(before?.health),
    orders: new Map(before?.orders),
    slots: new Map(before?.slots),
    endpoints: [],
  }
}

function forgetGone({ known, health, orders }: Entry): void {
  const here = new Set(known.map(({ address }) => address))
  for (const map of [health, orders])
    for (const address of map.keys()) if (!here.has(address)) map.delete(address)
}

/** An address may be named twice: what tells such endpoints apart is which of them each is. */
function keysOf(endpoints: readonly KnownEndpoint[]): string[] {
  const seen = new Map<string, number>()
  return endpoints.map(({ address }) => {
    const nth = (seen.get(address) ?? 0) + 1
    seen.set(address, nth)
    return nth === 1 ? address : `${address} ${nth}`
  })
}

function slotKey(cluster: string, key: string): string {
  return `${cluster} ${key}`
}

/** Null: nothing has changed. */
function changeOf(
  cluster: string,
  before: readonly EndpointState[],
  after: readonly EndpointState[],
): ClusterChange | null {
  const gone = new Map(before.map((state) => [state.slot, state]))
  const joined: string[] = []
  const changed: string[] = []
  for (const state of after) {
    const old = gone.get(state.slot)
    gone.delete(state.slot)
    if (old?.address !== state.address) joined.push(state.address)
    else if (!isSame(old, state)) changed.push(state.address)
  }
  const left = [...gone.values()].map(({ address }) => address)
  if (joined.length + left.length + changed.length === 0) return null
  return { cluster, joined, left, changed, endpoints: after.length }
}

function isSame(one: EndpointState, other: EndpointState): boolean {
  return (
    one.weight === other.weight &&
    one.priority === other.priority &&
    one.health === other.health &&
    one.drain === other.drain &&
    one.graceMs === other.graceMs &&
    one.zone === other.zone &&
    one.origin === other.origin
  )
}
