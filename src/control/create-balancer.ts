import { type BalancerOptions, Balancer as DataPlane } from "../balancer/balancer.ts"
import type { Config } from "../config/model.ts"
import { messageOf, type Problem } from "../config/problem.ts"
import { fromInput } from "../config/yaml/normalize.ts"
import type { SluiceYaml } from "../config/yaml/schema.ts"
import { eventKindOf } from "../log/log-event.ts"
import type { Log, LogFields } from "../log/logger.ts"
import { silentLog } from "../log/silent-log.ts"
import { ClusterCare } from "./cluster-care.ts"

/** A configuration that cannot run. `problems` has all that is wrong with it, not just the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError"
  readonly code = "config"
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(
      problems
        .filter(({ severity }) => severity === "error")
        .map(messageOf)
        .join("\n"),
    )
    this.problems = problems
  }
}

/**
 * A running load balancer: a data plane and those who watch its endpoints, sources and health checks, all in the caller's thread.
 * `config` has been checked, by `loadConfig` for one. Errors: throws when an access log or a certificate cannot be opened or a
 * limit is out of range.
 */
export class Balancer extends DataPlane {
  constructor(config: Config, options: BalancerOptions = {}) {
    let care: ClusterCare | null = null
    // What its sources have said of it may be old.
    const log = telling(options.log ?? silentLog, (cluster) => care?.refresh(cluster))
    super(config, { ...options, log }, null, {
      hasChecks: true,
      make: (given) => (care = new ClusterCare({ ...given, assignments: null })),
    })
  }
}

/**
 * A balancer from the model of sluice.yaml; `new Balancer(loadConfig(path).config)` makes one from a file.
 * Errors: throws ConfigError.
 */
export function createBalancer(input: SluiceYaml, options: BalancerOptions = {}): Balancer {
  const { config, problems } = fromInput(input)
  if (config === null) throw new ConfigError(problems)
  return new Balancer(config, options)
}

/** `log`, and `onEjected` told of each cluster of which an endpoint is ejected. */
function telling(log: Log, onEjected: (cluster: string) => void): Log {
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields?: LogFields) => {
      log.warn(message, fields)
      if (eventKindOf(message) === "ejection") onEjected(String(fields?.cluster))
    },
    error: (message, fields) => log.error(message, fields),
    with: (fields) => telling(log.with(fields), onEjected),
  }
}
