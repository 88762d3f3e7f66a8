import { messageOf, type Problem } from "../config/problem.ts"
import { fromInput } from "../config/yaml/normalize.ts"
import type { SluiceYaml } from "../config/yaml/schema.ts"
import { Balancer, type BalancerOptions } from "./balancer.ts"

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
 * A balancer from the model of sluice.yaml; `new Balancer(loadConfig(path).config)` makes one from a file.
 * Errors: throws ConfigError.
 */
export function createBalancer(input: SluiceYaml, options: BalancerOptions = {}): Balancer {
  const { config, problems } = fromInput(input)
  if (config === null) throw new ConfigError(problems)
  return new Balancer(config, options)
}
