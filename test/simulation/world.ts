import type { Balancer as BalancerClass } from "../../src/balancer/balancer.ts"
import { seededRandom } from "../../src/base/random.ts"
import { HeaderList as HeaderListClass } from "../../src/http2/header-list.ts"
import type { Log, LogFields } from "../../src/log/logger.ts"
import type { StreamRecord } from "../../src/record/record.ts"
import { addressOf, configOf, LISTENER } from "./config.ts"
import { type Struck, strike } from "./faults.ts"
import { checkBalancer, checkClosed } from "./invariants.ts"
import { type CallRecord, Ledger } from "./ledger.ts"
import { Scheduler } from "./network/scheduler.ts"
import { VirtualNetwork } from "./network/virtual-network.ts"
import { Backend } from "./peers/backend.ts"
import { Client } from "./peers/client.ts"
import type { Plan } from "./plan.ts"
import { describeFault } from "./story.ts"
import { judge } from "./verdict.ts"
import { Violation } from "./violation.ts"
import type { Frame } from "./wire/frame-scanner.ts"
import { WireObserver } from "./wire/wire-observer.ts"
import type { Witness } from "./witness.ts"

/** The code under test; a mutation is another. */
export interface Subject {
  readonly Balancer: typeof BalancerClass
  /** Of the same copy of the code. */
  readonly HeaderList: typeof HeaderListClass
}

export interface Outcome {
  /** Null: every rule held. */
  readonly violation: Violation | null
  readonly steps: number
  /** How many calls ended in which way. */
  readonly endings: Readonly<Record<string, number>>
}

/** In the last third of the grace, and a little before, streams are ended one after the other. */
const PACED_FROM = 0.64
/** How long after the last planned thing everything must be over: a client that vanished is noticed in 80 s. */
const PATIENCE_MS = 150_000
/** A run that takes more steps than this, and `STEPS_PER_OCTET` more for each octet of its bodies, goes round in circles. */
const STEPS_MAX = 200_000
/** Through a window of one octet: DATA and its credit, each sent, on its way and read, on both sides. */
const STEPS_PER_OCTET = 12

