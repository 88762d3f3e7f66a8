import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { inSlices } from "../../base/steps.ts"
import type { Log } from "../../log/logger.ts"
import { inlineService, isInlineService } from "../../xds/adapt/assemble-clusters.ts"
import type { LivePlans } from "../../xds/adapt/live-plans.ts"
import { Accepted, detailOf, type HeldResource, type Outcome, UNEXPECTED } from "../../xds/client/accepted.ts"
import type { AdsProtocol, AdsUpdate } from "../../xds/client/protocol.ts"
import { type AcceptedPlans, unknownClusters, Warming, wantedNames } from "../../xds/client/warming.ts"
import {
  CLUSTER,
  DATA_PLANE_TYPES,
  type DataPlaneType,
  ENDPOINTS,
  LISTENER,
  shortName,
} from "../../xds/type-urls.ts"
import type { Assignments } from "../discovery/assigned-source.ts"
import { Retrying } from "../discovery/retrying.ts"
import type { DiscoveredEndpoint } from "../discovery/source.ts"

/** A stream to the control plane. */
export interface AdsStream {
  send(message: Uint8Array): void
  close(): void
}

/** What a stream tells. */
export interface AdsStreamEvents {
  onOpen(): void
  onMessage(octets: Uint8Array, done: () => void): void
  /** A message was larger than is taken; `onEnd` follows. */
  onTooLarge(): void
  /** Once, last. */
  onEnd(reason: string): void
}

export interface XdsClientOptions {
  /** For people. */
  readonly server: string
  readonly protocol: AdsProtocol
  readonly resourcesMax: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  open(path: string, events: AdsStreamEvents): AdsStream
  /** Other plans are in use: they are to be put in force. Resolves when that is done. */
  apply(live: LivePlans): Promise<void>
  /** Something was heard, or the control plane is not there. */
  onProgress(): void
  onLimit(limit: "control_plane_message_too_large" | "control_plane_resources_exceeded"): void
  /** Listeners that are asked for by name; null: all that there are. */
  readonly listenerNames: ReadonlySet<string> | null
}

/** How one type of resources is. */
export interface XdsTypeStatus {
  readonly type: DataPlaneType
  readonly version: string
  readonly resources: number
  readonly updatedMs: number | null
  readonly nacks: number
  /** Null: the last response was taken. */
  readonly lastNack: string | null
}

export interface XdsStatus {
  readonly server: string
  readonly isConnected: boolean
  /** As the control plane calls itself. */
  readonly controlPlane: string
  /** Why it is not connected; null: it is, or was not yet tried. */
  readonly problem: string | null
  readonly types: readonly XdsTypeStatus[]
}

/** A resource that was asked for is waited for so long: Envoy's `initial_fetch_timeout`. */
const FETCH_TIMEOUT_MS = 15_000
/** A cluster that is named, and that no list of clusters has, is waited for so long: some control planes say it later. */
const UNKNOWN_CLUSTER_MS = 5_000
/** What comes within so long is put in force together. */
const GATHER_MS = 10
/** A refusal that is answered by the same again is said later and later. */
const NACK_FIRST_MS = 100
const NACK_LONGEST_MS = 10_000

/** What is over and comes again within so long is not said again: a control plane that flaps. */
const FLAP_MS = 60_000
/** Causes remembered. */
const CAUSES = 32

interface TypeState {
  version: string
  updatedMs: number | null
  nacks: number
  lastNack: string | null
  /** The refusal that was logged last, and when. */
  said: { readonly detail: string; readonly atMs: number } | null
  /** Refusals in a row. */
  refusals: number
  delayed: Timer | null
}

/**
 * The client of a control plane: one stream of ADS, what was taken of it, and what of that is in use. When the control plane is
 * gone everything goes on as it last said, indefinitely.
 */
