import type { EndpointState } from "../cluster/state.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { problemLines, whyNot } from "../config/problem.ts"
import type { Log } from "../log/logger.ts"
import type { ReloadResult } from "./admin/view.ts"
import { configDiff, shortDiff } from "./config-diff.ts"
import { StartSettings } from "./start-settings.ts"

export interface ReloadsOptions {
  /** The configuration that the process began with. */
  first: Config
  /** Reads the configuration again; `isReload`: tells people what is wrong with it. Null: there is no file to read. */
  load: ((isReload: boolean) => Promise<LoadedConfig>) | null
  log: Log
  /** The configuration in force. */
  current(): Config
  /** Returns why the old configuration stays, or null. */
  putInForce(config: Config): Promise<string | null>
  endpointsOf(cluster: string): readonly EndpointState[]
  streamsAt(slot: number): number
}

/** Reads the configuration file again, and says what that changes, or why the old one stays. */
export class Reloads {
  readonly #options: ReloadsOptions
  readonly #settings: StartSettings

  constructor(options: ReloadsOptions) {
    this.#options = options
    this.#settings = new StartSettings(options.first)
  }

  /** What a reload would change now. */
  async pendingChanges(): Promise<Pick<ReloadResult, "changes" | "problems">> {
    const { load } = this.#options
    if (load === null) return { changes: [], problems: [] }
    const { config, problems } = await load(false)
    return {
      changes: config === null ? [] : this.#diff(config),
      problems: problemLines(problems),
    }
  }

  async reload(): Promise<ReloadResult> {
    const { load, log } = this.#options
    if (load === null) {
      const message = "nothing to reload: no configuration file was given"
      log.warn(message)
      return { isDone: false, message, changes: [], problems: [] }
    }
    const { config, problems } = await load(true)
    if (config !== null) return this.#putInForce(config)
    const message = `${whyNot(problems)}; the old one stays`
    log.error(message, { problems: problemLines(problems) })
    return { isDone: false, message, changes: [], problems: problemLines(problems) }
  }

  /** Puts a configuration in force that comes of no file. */
  apply(config: Config): Promise<ReloadResult> {
    return this.#putInForce(config)
  }

  async #putInForce(config: Config): Promise<ReloadResult> {
    const { log, putInForce } = this.#options
    const changes = this.#diff(config)
    const reason = await putInForce(config)
    if (reason !== null) {
      const message = "cannot reload; the old configuration stays"
      log.error(message, { reason })
      return { isDone: false, message: `${message}: ${reason}`, changes: [], problems: [] }
    }
    const message = "configuration reloaded"
    log.info(message, changes.length === 0 ? {} : { changes: shortDiff(changes) })
    this.#tellWaiting(config)
    return { isDone: true, message, changes, problems: [] }
  }

  #diff(config: Config): string[] {
    const { current, endpointsOf, streamsAt } = this.#options
    return configDiff(current(), config, (cluster, address) => {
      const endpoints = endpointsOf(cluster)
      const meant = endpoints.filter((endpoint) => address === null || endpoint.address === address)
      return meant.reduce((sum, { slot }) => sum + streamsAt(slot), 0)
    })
  }

  #tellWaiting(config: Config): void {
    const { log } = this.#options
    const waiting = this.#settings.reloaded(config)
    if (waiting.length > 0)
      log.warn("changed settings that hold from the next start only", { settings: waiting.join(", ") })
  }
}
