import type { Steps } from "../../base/steps.ts"
import type { EndpointState } from "../../cluster/state.ts"
import type { ClusterConfig } from "../../config/model.ts"

/** Where live streams are given their grace. */
export interface EndpointDrains {
  /** `because`: for clients, after the endpoint's address. */
  begin(cluster: string, address: string, graceMs: number, because: string): void
  withdraw(cluster: string, address: string): void
}

export type LeavingSettings = Pick<ClusterConfig, "drainGraceMs" | "panicThresholdPercent">

/** What a cluster was told last. */
interface Told {
  readonly states: readonly EndpointState[]
  readonly settings: LeavingSettings
}

/** Why an endpoint is to be without streams, and their grace; null: without end. */
interface Leaving {
  readonly graceMs: number | null
  readonly because: string
}

/** So many are looked at in one step. */
const ENDPOINTS_PER_STEP = 256

const NOTHING: Told = { states: [], settings: { drainGraceMs: null, panicThresholdPercent: 0 } }

/**
 * Endpoints that leave, drain or are unhealthy, by whatever source: configuration, discovery, health checks, people. Their live
 * streams get the grace of the order, or that of the cluster, and go on without end where there is none. One that takes streams
 * again keeps those it has.
 */
export class LeavingEndpoints {
  readonly #drains: EndpointDrains
  readonly #told = new Map<string, Told>()

  constructor(drains: EndpointDrains) {
    this.#drains = drains
  }

  /**
   * All endpoints of a cluster; of one cluster one after the other. Cost: O(endpoints), and a look at each where nothing
   * leaves or drains.
   */
  *told(cluster: string, states: readonly EndpointState[], settings: LeavingSettings): Steps {
    const before = this.#told.get(cluster) ?? NOTHING
    const now = { states, settings }
    this.#told.set(cluster, now)
    if (!mayLeave(before) && !mayLeave(now)) return
    const leftBefore = yield* leavingOf(before)
    const leaving = yield* leavingOf(now)
    const taking = new Set<string>()
    for (const [at, { address }] of states.entries()) {
      if (isStepEnd(at)) yield
      if (leaving.has(address) || taking.has(address)) continue
      taking.add(address)
      this.#drains.withdraw(cluster, address)
    }
    let looked = 0
    for (const [address, { graceMs, because }] of leaving) {
      if (isStepEnd(looked++)) yield
      const was = leftBefore.get(address)
      if (was?.graceMs === graceMs && was.because === because) continue
      if (graceMs === null) this.#drains.withdraw(cluster, address)
      else this.#drains.begin(cluster, address, graceMs, because)
    }
    const { drainGraceMs } = settings
    if (drainGraceMs === null) return
    for (const [at, { address }] of before.states.entries()) {
      if (isStepEnd(at)) yield
      if (taking.has(address) || leaving.has(address)) continue
      if ((leftBefore.get(address)?.graceMs ?? null) === null)
        this.#drains.begin(cluster, address, drainGraceMs, "has left")
    }
  }

  /** A reload has left these clusters. */
  *retain(clusters: ReadonlySet<string>): Steps {
    for (const [name, { settings }] of [...this.#told]) {
      if (clusters.has(name)) continue
      yield* this.told(name, [], settings)
      this.#told.delete(name)
    }
  }
}

function isStepEnd(at: number): boolean {
  return (at + 1) % ENDPOINTS_PER_STEP === 0
}

function mayLeave({ states, settings }: Told): boolean {
  return settings.drainGraceMs !== null || states.some(({ drain }) => drain)
}

/** Endpoints that take no new streams. What health says ends streams only where the cluster has a grace, and is believed. */
function* leavingOf({ states, settings }: Told): Steps<Map<string, Leaving>> {
  const { drainGraceMs } = settings
  const leaving = new Map<string, Leaving>()
  const isBelieved = drainGraceMs !== null && isHealthBelieved(states, settings.panicThresholdPercent)
  for (const [at, { address, drain, graceMs, health }] of states.entries()) {
    if (isStepEnd(at)) yield
    if (drain) leaving.set(address, { graceMs: graceMs ?? drainGraceMs, because: "is drained" })
    else if (isBelieved && health === "unhealthy")
      leaving.set(address, { graceMs: drainGraceMs, because: "is unhealthy" })
  }
  return leaving
}

/** As new streams have it: where too few are healthy, all are used. */
function isHealthBelieved(states: readonly EndpointState[], panicPercent: number): boolean {
  const taking = states.filter(({ drain }) => !drain)
  const healthy = taking.filter(({ health }) => health !== "unhealthy").length
  return healthy > 0 && healthy * 100 >= taking.length * panicPercent
}
