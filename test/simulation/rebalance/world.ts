import type { Balancer as BalancerClass } from "../../../src/balancer/balancer.ts"
import { seededRandom } from "../../../src/base/random.ts"
import type { KnownEndpoint } from "../../../src/cluster/state.ts"
import { defaultContinuity } from "../../../src/config/defaults.ts"
import type { Config } from "../../../src/config/model.ts"
import { silentLog } from "../../../src/log/silent-log.ts"
import { addressOf, configOf, LISTENER } from "../config.ts"
import { ModelStore } from "../continuity/model.ts"
import { ContinuedCall, type ContinuityLedger, CountingClient, ModelBackend } from "../continuity/peers.ts"
import { checkClosed } from "../invariants.ts"
import { Scheduler } from "../network/scheduler.ts"
import { VirtualNetwork } from "../network/virtual-network.ts"
import { PLAIN, planOf } from "../plain.ts"
import { Violation } from "../violation.ts"
import { WireObserver } from "../wire/wire-observer.ts"
import type { Outcome, Subject } from "../world.ts"
import { ENDPOINTS_MAX, type RebalanceChange, type RebalancePlan } from "./plan.ts"

const STEPS_MAX = 400_000
/** The pace is looked at over so long, and moves may be so much later than they were due. */
const WINDOW_MS = 10_000
const LATE_MS = 2_000
const SHARE = 0.01
const SETTLE_MS = 200

/** Runs a plan to its end, or to the first rule that is broken. */
export async function runRebalance(plan: RebalancePlan, subject: Subject): Promise<Outcome> {
  const world = new RebalanceWorld(plan, subject)
  try {
    await world.run()
    return { violation: null, steps: world.steps, endings: world.endings }
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const violation = error instanceof Violation ? error : new Violation("exception", text)
    return { violation, steps: world.steps, endings: world.endings }
  }
}

/** A stream that says one thing and stays. */
const callOf = (id: number) => ({
  ...{ id, atMs: 0, messages: [{ afterMs: 0, octets: 10 }], answerOctets: 10 },
  ...{ halfCloses: false, tokenEvery: null, cancelAfterMs: null, timeoutMs: null },
})

class RebalanceWorld {
  steps = 0
  endings: Record<string, number> = {}
  readonly #plan: RebalancePlan
  readonly #scheduler = new Scheduler()
  readonly #network: VirtualNetwork
  readonly #balancer: BalancerClass
  readonly #ledger: ContinuityLedger
  readonly #weights: number[]
  readonly #cancels = new Map<number, () => void>()
  /** How many streams were too many when the last change came, and what had moved by then. */
  #surplusThen = 0
  #movedThen = 0
  #mostStreams = 0
  #closeMs = Number.POSITIVE_INFINITY
  #found: Violation | null = null