export class XdsClient implements Assignments {
  readonly #options: XdsClientOptions
  readonly #accepted: Accepted
  readonly #warming = new Warming()
  readonly #retrying: Retrying
  readonly #types: Readonly<Record<DataPlaneType, TypeState>>
  readonly #watchers = new Map<string, Set<(endpoints: readonly DiscoveredEndpoint[]) => void>>()
  /** When a resource was first asked for, until it comes. */
  readonly #missing = new Map<string, number>()
  readonly #notes = new Set<string>()
  /** That were told. */
  readonly #bugs = new Set<string>()
  #stream: AdsStream | null = null
  #isConnected = false
  #controlPlane = ""
  #problem: string | null = null
  /** Why it was gone, and when that was said last. */
  readonly #saidGone = new Map<string, number>()
  #isSaidThere = false
  #timer: Timer | null = null
  #isDirty = false
  #isApplying = false

  constructor(options: XdsClientOptions) {
    const { clock, random } = options
    this.#options = options
    this.#accepted = new Accepted(options.resourcesMax)
    this.#types = Object.fromEntries(DATA_PLANE_TYPES.map((type) => [type, newState()])) as Record<
      DataPlaneType,
      TypeState
    >
    this.#retrying = new Retrying((signal) => this.#round(signal), {
      clock,
      random,
      onFailure: (error) => this.#failed(error.message),
    })
  }

  start(): void {
    this.#want()
    this.#retrying.start()
  }

  stop(): void {
    this.#retrying.stop()
    this.#timer?.cancel()
    for (const { delayed } of Object.values(this.#types)) delayed?.cancel()
    this.#stream?.close()
  }

  // ---- The stream -----------------------------------------------------------------------------------------------

  #round(signal: AbortSignal): Promise<void> {
    const { protocol, open } = this.#options
    return new Promise((_resolve, reject) => {
      const stream = open(protocol.method, {
        onOpen: () => {
          this.#stream = stream
          for (const message of protocol.reopen()) stream.send(message)
        },
        onMessage: (octets, done) => void this.#receive(octets, stream).finally(done),
        onTooLarge: () => this.#options.onLimit("control_plane_message_too_large"),
        onEnd: (reason) => {
          this.#stream = null
          for (const state of Object.values(this.#types)) state.delayed?.cancel()
          reject(new Error(reason))
        },
      })
      signal.addEventListener("abort", () => stream.close())
    })
  }

  #send(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#stream?.send(message)
  }

  #failed(reason: string): void {
    const { log, server, clock } = this.#options
    const held = this.#accepted.held(LISTENER).size + this.#accepted.held(CLUSTER).size > 0
    this.#isConnected = false
    this.#problem = reason
    this.#options.onProgress()
    // Once for each cause, not for each try.
    const saidMs = this.#saidGone.get(reason)
    const now = clock.now()
    if (saidMs !== undefined && (!this.#isSaidThere || now - saidMs < FLAP_MS)) return
    this.#isSaidThere = false
    this.#saidGone.delete(reason)
    this.#saidGone.set(reason, now)
    if (this.#saidGone.size > CAUSES) this.#saidGone.delete(this.#saidGone.keys().next().value!)
    log.warn("the control plane is not there", {
      server,
      reason: held ? `${reason}; what it said last stays` : reason,
    })
  }

  async #receive(octets: Uint8Array, stream: AdsStream): Promise<void> {
    const { protocol, clock, log, server } = this.#options
    let update: AdsUpdate | null
    try {
      update = protocol.receive(octets)
    } catch {
      stream.close()
      return this.#failed("what it sends is no response of ADS")
    }
    this.#retrying.succeeded()
    if (!this.#isConnected) {
      this.#isConnected = true
      this.#problem = null
      this.#controlPlane = update?.from ?? ""
      if (!this.#isSaidThere)
        log.info("connected to the control plane", {
          server,
          ...(update?.from && { controlPlane: update.from }),
        })
      this.#isSaidThere = true
    }
    if (update === null) return
    this.#types[update.type].delayed?.cancel()
    let isAnswered = false
    try {
      const outcome = await inSlices(this.#accepted.apply(update, clock.wallMs()), clock)
      if (this.#stream !== stream) return
      this.#answer(update, outcome)
      isAnswered = true
      this.#tellNotes(outcome)
      this.#changed(update.type, outcome)
    } catch (error) {
      this.#unexpected(error)
      if (!isAnswered && this.#stream === stream) this.#refuse(update, UNEXPECTED, allNames(update))
    }
  }

  #answer(update: AdsUpdate, outcome: Outcome): void {
    const { protocol, clock, onLimit } = this.#options
    const { type, version } = update
    const detail = detailOf(outcome, type)
    if (outcome.problem !== null) onLimit("control_plane_resources_exceeded")
    if (detail !== null) {
      for (const bug of outcome.bugs) this.#unexpected(bug)
      const names = outcome.problem === null ? new Set(outcome.refused.keys()) : allNames(update)
      return this.#refuse(update, detail, names)
    }
    const state = this.#types[type]
    state.version = version
    state.updatedMs = clock.wallMs()
    state.refusals = 0
    state.lastNack = null
    this.#send(protocol.ack(update))
  }

  #refuse(update: AdsUpdate, detail: string, names: ReadonlySet<string>): void {
    const { protocol, clock, log } = this.#options
    const { type, version } = update
    const state = this.#types[type]
    state.nacks++
    const now = clock.now()
    const isSaid = state.said?.detail === detail && now - state.said.atMs < FLAP_MS
    if (state.lastNack !== detail && !isSaid) {
      state.said = { detail, atMs: now }
      log.error("resources of the control plane are refused; what was taken before stays", {
        type: shortName(type),
        version,
        reason: detail,
      })
    }
    state.lastNack = detail
    const nack = protocol.nack(update, detail, names)
    const refusals = state.refusals++
    if (refusals === 0) return this.#send(nack)
    const afterMs = Math.min(NACK_LONGEST_MS, NACK_FIRST_MS * 2 ** Math.min(refusals, 10))
    state.delayed = clock.after(afterMs, () => this.#send(nack))
  }

  /** A bug. The stream goes on, and what the control plane says next may be better. Told once. */
  #unexpected(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    if (this.#bugs.has(text)) return
    this.#bugs.add(text)
    if (this.#bugs.size > CAUSES) this.#bugs.delete(this.#bugs.values().next().value!)
    this.#options.log.error("unexpected error: what the control plane said is not in force", { error: text })
  }

  #tellNotes({ notes }: Outcome): void {
    for (const { field, why } of notes) {
      if (this.#notes.has(field)) continue
      this.#notes.add(field)
      this.#options.log.info("a field of the control plane has no effect", { field, why })
    }
  }

  // ---- What follows of it ---------------------------------------------------------------------------------------

  #changed(type: DataPlaneType, { changed }: Outcome): void {
    for (const name of changed)
      if (type === ENDPOINTS) this.#tell(name)
      else if (type === CLUSTER) this.#tell(inlineService(name))
    this.#advance()
  }

  #advance(): void {
    const now = this.#options.clock.now()
    const isGivenUp = (type: DataPlaneType, name: string): boolean => {
      const since = this.#missing.get(`${type} ${name}`)
      return since !== undefined && now - since >= patienceFor(type)
    }
    const hasChanged = this.#warming.advance(this.#accepted, isGivenUp)
    this.#want()
    if (hasChanged) this.applySoon()
    this.#options.onProgress()
  }

  #want(): void {
    const { protocol, clock, listenerNames } = this.#options
    const wanted = wantedNames(this.#accepted, this.#warming.live)
    wanted.set(LISTENER, listenerNames === null ? null : new Set(listenerNames))
    const services = wanted.get(ENDPOINTS)!
    for (const service of this.#watchers.keys()) if (!isInlineService(service)) services.add(service)
    const missing = new Set<string>()
    for (const [type, names] of wanted) {
      this.#send(protocol.want(type, names))
      if (names === null) continue
      this.#accepted.keepOnly(type, names)
      for (const name of names) if (!this.#accepted.held(type).has(name)) missing.add(`${type} ${name}`)
    }
    for (const name of unknownClusters(this.#accepted)) missing.add(`${CLUSTER} ${name}`)
    for (const key of this.#missing.keys()) if (!missing.has(key)) this.#missing.delete(key)
    const now = clock.now()
    for (const key of missing) if (!this.#missing.has(key)) this.#missing.set(key, now)
    this.#setTimer(now)
  }

  /** For the next resource that is waited for no longer. */
  #setTimer(now: number): void {
    this.#timer?.cancel()
    this.#timer = null
    const due = [...this.#missing]
      .map(([key, since]) => since + patienceFor(key.slice(0, key.indexOf(" "))))
      .filter((at) => at > now)
    if (due.length > 0) this.#timer = this.#options.clock.after(Math.min(...due) - now, () => this.#advance())
  }

  /** What was said so far is to be put in force. */
  applySoon(): void {
    this.#isDirty = true
    if (this.#isApplying) return
    this.#isApplying = true
    this.#options.clock.after(GATHER_MS, () => void this.#apply())
  }

  async #apply(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false
      try {
        await this.#options.apply(this.#warming.live)
      } catch (error) {
        this.#unexpected(error)
      }
    }
    this.#isApplying = false
  }

  // ---- Endpoints ------------------------------------------------------------------------------------------------

  watch(service: string, onEndpoints: (endpoints: readonly DiscoveredEndpoint[]) => void): () => void {
    const watchers = this.#watchers.get(service) ?? new Set()
    this.#watchers.set(service, watchers)
    watchers.add(onEndpoints)
    const known = this.#accepted.services.get(service)
    if (known !== undefined) onEndpoints(known)
    else this.#want()
    return () => {
      watchers.delete(onEndpoints)
      if (watchers.size === 0) this.#watchers.delete(service)
    }
  }

  #tell(service: string): void {
    const endpoints = this.#accepted.services.get(service)
    if (endpoints === undefined) return
    for (const watcher of this.#watchers.get(service) ?? [])
      try {
        watcher(endpoints)
      } catch (error) {
        this.#unexpected(error)
      }
  }

  /** All that was said of listeners is in use. */
  get isSettled(): boolean {
    const { listeners } = this.#warming.live
    const isHeard = this.#types[LISTENER].updatedMs !== null
    return isHeard && [...this.#accepted.listeners].every(([name, plan]) => listeners.get(name) === plan)
  }

  // ---- For people -----------------------------------------------------------------------------------------------

  get live(): LivePlans {
    return this.#warming.live
  }

  get status(): XdsStatus {
    return {
      server: this.#options.server,
      isConnected: this.#isConnected,
      controlPlane: this.#controlPlane,
      problem: this.#problem,
      types: DATA_PLANE_TYPES.map((type) => {
        const { version, updatedMs, nacks, lastNack } = this.#types[type]
        return { type, version, updatedMs, nacks, lastNack, resources: this.#accepted.held(type).size }
      }),
    }
  }

  /** All that was taken, in use or not yet. */
  get accepted(): AcceptedPlans {
    return this.#accepted
  }

  resources(type: DataPlaneType): ReadonlyMap<string, HeldResource> {
    return this.#accepted.held(type)
  }
}

const patienceFor = (type: string): number => (type === CLUSTER ? UNKNOWN_CLUSTER_MS : FETCH_TIMEOUT_MS)

const allNames = ({ resources }: AdsUpdate): Set<string> => new Set(resources.map(({ name }) => name))

function newState(): TypeState {
  return { version: "", updatedMs: null, nacks: 0, lastNack: null, said: null, refusals: 0, delayed: null }
}
