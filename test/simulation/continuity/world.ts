import type { Balancer as BalancerClass } from "../../../src/balancer/balancer.ts"
import { seededRandom } from "../../../src/base/random.ts"
import { defaultContinuity } from "../../../src/config/defaults.ts"
import type { Config, ContinuityMode, MessageLimit } from "../../../src/config/model.ts"
import { silentLog } from "../../../src/log/silent-log.ts"
import { addressOf, configOf, LISTENER } from "../config.ts"
import { checkClosed } from "../invariants.ts"
import { Scheduler } from "../network/scheduler.ts"
import { VirtualNetwork } from "../network/virtual-network.ts"
import { PLAIN, planOf } from "../plain.ts"
import type { Plan } from "../plan.ts"
import { Violation } from "../violation.ts"
import { WireObserver } from "../wire/wire-observer.ts"
import type { Outcome, Subject } from "../world.ts"
import { FRONT, leadByPage, losingBackend } from "./front.ts"
import { ModelStore, questionsOf } from "./model.ts"
import { ContinuedCall, type ContinuityLedger, CountingClient, ModelBackend } from "./peers.ts"
import type { ContinuityFault, ContinuityPlan } from "./plan.ts"

const PATIENCE_MS = 150_000
/** A run that takes more steps than this, and one more for each octet of its messages, goes round in circles. */
const STEPS_MAX = 200_000
const UNAVAILABLE = 14
const DEADLINE_EXCEEDED = 4
const DATA_LOSS = 15

/** Runs a plan to its end, or to the first rule that is broken. */
export async function runContinuity(plan: ContinuityPlan, subject: Subject): Promise<Outcome> {
  const world = new ContinuityWorld(plan, subject)
  try {
    await world.run()
    return { violation: null, steps: world.steps, endings: world.endings }
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const violation = error instanceof Violation ? error : new Violation("exception", text)
    return { violation, steps: world.steps, endings: world.endings }
  }
}

/** A plain configuration with so many endpoints. */
function plainOf({ endpoints, limits }: ContinuityPlan): Plan {
  return planOf({ limits, endpoints: endpoints.map(() => PLAIN.endpoint) })
}

/** `drained`: endpoints that are not in it. */
function continuityConfig(plan: ContinuityPlan, drained: ReadonlySet<number> = new Set()): Config {
  const config = configOf(plainOf(plan))
  const { settings } = config.servers[0]!.routes[0]!
  const isCursor = plan.mode === "cursor"
  settings.continuity = {
    ...defaultContinuity(),
    modes: modesOf(plan.mode),
    keepOctets: plan.keepOctets,
    overflow: plan.overflow,
    holdOctets: plan.holdOctets,
    gapMaxMs: plan.gapMaxMs,
    legsMax: plan.legsMax,
    ask: plan.ask,
    statuses: plan.mode === "handoff and resume" ? [] : [UNAVAILABLE],
    cursorFrom: isCursor ? "4" : null,
    cursorInto: isCursor ? "6" : null,
  }
  settings.maxStreamAgeMs = plan.maxStreamAgeMs
  settings.messageLimits = limitsOf(plan)
  const [cluster] = config.clusters
  cluster!.drainGraceMs = 10
  cluster!.endpoints = cluster!.endpoints.filter((_, at) => !drained.has(at))
  return plan.page === "none" ? config : leadByPage(config)
}

function limitsOf({ rates }: ContinuityPlan): MessageLimit[] {
  return (["client", "backend"] as const).flatMap((from) => {
    const rate = rates[from]
    return rate === null ? [] : [{ from, counts: "messages" as const, ...rate, zone: null }]
  })
}

function modesOf(mode: ContinuityPlan["mode"]): ContinuityMode[] {
  if (mode === "off") return []
  return mode === "handoff and resume" ? ["handoff", "resume"] : [mode]
}

/** Of all messages, each of which is answered. */
function octetsOf({ calls }: ContinuityPlan): number {
  const each = calls.flatMap(({ messages, answerOctets }) =>
    messages.map(({ octets }) => octets + answerOctets),
  )
  return each.reduce((sum, octets) => sum + octets, 0)
}