  constructor(plan: RebalancePlan, subject: Subject) {
    this.#plan = plan
    this.#weights = [...plan.weights]
    const scheduler = this.#scheduler
    this.#network = new VirtualNetwork({
      scheduler,
      conditions: { delayMs: plan.delayMs, capacityOctets: 1_000_000, cutShare: 0 },
      seed: plan.seed,
      tap: (name, role) => this.#observe(name, role),
    })
    const ids = Array.from({ length: plan.streams }, (_, at) => at + 1)
    const calls = new Map(ids.map((id) => [id, new ContinuedCall(callOf(id))]))
    this.#ledger = { mode: "handoff and resume", handsOffAtEnd: plan.asks, store: new ModelStore(), calls }
    this.#balancer = new subject.Balancer(this.#config(), {
      clock: scheduler,
      random: seededRandom(plan.seed),
      network: this.#network,
      log: silentLog,
    })
    for (let index = 0; index < ENDPOINTS_MAX; index++) {
      const backend = new ModelBackend(PLAIN.peer, this.#ledger, scheduler)
      this.#network.host(addressOf(index), backend.serve)
    }
  }

  #config(): Config {
    const { weights, asks, slowStartMs, tolerancePercent, afterMs, dwellMs, streamsPerSecond } = this.#plan
    const config = configOf(planOf({ endpoints: weights.map((weight) => ({ ...PLAIN.endpoint, weight })) }))
    const [cluster] = config.clusters
    cluster!.rebalance = { tolerancePercent, afterMs, dwellMs, streamsPerSecond, maxStreamAgeMs: null }
    cluster!.slowStart = { ...cluster!.slowStart, windowMs: slowStartMs }
    config.servers[0]!.routes[0]!.settings.continuity = {
      ...defaultContinuity(),
      modes: ["handoff", "resume"],
      ask: asks ? "half-close" : "none",
    }
    return config
  }

  async run(): Promise<void> {
    const { changes, streams } = this.#plan
    const scheduler = this.#scheduler
    await this.#balancer.start()
    this.#network.dial(LISTENER, "client", (link) => {
      const client = new CountingClient("client", PLAIN.peer, link, scheduler)
      for (const [id, call] of this.#ledger.calls) this.#cancels.set(id, client.open(call))
      return client
    })
    await this.#until(3_000)
    this.#mostStreams = streams
    this.#note()
    for (const change of changes) {
      await this.#until(change.atMs)
      this.#change(change)
      // Resets are on their way.
      await this.#until(change.atMs + SETTLE_MS)
      this.#note()
    }
    await this.#until((changes.at(-1)?.atMs ?? 3_000) + this.#longestMs())
    this.#checkBalance()
    this.#checkLegs()
    await this.#close()
  }

  /** Until the cluster must be in balance again, whatever came. */
  #longestMs(): number {
    const { afterMs, dwellMs, slowStartMs, streamsPerSecond, streams } = this.#plan
    const perSecond = Math.min(streamsPerSecond, SHARE * this.#open().reduce((sum, open) => sum + open, 0))
    return afterMs + dwellMs + slowStartMs + (1_000 * streams) / Math.max(0.01, perSecond) + 30_000
  }

  /** Live streams at each endpoint. */
  #open(): number[] {
    const endpoints = this.#balancer.snapshot().clusters.flatMap((cluster) => cluster.endpoints)
    const at = (index: number): number =>
      endpoints.find(({ address }) => address === addressOf(index))?.streamsOpen ?? 0
    return this.#weights.map((_, index) => at(index))
  }

  /** The most that each endpoint may have. */
  #bounds(): number[] {
    const { tolerancePercent } = this.#plan
    const streams = this.#open().reduce((sum, open) => sum + open, 0)
    const weights = this.#weights.reduce((sum, weight) => sum + weight, 0)
    return this.#weights.map((weight) =>
      Math.ceil((streams * weight * (100 + tolerancePercent)) / (100 * weights) - 1e-9),
    )
  }

  #note(): void {
    const bounds = this.#bounds()
    this.#surplusThen = this.#open().reduce((sum, open, at) => sum + Math.max(0, open - bounds[at]!), 0)
    this.#movedThen = this.#moved()
  }

  /** Legs after the first of each stream: no backend of this world ever fails. */
  #moved(): number {
    let moved = 0
    for (const { legs } of this.#ledger.calls.values()) moved += Math.max(0, legs.length - 1)
    return moved
  }

  #change(change: RebalanceChange): void {
    if (change.kind === "streams end") {
      for (const [id, cancel] of this.#cancels) if (id % change.every === 0) cancel()
      return
    }
    if (change.kind === "joins") {
      if (this.#weights.length === ENDPOINTS_MAX) return
      this.#weights.push(change.weight)
    } else this.#weights[change.index] = change.weight
    const known = this.#weights.map(
      (weight, index): KnownEndpoint => ({
        ...{ address: addressOf(index), origin: index, weight, zone: null, priority: 0, drain: false },
      }),
    )
    this.#balancer.states!.setEndpoints(this.#balancer.states!.current.clusters[0]!.name, known)
  }

  #checkBalance(): void {
    const bounds = this.#bounds()
    const open = this.#open()
    for (const [index, streams] of open.entries())
      if (streams > bounds[index]!)
        throw new Violation(
          "balance",
          `endpoint ${index} has ${streams} streams at the end, and may have ${bounds[index]!}: ${open.join(", ")}`,
        )
    const moved = this.#moved() - this.#movedThen
    // What was under way when the last change came was right before it.
    const underWay = 2 * this.#pace()
    if (this.#plan.slowStartMs === 0 && moved > this.#surplusThen + underWay)
      throw new Violation("balance", `${moved} streams moved for the ${this.#surplusThen} that were too many`)
  }

  #pace(): number {
    return Math.max(1, Math.min(this.#plan.streamsPerSecond, SHARE * this.#mostStreams))
  }

  #checkLegs(): void {
    const { dwellMs } = this.#plan
    const times: number[] = []
    for (const call of this.#ledger.calls.values()) {
      if (call.status !== null && !call.isCancelled)
        call.fail("wrong ending", `${call.status}: ${call.message}`)
      for (const [at, { atMs }] of call.legs.entries()) {
        if (at === 0) continue
        times.push(atMs)
        const before = call.legs[at - 1]!
        if (at > 1 && atMs - before.atMs < dwellMs)
          throw new Violation("balance", `call ${call.plan.id} moved again after ${atMs - before.atMs} ms`)
      }
    }
    times.sort((one, other) => one - other)
    const most = Math.ceil((this.#pace() * (WINDOW_MS + LATE_MS)) / 1_000) + 1
    for (const [at, fromMs] of times.entries()) {
      const within = times.slice(at).filter((ms) => ms < fromMs + WINDOW_MS).length
      if (within > most)
        throw new Violation("balance", `${within} streams moved within ${WINDOW_MS} ms, ${most} may`)
    }
    this.endings = { moved: times.length, stayed: this.#ledger.calls.size }
  }

  async #close(): Promise<void> {
    let isClosed = false
    this.#closeMs = this.#scheduler.now()
    void this.#balancer.close({ graceMs: 0 }).then(() => void (isClosed = true))
    await settle()
    await this.#until(this.#scheduler.now() + 60_000)
    if (!isClosed) throw new Violation("left open", "the balancer has not closed")
    checkClosed(this.#balancer.snapshot(), this.#network, this.#scheduler.timersOpen)
  }

  #observe(name: string, role: "server" | "client"): WireObserver {
    const { connectionWindowOctets, drainTimeoutMs } = this.#balancer.limits
    return new WireObserver({
      name,
      role,
      connectionRaiseOctets: connectionWindowOctets - 65_535,
      drainTimeoutMs,
      mayEndAtOnceFromMs: () => this.#closeMs,
      now: () => this.#scheduler.now(),
      onViolation: (violation) => (this.#found ??= violation),
      onFrame: null,
    })
  }

  async #until(atMs: number): Promise<void> {
    while (this.#scheduler.nextMs <= atMs) {
      if (++this.steps > STEPS_MAX) throw new Violation("call never ends", `after ${STEPS_MAX} steps`)
      this.#scheduler.step()
      if (this.#found !== null) throw this.#found
      if (this.steps % 16 === 0) await settle()
    }
    // Time passes though nothing comes.
    this.#scheduler.at(atMs, () => {})
    this.#scheduler.step()
    await settle()
  }
}

/** Lets everything run that waits for nothing but its turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
