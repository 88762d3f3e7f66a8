import type { EndpointState } from "../../cluster/state.ts"

/** Where live streams are given their grace. */
export interface EndpointDrains {
  /** `because`: for clients, after the endpoint's address. */
  begin(cluster: string, address: string, graceMs: number, because: string): void
  withdraw(cluster: string, address: string): void
}

/** What a cluster was told last. */
interface Told {
  readonly states: readonly EndpointState[]
  /** How long live streams may go on, where no order says otherwise; null: for as long as they like. */
  readonly graceMs: number | null
}

const NOTHING: Told = { states: [], graceMs: null }

/**
 * Endpoints that leave or drain, by whatever source: configuration, a source, or people. Their live streams get the grace of the
 * order, or that of the cluster, and go on without end where there is none. One that takes streams again keeps those it has.
 */
export class LeavingEndpoints {
  readonly #drains: EndpointDrains
  readonly #told = new Map<string, Told>()

  constructor(drains: EndpointDrains) {
    this.#drains = drains
  }

  /** All endpoints of a cluster. Cost: O(endpoints), and a look at each where nothing leaves or drains. */
  told(cluster: string, states: readonly EndpointState[], graceMs: number | null): void {
    const before = this.#told.get(cluster) ?? NOTHING
    const now = { states, graceMs }
    this.#told.set(cluster, now)
    if (!mayLeave(before) && !mayLeave(now)) return
    const draining = gracesOf(before)
    const drained = gracesOf(now)
    const taking = new Set<string>()
    for (const { address, drain } of states) if (!drain) taking.add(address)
    for (const address of taking) this.#drains.withdraw(cluster, address)
    for (const [address, grace] of drained) {
      if (taking.has(address) || draining.get(address) === grace) continue
      if (grace === null) this.#drains.withdraw(cluster, address)
      else this.#drains.begin(cluster, address, grace, "is drained")
    }
    if (graceMs === null) return
    for (const { address } of before.states)
      if (!taking.has(address) && !drained.has(address) && (draining.get(address) ?? null) === null)
        this.#drains.begin(cluster, address, graceMs, "has left")
  }

  /** A reload has left these clusters. */
  retain(clusters: ReadonlySet<string>): void {
    for (const [name, { graceMs }] of this.#told) {
      if (clusters.has(name)) continue
      this.told(name, [], graceMs)
      this.#told.delete(name)
    }
  }
}

function mayLeave({ states, graceMs }: Told): boolean {
  return graceMs !== null || states.some(({ drain }) => drain)
}

/** Endpoints that drain, and the grace of each. */
function gracesOf({ states, graceMs }: Told): Map<string, number | null> {
  const graces = new Map<string, number | null>()
  for (const state of states) if (state.drain) graces.set(state.address, state.graceMs ?? graceMs)
  return graces
}
