import type { Balancer } from "../balancer/balancer.ts"
import type { Config } from "../config/model.ts"
import type { Log } from "../log/logger.ts"
import { makeLogDirectories, prepare, whyNot } from "./prepare.ts"
import type { StartSettings } from "./start-settings.ts"
import { problemLines, type Teller } from "./teller.ts"

export interface ReloadOptions {
  /** The configuration file; null: there is none. */
  path: string | null
  /** See `RunOptions`. */
  strict: boolean
  balancer: Pick<Balancer, "reload">
  /** The configuration as this process runs it. */
  asHere(config: Config): Config
  settings: StartSettings
  log: Log
  teller: Teller
}

/** Reads the configuration again and puts it in force. Whatever is wrong with it is said, and the old one stays. */
export async function reload(options: ReloadOptions): Promise<void> {
  const { path, balancer, asHere, settings, log, teller } = options
  if (path === null) return log.warn("nothing to reload: no configuration file was given")
  const loaded = await prepare(path, options)
  teller.problems(loaded)
  if (loaded.config === null)
    return log.error(`${whyNot(loaded.problems)}; the old one stays`, {
      problems: problemLines(loaded.problems),
    })
  const config = asHere(loaded.config)
  makeLogDirectories(config)
  try {
    await balancer.reload(config)
  } catch (error) {
    return log.error("cannot reload; the old configuration stays", { reason: (error as Error).message })
  }
  const waiting = settings.reloaded(config)
  if (waiting.length > 0)
    log.warn("changed settings that hold from the next start only", { settings: waiting.join(", ") })
}
