import type { Clock, Timer } from "../../base/clock.ts"
import type { Log } from "../../log/logger.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"

/** As client-go has them: a lease holds for so long after it was renewed … */
const LEASE_SECONDS = 15
/** … its holder gives up where it cannot renew it for so long … */
const RENEW_DEADLINE_MS = 10_000
/** … and everybody looks so often. */
const LOOK_MS = 2_000
const ASK_TIMEOUT_MS = 5_000
const NOT_FOUND = 404
const CONFLICT = 409

export interface LeaderOptions {
  readonly client: JsonClient
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** This process's, and no other's. */
  readonly identity: string
  readonly clock: Clock
  readonly log: Pick<Log, "info" | "warn">
  onChange(isLeader: boolean): void
}

interface Lease {
  metadata?: { name?: string; resourceVersion?: string }
  spec?: LeaseSpec
}

interface LeaseSpec {
  holderIdentity?: string | null
  leaseDurationSeconds?: number | null
  acquireTime?: string | null
  renewTime?: string | null
  leaseTransitions?: number | null
}

/**
 * Which of several processes leads: the one that holds a Lease. Clocks of different machines are never compared: a lease has
 * run out when it has not changed for its time by our own clock.
 * Source: client-go, tools/leaderelection; coordination.k8s.io/v1.
 */
export class Leader {
  readonly #options: LeaderOptions
  readonly #stopping = new AbortController()
  #timer: Timer | null = null
  #isLeader = false
  #renewedMs = 0
  /** What the lease was when it last changed, and since when it has been that. */
  #seen = ""
  #seenMs = 0
  #problem = ""

  constructor(options: LeaderOptions) {
    this.#options = options
  }

  get isLeader(): boolean {
    return this.#isLeader
  }

  start(): void {
    void this.#look()
  }

  /** Gives the lease up, so that another need not wait. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopping.abort()
    if (!this.#isLeader) return
    this.#isLeader = false
    const { signal } = new AbortController()
    try {
      const lease = await this.#get(signal)
      if (lease?.spec?.holderIdentity === this.#options.identity)
        await this.#put(lease, { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 }, signal)
    } catch {
      // It runs out by itself.
    }
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options
    try {
      await this.#try(this.#stopping.signal)
      this.#problem = ""
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      const { message } = error as Error
      // Another was faster.
      const isRace = error instanceof JsonError && error.status === CONFLICT
      if (!isRace && message !== this.#problem) log.warn("cannot see to the lease", { reason: message })
      if (!isRace) this.#problem = message
    }
    if (this.#stopping.signal.aborted) return
    this.#timer = clock.after(LOOK_MS, () => void this.#look())
    if (this.#isLeader && clock.now() - this.#renewedMs >= RENEW_DEADLINE_MS)
      this.#set(false, "it could not be renewed")
  }

  async #try(signal: AbortSignal): Promise<void> {
    const { clock, identity, client } = this.#options
    const askedMs = clock.now()
    const lease = await this.#get(signal)
    const now = microTime(clock.wallMs())
    if (lease === null) {
      const spec = this.#spec({ acquireTime: now, leaseTransitions: 0 }, now)
      const body = { ...KIND, metadata: { name: this.#options.name }, spec }
      await client.ask({ method: "POST", path: this.#path(), body, timeoutMs: ASK_TIMEOUT_MS }, signal)
      return this.#hold(askedMs)
    }
    const { spec = {} } = lease
    const seen = JSON.stringify(spec)
    if (seen !== this.#seen) {
      this.#seen = seen
      this.#seenMs = askedMs
    }
    if (spec.holderIdentity === identity) {
      await this.#put(lease, this.#spec(spec, now), signal)
      return this.#hold(askedMs)
    }
    if (this.#isLeader) this.#set(false, `${spec.holderIdentity} holds it`)
    const isFree = (spec.holderIdentity ?? "") === ""
    const lastsMs = (spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1000
    if (!isFree && askedMs - this.#seenMs < lastsMs) return
    const transitions = (spec.leaseTransitions ?? 0) + 1
    await this.#put(lease, this.#spec({ acquireTime: now, leaseTransitions: transitions }, now), signal)
    this.#hold(askedMs)
  }

  #hold(askedMs: number): void {
    this.#renewedMs = askedMs
    if (!this.#isLeader) this.#set(true, "")
  }

  #set(isLeader: boolean, reason: string): void {
    const { log, onChange, identity } = this.#options
    this.#isLeader = isLeader
    if (isLeader) log.info("this process leads: it writes statuses", { identity })
    else log.warn("this process does not lead any more", { reason })
    onChange(isLeader)
  }

  #spec(before: LeaseSpec, renewTime: string): LeaseSpec {
    const { identity: holderIdentity } = this.#options
    return { ...before, holderIdentity, leaseDurationSeconds: LEASE_SECONDS, renewTime }
  }

  #path(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(this.#options.namespace)}/leases`
  }

  /** Null: there is none yet. */
  async #get(signal: AbortSignal): Promise<Lease | null> {
    const path = `${this.#path()}/${encodeURIComponent(this.#options.name)}`
    try {
      const { body } = await this.#options.client.ask(
        { method: "GET", path, timeoutMs: ASK_TIMEOUT_MS },
        signal,
      )
      return body as Lease
    } catch (error) {
      if (error instanceof JsonError && error.status === NOT_FOUND) return null
      throw error
    }
  }

  /** Errors: 409 where it has changed since. */
  async #put(lease: Lease, spec: LeaseSpec, signal: AbortSignal): Promise<void> {
    const path = `${this.#path()}/${encodeURIComponent(this.#options.name)}`
    const body = { ...KIND, ...lease, spec }
    await this.#options.client.ask({ method: "PUT", path, body, timeoutMs: ASK_TIMEOUT_MS }, signal)
  }
}

const KIND = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" }

/** meta/v1 MicroTime. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z")
}