/** Runs a plan to its end or to the first rule that is broken. The same plan gives the same run. */
export async function run(plan: Plan, subject: Subject, witness: Witness | null = null): Promise<Outcome> {
  let world: World | null = null
  try {
    world = new World(plan, subject, witness)
    await world.run()
    return { violation: null, steps: world.steps, endings: world.endings }
  } catch (error) {
    const violation = error instanceof Violation ? error : new Violation("exception", messageOf(error))
    return { violation, steps: world?.steps ?? 0, endings: world?.endings ?? {} }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

class World implements Struck {
  steps = 0
  readonly scheduler = new Scheduler()
  readonly network: VirtualNetwork
  readonly clients: readonly Client[]
  readonly backends: readonly Backend[]
  readonly hurtClients = new Set<number>()
  readonly hurtEndpoints = new Set<number>()
  readonly #plan: Plan
  readonly #stepsMax: number
  readonly #witness: Witness | null
  readonly #ledger: Ledger
  readonly #balancer: BalancerClass
  /** Calls of the balancer that have not resolved. */
  #pending = 0
  #isClosing = false
  /** When the balancer ends what is still open. */
  #abortMs = Number.POSITIVE_INFINITY
  /** The first thing that went wrong where it could not be told. */
  #found: unknown = null

  constructor(plan: Plan, subject: Subject, witness: Witness | null) {
    alignHeaderLists(HeaderListClass)
    alignHeaderLists(subject.HeaderList)
    this.#plan = plan
    this.#stepsMax = stepsFor(plan)
    this.#witness = witness
    this.#ledger = new Ledger(plan.calls)
    const { scheduler } = this
    this.network = new VirtualNetwork({
      scheduler,
      conditions: plan.conditions,
      seed: plan.seed,
      tap: (name, role) => this.#observe(name, role),
    })
    this.backends = plan.endpoints.map(
      (endpoint, index) => new Backend(index, endpoint, this.#ledger, scheduler),
    )
    this.clients = plan.clients.map((client, index) => {
      const name = `client ${index}`
      return new Client(name, client, scheduler, (makeUser) => this.network.dial(LISTENER, name, makeUser))
    })
    this.#balancer = new subject.Balancer(configOf(plan), {
      clock: scheduler,
      random: seededRandom(plan.seed),
      network: this.network,
      log: this.#log(),
    })
    this.#balancer.on("stream", (record) => this.#told(record))
    for (const { index, serve } of this.backends) this.network.host(addressOf(index), serve)
  }

  /** What a client that misbehaves opens a stream with is no call of the plan's, and told of as refused. */
  #told(record: StreamRecord): void {
    const isMisbehaved = this.#plan.faults.some((fault) => fault.kind === "misbehaves")
    const isRefused = record.attempts.length === 0 && record.requestHeaders.get("x-call") === undefined
    if (!isMisbehaved || !isRefused) this.#ledger.of(record.requestHeaders).told.push(record)
  }

  // ---- Struck -------------------------------------------------------------------------------------------------

  readonly addressOf = addressOf

  reload(isChanged: boolean): void {
    const isLate = this.#isClosing
    this.#await(
      this.#balancer.reload(configOf(this.#plan, isChanged)).catch((error: unknown) => {
        if (!isLate) throw error
      }),
    )
  }

  get endings(): Record<string, number> {
    const endings: Record<string, number> = {}
    for (const call of this.#ledger.calls.values()) {
      const how = describeEnding(call)
      endings[how] = (endings[how] ?? 0) + 1
    }
    return endings
  }

  // ---- The run ------------------------------------------------------------------------------------------------

  async run(): Promise<void> {
    const { scheduler } = this
    const { calls, faults, close } = this.#plan
    await this.#balancer.start()
    let lastMs = close.atMs ?? 0
    for (const { id, atMs, client } of calls) {
      lastMs = Math.max(lastMs, atMs)
      scheduler.at(atMs, () => this.clients[client]!.call(this.#ledger.calls.get(id)!))
    }
    for (const fault of faults) {
      lastMs = Math.max(lastMs, fault.atMs)
      scheduler.at(fault.atMs, () => this.#strike(fault))
    }
    // A client that may have few streams open at once makes its calls one after the other.
    const slowMs = calls.reduce((sum, { response }) => sum + response.headAfterMs, 0)
    const untilMs = close.atMs ?? lastMs + slowMs + PATIENCE_MS
    const isOver =
      close.atMs === null ? () => scheduler.now() >= lastMs && this.#ledger.isSettled : () => false
    await this.#stepWhile(() => !isOver() && scheduler.nextMs <= untilMs)
    await this.#close(close.atMs === null && !isOver())
  }

  async #close(isLate: boolean): Promise<void> {
    const { scheduler } = this
    const { graceMs } = this.#plan.close
    const closeMs = scheduler.now()
    const abortMs = closeMs + graceMs
    this.#abortMs = abortMs
    const calls = [...this.#ledger.calls.values()]
    if (isLate) this.#blameWhatIsLeft(calls)
    const late = new Set(calls.filter(({ ending }) => ending === null))
    let isClosed = false
    this.#isClosing = true
    this.#await(this.#balancer.close({ graceMs }).then(() => void (isClosed = true)))
    const latestMs = abortMs + this.#balancer.limits.drainTimeoutMs + 100
    await settleMicrotasks()
    await this.#stepWhile(() => !isClosed && scheduler.nextMs <= latestMs)
    if (!isClosed)
      throw new Violation("left open", `the balancer has not closed after ${latestMs - closeMs} ms`)
    // Clients hear of it a little later.
    await this.#stepWhile(() => scheduler.nextMs <= latestMs + 10_000)
    checkClosed(this.#balancer.snapshot(), this.network, scheduler.timersOpen)
    // What ended before has nothing to do with the closing.
    for (const call of calls)
      if (late.has(call)) this.#judge(call, closeMs, closeMs + PACED_FROM * graceMs)
      else this.#judge(call)
  }

  /** `abortMs`: from then on closing may end it. */
  #judge(call: CallRecord, closeMs = Number.POSITIVE_INFINITY, abortMs = closeMs): void {
    const { hurtClients, hurtEndpoints } = this
    judge(call, { plan: this.#plan, hurtClients, hurtEndpoints, closeMs, abortMs })
  }

  /** Time is up, and something is still going on that should have ended by itself. */
  #blameWhatIsLeft(calls: readonly CallRecord[]): void {
    // Behind half a frame whatever a client sends is read as the rest of that: its cancels, and its answers to PINGs. Until
    // that frame is whole its streams go on, and those it may not open yet wait.
    const isHurt = ({ plan }: CallRecord): boolean => this.hurtClients.has(plan.client)
    const unopened = calls.filter((call) => call.ending === null && call.openedMs < 0 && isHurt(call))
    for (const call of calls)
      if (call.ending === null && !call.isHeld && !unopened.includes(call)) this.#judge(call)
    const open = calls.filter(
      ({ ending, attempts }) => ending !== null && attempts.some(({ isOpen }) => isOpen),
    )
    if (open.length + unopened.length > 0 && open.every(isHurt)) return
    const names = open.map(({ plan, ending }) => `call ${plan.id} (${ending!.how})`).join(", ")
    throw new Violation("left open", `a backend still works for what has ended: ${names}`)
  }

  async #stepWhile(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      this.#happen()
      if (this.#pending === 0) continue
      await settleMicrotasks()
      this.#check()
    }
  }

  /** Lets one thing happen. */
  #happen(): void {
    if (++this.steps > this.#stepsMax)
      throw new Violation("call never ends", `nothing is over after ${this.#stepsMax} steps`)
    this.scheduler.step()
    if (this.scheduler.wasBalancerRun) this.#check()
  }

  /** Looks whether all rules hold. */
  #check(): void {
    this.scheduler.wasBalancerRun = false
    if (this.#found !== null) throw this.#found
    checkBalancer(this.#balancer.snapshot(), this.network, this.#plan, this.#balancer.limits)
  }

  #strike(fault: Plan["faults"][number]): void {
    this.#witness?.say(this.scheduler.now(), describeFault(fault))
    strike(this, fault)
  }

  #await(promise: Promise<void>): void {
    this.#pending++
    promise.then(
      () => void this.#pending--,
      (error: unknown) => this.#report(error),
    )
  }

  #report(error: unknown): void {
    this.#found ??= error
  }

  /** What the balancer says of itself. It says errors only of what must not be: a bug that one connection died of. */
  #log(): Log {
    const witness = this.#witness
    const line = (message: string, fields: object = {}): void =>
      witness?.say(this.scheduler.now(), `balancer: ${message} ${JSON.stringify(fields)}`)
    const error = (message: string, fields: LogFields = {}): void => {
      line(message, fields)
      this.#report(new Violation("exception", `${message}: ${String(fields.error)}`))
    }
    const log: Log = { debug: line, info: line, warn: line, error, with: () => log }
    return log
  }

  #observe(name: string, role: "server" | "client"): WireObserver {
    const witness = this.#witness
    const onViolation = (violation: Violation): void => this.#report(violation)
    const onFrame = (link: string, fromBalancer: boolean, frame: Frame): void =>
      witness!.frame(this.scheduler.now(), link, fromBalancer, frame)
    const { connectionWindowOctets, drainTimeoutMs } = this.#balancer.limits
    const connectionRaiseOctets = connectionWindowOctets - 65_535
    return new WireObserver({
      name,
      role,
      connectionRaiseOctets,
      drainTimeoutMs,
      mayEndAtOnceFromMs: () => this.#abortMs,
      now: () => this.scheduler.now(),
      onViolation,
      onFrame: witness === null ? null : onFrame,
    })
  }
}

function stepsFor({ calls }: Plan): number {
  // What is echoed comes back.
  const pieces = calls.flatMap(({ request, response }) => [...request, ...request, ...response.pieces])
  return STEPS_MAX + STEPS_PER_OCTET * pieces.reduce((sum, { octets }) => sum + octets, 0)
}

function describeEnding({ ending, answeredBy, attempts }: CallRecord): string {
  if (ending?.how !== "complete") return ending?.how ?? "open"
  if (answeredBy === null) return "answered by the balancer"
  return attempts.length > 1 ? "answered after a retry" : "answered by a backend"
}

/** Lets everything run that waits for nothing but its turn. */
function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Memories of heads are kept by list number modulo their size: every run begins at the same one. */
function alignHeaderLists(HeaderList: typeof HeaderListClass): void {
  while (new HeaderList([]).id % 32 !== 0) {}
}
