import { atOnce, type Steps } from "../base/steps.ts"
import type { ClusterConfig, StickyConfig } from "../config/model.ts"
import { Availability, type Epoch, taking } from "./availability.ts"
import { BOUNDS, type Breakers, makeBreakers } from "./breakers.ts"
import type { Connector } from "./connectors.ts"
import type { StreamCount, StreamCounts } from "./counts.ts"
import type { Endpoint } from "./endpoint.ts"
import { Members, type StagedLevel, type StagedMembers } from "./members.ts"
import { type OutcomeLog, Outcomes } from "./outcomes.ts"
import { PickQueue } from "./pick-queue.ts"
import { makePolicy, type Policy } from "./policies/make-policy.ts"
import type { Picker, PickRequest, PickSubject } from "./policies/policy.ts"
import type { ResponseTimes } from "./policies/response-times.ts"
import type { Pool, PooledConnection } from "./pool.ts"
import { Pools, type PoolsContext } from "./pools.ts"
import { RetryBudget } from "./retry-budget.ts"
import { SlowStart } from "./slow-start.ts"
import type { EndpointState } from "./state.ts"
import { Sticky } from "./sticky.ts"

/** A stream of which nothing is known: its keys are empty. */
const NO_SUBJECT: PickSubject = { render: () => "" }

/** An ejected endpoint is connected to for as long after the last pick, to find out whether it is back. */
const DEMAND_MS = 10_000
/** So many pools are closed in one step. */
const ENDPOINTS_PER_STEP = 32

export interface ClusterContext<C extends PooledConnection> extends PoolsContext<C> {
  log: OutcomeLog
  counts: StreamCounts
  /** Addresses that the cluster had before a reload: others have just joined. Null: there was none of this name. */
  before?: ReadonlySet<string> | null
}

/** One immutable picture of a cluster, read once per stream and swapped whole: which endpoints there are, in what order. */
export interface Snapshot {
  readonly availability: Availability
}

/** A state of a cluster that is made and not yet in force. */
export interface StagedState {
  readonly members: StagedMembers
  /** Null: the present one holds. */
  readonly snapshot: Snapshot | null
  /** Those of the ones that join that get a growing share. */
  readonly starting: readonly Endpoint[]
}

