import type { Timer } from "../../base/clock.ts"
import type { CounterName } from "../../base/counters.ts"
import { type TranslateOptions, type Translation, translate } from "../../config/gateway/translate.ts"
import type { Config, ListenerConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { bindSockets } from "../../net/listening-socket.ts"
import type { ReloadResult } from "../admin/view.ts"
import { Leader } from "./leader.ts"
import { ResourceStore, type ResourceStoreOptions } from "./resource-store.ts"
import { SharedSlices } from "./shared-slices.ts"
import { StatusWriter } from "./status-writer.ts"
import { type MachineOptions, translateOptions } from "./translate-options.ts"

/** Changes come in droves: what comes within it is one. */
const SETTLE_MS = 100
/** What could not be put in force, and addresses that could not be listened at, are tried again. */
const AGAIN_MS = 15_000

export interface GatewayControllerOptions
  extends MachineOptions,
    Omit<ResourceStoreOptions, "onTooMany" | "onChange" | "onStatus" | "log"> {
  /** Where the Lease is. */
  readonly leaseNamespace: string
  readonly identity: string
  /** Addresses that no Gateway may have, and why. */
  readonly reserved: ReadonlyMap<string, string>
  readonly log: Log
  /** What of the configuration is not the resources': how the process runs. */
  complete(config: Config): Config
}

/** The process whose configuration it is. */
export interface Governed {
  /** The configuration in force. */
  readonly config: Config
  /** Puts `GatewayController.config` in force. */
  reload(): Promise<ReloadResult>
  /** A limit was met. */
  count(limit: CounterName): void
}

/**
 * Serves Kubernetes' Gateway API: watches its resources, puts what they come to in force, and says in their statuses what
 * became of them, where this process leads. While the API server is away what is known holds.
 */
export class GatewayController {
  readonly slices: SharedSlices
  readonly #options: GatewayControllerOptions
  readonly #store: ResourceStore
  readonly #writer: StatusWriter
  readonly #leader: Leader
  #governed: Governed | null = null
  #timer: Timer | null = null
  #isWorking = false
  #isStale = false
  #isStopped = false
  /** The newest that there is, in force or not. */
  #config: Config | null = null
  /** Why `#config` is not in force; null: it is. */
  #problem: string | null = null
  readonly #unavailable = new Map<string, string>()

  constructor(options: GatewayControllerOptions) {
    const { client, namespace, objectsMax, clock, random, log, controllerName } = options
    this.#options = options
    const onTooMany = (): void => this.#governed?.count("discovery_refused")
    const lists = { client, namespace, objectsMax, onTooMany, clock, random }
    this.#store = new ResourceStore({
      ...lists,
      log,
      onChange: () => this.#changed(),
      onStatus: () => this.#writer.again(),
    })
    this.slices = new SharedSlices(lists)
    this.#writer = new StatusWriter({ client, store: this.#store, controllerName, clock, log })
    this.#leader = new Leader({
      client,
      namespace: options.leaseNamespace,
      name: leaseName(controllerName),
      identity: options.identity,
      clock,
      log,
      onChange: (isLeader) => this.#writer.turn(isLeader),
    })
  }

  /** What the resources come to; null: they are not all listed yet. */
  get config(): Config | null {
    return this.#config
  }

  start(governed: Governed): void {
    this.#governed = governed
    this.slices.start()
    this.#store.start()
    this.#leader.start()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return this.#leader.stop()
    this.#isStopped = true
    this.#timer?.cancel()
    this.#store.stop()
    this.slices.stop()
    this.#writer.stop()
    await this.#leader.stop()
  }

  #changed(): void {
    if (this.#isStopped) return
    this.#isStale = true
    if (this.#isWorking) return
    this.#soon(SETTLE_MS)
  }

  #soon(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(ms, () => void this.#work())
  }

  async #work(): Promise<void> {
    if (this.#isWorking || this.#isStopped || !this.#store.isComplete) return
    this.#isWorking = true
    try {
      await this.#putInForce()
    } catch (error) {
      // A bug, or a disk that is full: what is in force stays.
      this.#problem = (error as Error).message
      this.#options.log.error("cannot put the resources in force; what was stays", { reason: this.#problem })
    }
    this.#isWorking = false
    if (this.#isStopped) return
    if (this.#isStale) this.#soon(SETTLE_MS)
    else if (this.#problem !== null || this.#unavailable.size > this.#options.reserved.size)
      this.#soon(AGAIN_MS)
  }

  async #putInForce(): Promise<void> {
    this.#isStale = false
    const { files } = this.#options
    const governed = this.#governed!
    const translation = await this.#translate(governed.config)
    const config = this.#options.complete(translation.config)
    this.#config = config
    if (this.#problem !== null || JSON.stringify(config) !== JSON.stringify(governed.config)) {
      files.write(translation.files)
      const { isDone, message } = await governed.reload()
      this.#problem = isDone ? null : message
      if (isDone) files.retain(translation.files)
    }
    if (!this.#isStopped) this.#writer.want(translation.statuses(this.#problem))
  }

  /** Without the listeners whose address is not to be had now: the others need not wait for it. */
  async #translate(inForce: Config): Promise<Translation> {
    const { reserved } = this.#options
    const open = new Set(inForce.listeners.map(({ name }) => name))
    this.#unavailable.clear()
    for (const [address, why] of reserved) this.#unavailable.set(address, why)
    const first = translate(this.#store.resources, this.#translateOptions())
    for (const listener of first.config.listeners) {
      const why = open.has(listener.name) ? null : await bindProblem(listener)
      if (why !== null) this.#unavailable.set(listener.name, why)
    }
    return this.#unavailable.size === reserved.size
      ? first
      : translate(this.#store.resources, this.#translateOptions())
  }

  #translateOptions(): TranslateOptions {
    return { ...translateOptions(this.#options, this.#store), unavailable: this.#unavailable }
  }
}

/** One Lease for each name of a controller: a DNS label. */
function leaseName(controllerName: string): string {
  return controllerName.toLowerCase().replace(/[^a-z0-9]+/g, "-")
}

/** Why an address cannot be listened at; null: it can. */
async function bindProblem(listener: ListenerConfig): Promise<string | null> {
  try {
    for (const socket of await bindSockets(listener, 1)) socket.close()
    return null
  } catch (error) {
    return (error as Error).message
  }
}
