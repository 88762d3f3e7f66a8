import { hostname } from "node:os"
import type { Clock } from "../../base/clock.ts"
import { systemRandom } from "../../base/random.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { Config } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { assemble } from "../../xds/adapt/assemble.ts"
import type { LivePlans } from "../../xds/adapt/live-plans.ts"
import { readBootstrap } from "../../xds/client/bootstrap-file.ts"
import { DeltaProtocol } from "../../xds/client/delta.ts"
import { SotwProtocol } from "../../xds/client/sotw.ts"
import { streamOpener } from "./open-stream.ts"
import { withResources } from "./with-resources.ts"
import { XdsClient, type XdsClientOptions } from "./xds-client.ts"

/** A start waits so long for the first configuration; what comes later is taken over then. */
const FIRST_CONFIG_MS = 15_000
/** So many problems are told once each; then the oldest may be told again. */
const PROBLEMS_MAX = 1000

export interface ControlPlaneOptions {
  /** The bootstrap file. */
  readonly path: string
  /** The configuration of the file beside it, or an empty one. */
  readonly base: Config
  readonly clock: Clock
  readonly log: Log
  readonly onLimit: XdsClientOptions["onLimit"]
}

/** The control plane of `sluice run --xds`, and what becomes of the configuration by it. */
export class ControlPlane {
  readonly client: XdsClient
  readonly #log: Log
  readonly #clock: Clock
  readonly #targets: ReturnType<typeof readBootstrap>["targets"]
  /** That were told. */
  readonly #problems = new Set<string>()
  #base: Config
  /** What the configuration that was asked for last was made of. */
  #told: LivePlans | null = null
  #putInForce: ((config: Config) => Promise<void>) | null = null
  #onProgress: () => void = () => {}

  /** Errors: throws, in a sentence, what is wrong with the bootstrap file. */
  constructor({ path, base, clock, log, onLimit }: ControlPlaneOptions) {
    const { server, tls, api, node, targets } = readBootstrap(path, hostname())
    const { limits } = resolveLimits(base.limits)
    this.#base = base
    this.#log = log
    this.#clock = clock
    this.#targets = targets
    this.client = new XdsClient({
      server: server.text,
      protocol: api === "ads" ? new SotwProtocol(node) : new DeltaProtocol(node),
      resourcesMax: limits.controlPlaneResourcesMax,
      clock,
      random: systemRandom,
      log,
      open: streamOpener({ server, tls, limits, clock, log }),
      apply: () => this.#changed(),
      onProgress: () => this.#onProgress(),
      onLimit,
      listenerNames: targets?.names ?? null,
    })
  }

  /**
   * Begins to ask; resolves once all that it says of listeners can be served. What is not there in time, or as long as the
   * control plane is not there, comes later. Errors: where `mustAnswer`, throws instead.
   */
  async start(mustAnswer: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = (why: string): void =>
      mustAnswer ? reject(new Error(`no configuration of the control plane: ${why}`)) : resolve()
    const timer = this.#clock.after(FIRST_CONFIG_MS, () => late("it has not said all in time"))
    this.#onProgress = () => {
      if (this.client.isSettled) resolve()
      else if (!mustAnswer && this.client.status.problem !== null) resolve()
    }
    this.client.start()
    try {
      await promise
    } finally {
      timer.cancel()
      this.#onProgress = () => {}
    }
  }

  /** From now on changes are put in force by `putInForce`. */
  use(putInForce: (config: Config) => Promise<void>): void {
    this.#putInForce = putInForce
    if (this.client.live !== this.#told) this.client.applySoon()
  }

  stop(): void {
    this.client.stop()
  }

  /** The file's and all that is in use of the control plane's. */
  get config(): Config {
    return this.configWith(this.#base, true)
  }

  /** The same with another file. `isKept`: it is to be put in force, and what does not go together is told. */
  configWith(base: Config, isKept: boolean): Config {
    const [server] = base.servers
    const resources = assemble(this.client.live, {
      ...(server !== undefined && { settings: server.fallback }),
      apiListeners: this.#targets?.listener ?? null,
    })
    const { config, problems } = withResources(base, resources)
    if (!isKept) return config
    this.#told = this.client.live
    this.#base = base
    for (const problem of [...resources.problems, ...problems]) {
      if (this.#problems.has(problem)) continue
      this.#problems.add(problem)
      if (this.#problems.size > PROBLEMS_MAX) this.#problems.delete(this.#problems.values().next().value!)
      this.#log.warn("resources of the control plane do not go together", { reason: problem })
    }
    return config
  }

  async #changed(): Promise<void> {
    await this.#putInForce?.(this.config)
  }
}