/** A named group of endpoints with one policy, and the connections to each. */
export class Cluster<C extends PooledConnection> {
  readonly name: string
  readonly retryBudget: RetryBudget
  readonly outcomes: Outcomes
  /** Null: the cluster has no bounds. */
  readonly breakers: Breakers | null
  readonly #config: ClusterConfig
  readonly #context: ClusterContext<C>
  readonly #pools: Pools<C>
  readonly #members: Members
  readonly #epoch: Epoch = { value: 0 }
  readonly #policy: Policy
  readonly #slowStart: SlowStart
  readonly #sticky: Sticky | null
  #snapshot: Snapshot = { availability: new Availability([], { value: 0 }, 0) }
  /** One for all picks: they come by the hundred thousand. */
  readonly #request: { -readonly [Name in keyof PickRequest]: PickRequest[Name] } = {
    subject: NO_SUBJECT,
    tried: null,
    mayWait: false,
    nowMs: 0,
  }
  #pickedMs: number
  /** Shared by all clusters that have had this one's place, one after the other. */
  #place: { latest: Cluster<C>; queue: PickQueue | null } = { latest: this, queue: null }
  /** An endpoint is out, and for lack of demand it is not found out whether it is back. */
  #hasIdleProbe = false

  /** In steps, where there may be thousands of endpoints. */
  static *make<C extends PooledConnection>(
    config: ClusterConfig,
    endpoints: readonly EndpointState[],
    context: ClusterContext<C>,
  ): Steps<Cluster<C>> {
    const cluster = new Cluster<C>(config, [], context)
    yield* cluster.#begin(endpoints)
    return cluster
  }

  constructor(config: ClusterConfig, endpoints: readonly EndpointState[], context: ClusterContext<C>) {
    const { limits, clock, log } = context
    this.name = config.name
    this.#config = config
    this.#context = context
    this.#pickedMs = clock.now()
    this.#members = new Members(config, context.counts)
    this.#policy = makePolicy(config.policy)
    this.#slowStart = new SlowStart(config.slowStart)
    this.#sticky = config.sticky === null ? null : new Sticky(config.sticky.cookie)
    this.breakers = makeBreakers(config, (name) => context.counts.limitsOf(name), context.onLimit)
    const { queue } = config
    const count = (): StreamCount => context.counts.limitsOf(config.name)[BOUNDS.length]!
    if (queue !== null)
      this.#place.queue = new PickQueue(queue, { clock, count: count(), onLimit: context.onLimit })
    this.retryBudget = new RetryBudget(limits.retryBudgetPercent, limits.retriesPerSecondMin, clock.now())
    this.outcomes = new Outcomes({
      cluster: config.name,
      clock,
      log,
      onFailed: (endpoint) => {
        for (const { picker } of this.#snapshot.availability.levels) picker.onFailed?.(endpoint)
      },
      onEjected: (endpoint) => this.#ejected(endpoint),
      onBack: (endpoint) => this.#back(endpoint),
    })
    this.#pools = new Pools<C>({
      ...context,
      config,
      outcomes: this.outcomes,
      breakers: this.breakers,
      isMember: (endpoint) => this.#members.has(endpoint),
      onProbing: (endpoint, is) => this.#probing(endpoint, is),
      hasDemand: () => clock.now() - this.#pickedMs <= DEMAND_MS,
    })
    atOnce(this.#begin(endpoints))
  }

  /** With its first endpoints; those that it had before a reload have their full share. */
  *#begin(endpoints: readonly EndpointState[]): Steps {
    const { members, snapshot, starting } = yield* this.stage(endpoints)
    this.#members.commit(members)
    if (snapshot !== null) this.#snapshot = snapshot
    const { before } = this.#context
    if (before != null) this.#start(starting.filter(({ address }) => !before.has(address)))
  }

  get protocol(): ClusterConfig["protocol"] {
    return this.#config.protocol
  }

  /** What becomes of live streams whose key has another owner now. */
  get rehome(): ClusterConfig["rehome"] {
    return this.#config.rehome
  }

  /** What decides how long live streams may go on where an endpoint takes no new ones. */
  get leavingSettings(): Pick<ClusterConfig, "drainGraceMs" | "panicThresholdPercent"> {
    return this.#config
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Where streams wait that find every endpoint full, of this cluster and those that it follows; null: they are refused. */
  get queue(): PickQueue | null {
    return this.#place.queue
  }

  /** The cookie that brings clients back to their endpoint; null: none does. */
  get sticky(): StickyConfig | null {
    return this.#config.sticky
  }

  /** To be told of each call; null: the policy does not ask how long they take. */
  get times(): ResponseTimes | null {
    return this.#policy.times
  }

  get endpoints(): IterableIterator<Endpoint> {
    return this.#members.all
  }

  // ---- The control side ---------------------------------------------------------------------------------------

  /** Takes over what the control side says: `stage`, `commit` and `retire` without a pause. */
  apply(states: readonly EndpointState[]): void {
    const staged = atOnce(this.stage(states))
    this.commit(staged)
    atOnce(this.retire(staged))
  }

  /** Makes what `states` come to, beside what is in force: picks go on with that. One at a time. */
  *stage(states: readonly EndpointState[]): Steps<StagedState> {
    const members = yield* this.#members.stage(states)
    const { levels } = members
    const snapshot = levels === null ? null : yield* this.#makeSnapshot(levels)
    return { members, snapshot, starting: yield* this.#slowStart.among(members.joined) }
  }

  /**
   * Puts in force what was staged, in one go. An endpoint that stays keeps its connections, counts and health; one that is
   * gone gets no new streams.
   */
  commit({ members, snapshot, starting }: StagedState): void {
    const back = members.changed
      .filter(
        ({ endpoint, state }) =>
          (endpoint.health === "unhealthy" && state.health !== "unhealthy") ||
          (endpoint.isDraining && !state.drain),
      )
      .map(({ endpoint }) => endpoint)
    this.#members.commit(members)
    if (snapshot !== null) this.#snapshot = snapshot
    this.#start([...back, ...starting])
    this.#epoch.value++
    this.queue?.serveSoon()
  }

  /** After `commit`: the connections of endpoints that are gone end with their last streams. */
  *retire({ members: { left } }: StagedState): Steps {
    for (const [at, endpoint] of left.entries()) {
      this.#pools.remove(endpoint)
      this.#slowStart.end(endpoint)
      if ((at + 1) % ENDPOINTS_PER_STEP === 0) yield
    }
  }

  *#makeSnapshot(staged: readonly StagedLevel[]): Steps<Snapshot> {
    const levels: { endpoints: Endpoint[]; picker: Picker }[] = []
    for (const { endpoints, weights } of staged) {
      if (endpoints.length > ENDPOINTS_PER_STEP) yield
      const picker = this.#policy.makePicker(endpoints, weights)
      if (endpoints.length > ENDPOINTS_PER_STEP) yield
      if (picker.prepare !== undefined) yield* picker.prepare()
      levels.push({ endpoints, picker })
    }
    const availability = new Availability(levels, this.#epoch, this.#config.panicThresholdPercent)
    if (this.#sticky !== null) yield* this.#sticky.prepare(availability)
    return { availability }
  }

  /** In slow start: which share of its weight it has now. Null: it has all of it. */
  slowStartShareOf(endpoint: Endpoint, nowMs: number): number | null {
    return this.#slowStart.shareOf(endpoint, nowMs)
  }

  #startSlowly(nowMs: number): void {
    this.#slowStart.update(nowMs)
    if (this.#policy.isByLoad) this.#slowStart.deal(this.#context.random)
  }

  /** They have just joined, or are back. */
  #start(endpoints: readonly Endpoint[]): void {
    this.#slowStart.begin(endpoints, this.#context.clock.now())
  }

  // ---- Streams ------------------------------------------------------------------------------------------------

  /**
   * Picks an endpoint that is not in `tried`: primaries, then backups; those where streams must wait for others to end only
   * when there are no others. When every one of them is out, all of them again rather than none: nginx answers 502 at once,
   * until the first `fail_timeout` is over. So the only one of a group is always used, as in nginx. The stream is counted
   * there: give that back by `closeStream`. Where streams may queue, they do so rather than go where one is out.
   */
  pick(
    snapshot: Snapshot,
    tried: readonly Endpoint[] | null,
    subject: PickSubject = NO_SUBJECT,
  ): Endpoint | undefined {
    const nowMs = this.#context.clock.now()
    this.#pickedMs = nowMs
    if (this.#hasIdleProbe) this.#probeAgain()
    if (this.#slowStart.isActive) this.#startSlowly(nowMs)
    const { availability } = snapshot
    availability.refresh(nowMs)
    const request = this.#request
    request.subject = subject
    request.tried = tried
    request.nowMs = nowMs
    for (;;) {
      const endpoint = this.#bound(availability) ?? this.#choose(availability)
      if (endpoint === undefined) return undefined
      if (!endpoint.tryOpenStream()) continue
      if (endpoint.picked(nowMs)) this.#epoch.value++
      return endpoint
    }
  }

  /** The one that the client was at. */
  #bound(availability: Availability): Endpoint | undefined {
    if (this.#sticky === null) return undefined
    this.#request.mayWait = false
    return this.#sticky.find(availability, this.#request)
  }

  /** `endpoint` for a stream that is to go there and nowhere else; undefined: it takes none now. Counted as by `pick`. */
  pickAt(endpoint: Endpoint): Endpoint | undefined {
    const nowMs = this.#context.clock.now()
    this.#pickedMs = nowMs
    if (!this.hasRoomAt(endpoint) || !endpoint.tryOpenStream()) return undefined
    if (endpoint.picked(nowMs)) this.#epoch.value++
    return endpoint
  }

  /** The stream of `leg` is over that was counted at `endpoint`; its bounds are given back. */
  leave(endpoint: Endpoint, leg: object): void {
    endpoint.closeStream()
    this.breakers?.leave(leg)
  }

  /** It takes new streams now. */
  hasRoomAt(endpoint: Endpoint): boolean {
    const { availability } = this.#snapshot
    availability.refresh(this.#context.clock.now())
    if (endpoint.isFull || endpoint.isSaturated || endpoint.silentConnections > 0) return false
    return availability.levels.some(({ available }) => available.includes(endpoint))
  }

  /** Whether `endpoint` has the key of a stream, as things are; also where its policy places by no key, or it has none. */
  isOwner(endpoint: Endpoint, subject: PickSubject): boolean {
    const { policy } = this.#config
    const key = policy.name === "ip_hash" ? "$binary_remote_addr" : "key" in policy ? policy.key : null
    if (key === null || subject.render(key) === "") return true
    const { availability } = this.#snapshot
    const request = this.#request
    request.nowMs = this.#context.clock.now()
    availability.refresh(request.nowMs)
    request.subject = subject
    request.tried = null
    const owner = this.#choose(availability)
    return owner === undefined || owner.address === endpoint.address
  }

  #choose(availability: Availability): Endpoint | undefined {
    const { levels } = availability
    for (let mayWait = 0; mayWait < 2; mayWait++)
      for (const { available, picker } of levels) {
        const endpoint = this.#pickFrom(available, picker, mayWait === 1)
        if (endpoint !== undefined) return endpoint
      }
    // One that was tried somewhere cannot wait in the queue.
    const mayQueue = this.queue !== null && this.#request.tried === null
    if (mayQueue || !availability.isLastResort) return undefined
    for (const level of levels) {
      const endpoint = this.#pickFrom(taking(level), level.picker, true)
      if (endpoint !== undefined) return endpoint
    }
    return undefined
  }

  #pickFrom(endpoints: readonly Endpoint[], picker: Picker, mayWait: boolean): Endpoint | undefined {
    if (endpoints.length === 0) return undefined
    this.#request.mayWait = mayWait
    return picker.pick(endpoints, this.#request, this.#context.random)
  }

  /** Of those that there are now; undefined: none is in that slot. */
  endpointAt(slot: number): Endpoint | undefined {
    return this.#members.at(slot)
  }

  // ---- Connections --------------------------------------------------------------------------------------------

  /** The connections to `endpoint` that `connector` makes; null: the cluster's own. */
  pool(endpoint: Endpoint, connector: Connector<C> | null): Pool<C> {
    return this.#pools.pool(endpoint, connector)
  }

  /** However the connections are made. */
  poolsOf(endpoint: Endpoint): Pool<C>[] {
    return this.#pools.poolsOf(endpoint)
  }

  /** No live route connects by it any more: retires the connections that it made. */
  retireConnector(connector: Connector<C>): void {
    this.#pools.retireConnector(connector)
  }

  /**
   * Gives way to another configuration: every connection is retired once those that wait have been served. `successor`: the
   * cluster of that name from now on, where streams go on that outlive their backend.
   */
  close(successor: Cluster<C> | null = null): void {
    if (successor !== null) {
      const { queue } = this.#place
      if (queue === null) this.#place.queue = successor.#place.queue
      else queue.config = successor.#config.queue
      successor.#place = this.#place
      this.#place.latest = successor
    }
    this.#pools.close()
  }

  /** The cluster of this name that is in force, or the last one that was. */
  get latest(): Cluster<C> {
    return this.#place.latest
  }

  // ---- Ejection and recovery ----------------------------------------------------------------------------------

  #ejected(endpoint: Endpoint): void {
    this.#epoch.value++
    for (const pool of this.#pools.poolsOf(endpoint)) pool.probe()
  }

  #back(endpoint: Endpoint): void {
    for (const pool of this.#pools.poolsOf(endpoint)) pool.endProbe()
    for (const { picker } of this.#snapshot.availability.levels) picker.onBack?.(endpoint)
    this.#start([endpoint])
    this.#epoch.value++
    this.queue?.serveSoon()
  }

  #probing(endpoint: Endpoint, is: boolean): void {
    endpoint.probes += is ? 1 : -1
    this.#epoch.value++
    if (!is && endpoint.isOut) this.#hasIdleProbe = true
  }

  /** Streams come again. */
  #probeAgain(): void {
    this.#hasIdleProbe = false
    for (const endpoint of this.#members.all)
      if (endpoint.isOut) for (const pool of this.#pools.poolsOf(endpoint)) pool.probe()
  }
}
