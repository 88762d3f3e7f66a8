import type { Steps } from "../base/steps.ts"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import type { ClusterConfig, EndpointConfig } from "../config/model.ts"
import type { StreamCounts } from "./counts.ts"
import { Endpoint } from "./endpoint.ts"
import type { EndpointState } from "./state.ts"

/** So many are made, or compared, in one step. */
const ENDPOINTS_PER_STEP = 32

/** The endpoints of one priority, and the full weights that they have once the state is in force. */
export interface StagedLevel {
  readonly endpoints: Endpoint[]
  readonly weights: number[]
}

/** The members that a state makes, beside those in force. */
export interface StagedMembers {
  readonly bySlot: ReadonlyMap<number, Endpoint>
  /** Of those that stay, the ones of which something else is said now. */
  readonly changed: readonly { readonly endpoint: Endpoint; readonly state: EndpointState }[]
  readonly joined: readonly Endpoint[]
  readonly left: readonly Endpoint[]
  /** In order. Null: who is a member, where and with which weight, is as it was. */
  readonly levels: readonly StagedLevel[] | null
}

/** The endpoints of a cluster, by slot: what is in force, and what is to be. */
export class Members {
  readonly #config: Pick<ClusterConfig, "endpoints" | "discovery">
  readonly #counts: StreamCounts
  #bySlot: ReadonlyMap<number, Endpoint> = new Map()

  constructor(config: Pick<ClusterConfig, "endpoints" | "discovery">, counts: StreamCounts) {
    this.#config = config
    this.#counts = counts
  }

  get all(): IterableIterator<Endpoint> {
    return this.#bySlot.values()
  }

  has(endpoint: Endpoint): boolean {
    return this.#bySlot.get(endpoint.slot) === endpoint
  }

  at(slot: number): Endpoint | undefined {
    return this.#bySlot.get(slot)
  }

  /** What `states` come to. An endpoint that stays is the same object; nothing in force is touched. */
  *stage(states: readonly EndpointState[]): Steps<StagedMembers> {
    const before = this.#bySlot
    const bySlot = new Map<number, Endpoint>()
    const changed: { endpoint: Endpoint; state: EndpointState }[] = []
    const joined: Endpoint[] = []
    const byPriority = new Map<number, StagedLevel>()
    let isSame = states.length === before.size
    for (const [at, state] of states.entries()) {
      if ((at + 1) % ENDPOINTS_PER_STEP === 0) yield
      const known = before.get(state.slot)
      const stays = known?.address === state.address
      const endpoint = stays ? known : this.#make(state)
      bySlot.set(state.slot, endpoint)
      if (!stays) joined.push(endpoint)
      else if (endpoint.differs(state)) changed.push({ endpoint, state })
      isSame &&= stays && !endpoint.movesBy(state)
      const { priority, weight } = state
      const level = byPriority.get(priority) ?? { endpoints: [], weights: [] }
      byPriority.set(priority, level)
      level.endpoints.push(endpoint)
      level.weights.push(weight)
    }
    const left: Endpoint[] = []
    let looked = 0
    for (const [slot, endpoint] of before) {
      if (++looked % ENDPOINTS_PER_STEP === 0) yield
      if (bySlot.get(slot) !== endpoint) left.push(endpoint)
    }
    const levels = [...byPriority].sort(([one], [other]) => one - other).map(([, level]) => level)
    return { bySlot, changed, joined, left, levels: isSame ? null : levels }
  }

  /** Puts in force what was staged, with nothing done in between. */
  commit({ bySlot, changed }: StagedMembers): void {
    this.#bySlot = bySlot
    for (const { endpoint, state } of changed) endpoint.update(state)
  }

  #make(state: EndpointState): Endpoint {
    const { slot } = state
    const counts = this.#counts
    const endpoint = new Endpoint(
      this.#settingsOf(state),
      slot,
      counts.countOf(slot),
      counts.outcomesOf(slot),
      counts.trafficOf(slot),
    )
    endpoint.update(state)
    return endpoint
  }

  /** Those of the entry that it comes from, with an address of its own. */
  #settingsOf({ address, origin }: EndpointState): EndpointConfig {
    const { endpoints, discovery } = this.#config
    const settings = endpoints[origin] ?? discovery[origin - endpoints.length]?.settings
    if (settings?.address === address) return settings
    const where = parseAddress(address, null)!
    const { host, port, unixPath } = where
    const name = settings?.host ?? null
    return { ...(settings ?? defaultEndpoint(where)), address, host, port, unixPath, name, hashKey: null }
  }
}