class ContinuityWorld {
  steps = 0
  readonly #plan: ContinuityPlan
  readonly #stepsMax: number
  readonly #scheduler = new Scheduler()
  readonly #network: VirtualNetwork
  readonly #balancer: BalancerClass
  readonly #ledger: ContinuityLedger
  readonly #backends: readonly ModelBackend[]
  /** Endpoints that are not in the configuration for the time. */
  readonly #drained = new Set<number>()
  /** When the balancer was told to close. */
  #closeMs = Number.POSITIVE_INFINITY
  #found: unknown = null

  constructor(plan: ContinuityPlan, subject: Subject) {
    this.#plan = plan
    this.#stepsMax = STEPS_MAX + octetsOf(plan)
    const scheduler = this.#scheduler
    this.#network = new VirtualNetwork({
      scheduler,
      conditions: plan.conditions,
      seed: plan.seed,
      tap: (name, role) => this.#observe(name, role),
    })
    const calls = new Map(plan.calls.map((call) => [call.id, new ContinuedCall(call, plan.rates)]))
    const handsOffAtEnd = plan.ask === "half-close"
    this.#ledger = { mode: plan.mode, handsOffAtEnd, store: new ModelStore(), calls }
    this.#backends = plan.endpoints.map((peer) => new ModelBackend(peer, this.#ledger, scheduler))
    this.#balancer = new subject.Balancer(continuityConfig(plan), {
      clock: scheduler,
      random: seededRandom(plan.seed),
      network: this.#network,
      log: silentLog,
    })
    for (const [index, { serve }] of this.#backends.entries()) this.#network.host(addressOf(index), serve)
    this.#network.host(FRONT, losingBackend(scheduler))
    if (plan.page === "refused") this.#network.setReachability(FRONT, "refusing")
  }

  get endings(): Record<string, number> {
    const endings: Record<string, number> = {}
    for (const { status, legs, isCancelled } of this.#ledger.calls.values()) {
      const answered = legs.length > 1 ? "answered by several backends" : "answered by one"
      const ended = status === null ? "open" : "ended"
      const how = isCancelled ? "cancelled" : status === 0 ? answered : ended
      endings[how] = (endings[how] ?? 0) + 1
    }
    return endings
  }

  async run(): Promise<void> {
    const scheduler = this.#scheduler
    const { calls, faults, client } = this.#plan
    await this.#balancer.start()
    let counting: CountingClient | null = null
    this.#network.dial(LISTENER, "client", (link) => {
      counting = new CountingClient("client", client, link, scheduler)
      return counting
    })
    for (const { id, atMs } of calls) scheduler.at(atMs, () => counting!.open(this.#ledger.calls.get(id)!))
    for (const fault of faults) scheduler.at(fault.atMs, () => this.#strike(fault))
    const isOver = (): boolean => [...this.#ledger.calls.values()].every((call) => this.#isSettled(call))
    await this.#stepWhile(() => !isOver() && scheduler.nextMs <= PATIENCE_MS)
    for (const call of this.#ledger.calls.values()) this.#judge(call)
    await this.#close()
  }

  /** It has ended; or nothing more is to come of a client that does not end. */
  #isSettled({ status, plan, sent, got, legs }: ContinuedCall): boolean {
    if (status !== null) return legs.every(({ isOpen }) => !isOpen)
    return !plan.halfCloses && sent === questionsOf(plan) && got === plan.messages.length
  }

  #judge(call: ContinuedCall): void {
    const { status, plan, got, message, openedMs, endedMs, legs } = call
    const { mustHold, mode } = this.#plan
    if (status === null) {
      if (plan.halfCloses || got < plan.messages.length)
        call.fail("call never ends", `it sent ${call.sent}, got ${got}; legs ${legs.length}`)
      return
    }
    if (call.isCancelled) return
    if (status === 0) {
      // It has heard no more than a backend that says nothing.
      if (got === 0 && this.#isShort) return
      if (got !== plan.messages.length)
        call.fail("wrong ending", `OK after ${got} of ${plan.messages.length} answers`)
      return
    }
    const isLate = plan.timeoutMs !== null && endedMs - openedMs >= plan.timeoutMs
    if (status === DEADLINE_EXCEEDED && isLate) return
    if (message === "") call.fail("wrong ending", `status ${status} without a reason`)
    if (mustHold && this.#mayGoOn(call)) call.fail("wrong ending", `${status}: ${message}`)
    if (mode === "replay" && status === DATA_LOSS && this.#isOtherwise) return
    if (mode !== "lockstep" && mode !== "off" && status !== UNAVAILABLE && status !== -1)
      call.fail("wrong ending", `${status}: ${message}`)
  }

  /** Before a backend has accepted anything, only what none has seen goes elsewhere. */
  #mayGoOn({ hasHead }: ContinuedCall): boolean {
    return hasHead
  }

  /** Not all backends answer alike. */
  get #isOtherwise(): boolean {
    return this.#isShort || this.#backends.some(({ variant }) => variant > 0)
  }

  get #isShort(): boolean {
    return this.#backends.some(({ isShort }) => isShort)
  }

  #strike(fault: ContinuityFault): void {
    const backend = this.#backends[fault.index]!
    const address = addressOf(fault.index)
    switch (fault.kind) {
      case "dies":
        this.#network.setReachability(address, "refusing")
        for (const { link } of [...backend.connections]) link.reset()
        this.#scheduler.in(fault.forMs, () => this.#network.setReachability(address, "up"))
        return
      case "freezes":
        backend.freeze()
        this.#scheduler.in(fault.forMs, () => backend.thaw())
        return
      case "is drained":
        return this.#drain(fault.index, fault.forMs)
      case "answers otherwise":
        backend.variant++
        return
      case "answers no more":
        backend.isShort = true
        return
      case "hands off":
        return backend.whenAwake(() => backend.handOff())
      case "resets":
        return backend.whenAwake(() => backend.resetStreams())
      case "goes away":
        for (const connection of [...backend.connections]) connection.goAway("drain")
        return
      case "forgets":
        return this.#ledger.store.forget()
      case "counts too low":
        this.#ledger.store.countsTooLow = true
    }
  }

  /** Never the last one. */
  #drain(index: number, forMs: number): void {
    const drained = this.#drained
    if (drained.has(index) || drained.size + 1 === this.#backends.length) return
    drained.add(index)
    this.#reload()
    this.#scheduler.in(forMs, () => {
      drained.delete(index)
      this.#reload()
    })
  }

  #reload(): void {
    if (this.#closeMs < Number.POSITIVE_INFINITY) return
    this.#balancer
      .reload(continuityConfig(this.#plan, this.#drained))
      .catch((error: unknown) => (this.#found ??= error))
  }

  async #close(): Promise<void> {
    let isClosed = false
    this.#closeMs = this.#scheduler.now()
    this.#balancer.close({ graceMs: 0 }).then(
      () => void (isClosed = true),
      (error: unknown) => void (this.#found ??= error),
    )
    await settle()
    const latestMs = this.#scheduler.now() + 60_000
    await this.#stepWhile(() => !isClosed && this.#scheduler.nextMs <= latestMs)
    await this.#stepWhile(() => this.#scheduler.nextMs <= latestMs)
    if (this.#found !== null) throw this.#found
    if (!isClosed) throw new Violation("left open", "the balancer has not closed")
    checkClosed(this.#balancer.snapshot(), this.#network, this.#scheduler.timersOpen)
  }

  async #stepWhile(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      if (++this.steps > this.#stepsMax)
        throw new Violation("call never ends", `after ${this.steps} steps, at ${this.#scheduler.now()} ms`)
      this.#scheduler.step()
      if (this.#scheduler.wasBalancerRun) this.#check()
      if (this.steps % 64 === 0) await settle()
    }
    await settle()
  }

  /** After every step of the balancer's. */
  #check(): void {
    this.#scheduler.wasBalancerRun = false
    if (this.#found !== null) throw this.#found
    const { streams, clusters, bufferedOctets } = this.#balancer.snapshot()
    const endpoints = clusters.flatMap((cluster) => cluster.endpoints)
    const open = endpoints.reduce((sum, one) => sum + one.streamsOpen, 0)
    // Beside a leg its backend may be asked to hand it off.
    const perLeg = this.#plan.ask === "call" ? 2 : 1
    for (const { address, leases, streamsOpen } of endpoints)
      if (leases > perLeg * streamsOpen)
        throw new Violation("lease", `${leases} leases of ${address}, ${streamsOpen} legs`)
    if (open > streams.length)
      throw new Violation("lease", `${open} legs are open for ${streams.length} streams`)
    let held = 0
    for (const stream of streams) held += stream.bufferedOctets
    // Less than a preface is held until it says what a client speaks.
    if (held > bufferedOctets || held + 24 < bufferedOctets)
      throw new Violation("memory", `streams hold ${held} octets, and ${bufferedOctets} are accounted for`)
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
}

/** Lets everything run that waits for nothing but its turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
