import type { LoadedConfig } from "../config/load.ts"
import { fromInput } from "../config/yaml/normalize.ts"

/** The configuration that `--listen` and `--to` mean, and what is wrong with them in their own words. */
export function fromAddresses(
  listen: readonly string[],
  to: readonly string[],
): Pick<LoadedConfig, "config"> & { errors: string[] } {
  const { config, problems } = fromInput({ listeners: [...listen], clusters: { backend: [...to] } })
  const errors = problems.filter(({ severity }) => severity === "error")
  return { config, errors: errors.map(({ message }) => inOptions(message, { listen, to })) }
}

/** `clusters.backend[0] must be an address: …` as `--to x: must be …`. */
function inOptions(message: string, options: { listen: readonly string[]; to: readonly string[] }): string {
  const [, path, index, what] = /^(listeners|clusters\.backend)\[(\d+)\]:? (.*)$/s.exec(message) ?? []
  if (path === undefined) return message
  const name = path === "listeners" ? "listen" : "to"
  const value = options[name][Number(index)]!
  const lowest = name === "listen" ? 0 : 1
  return `--${name} ${value}: ${portProblem(value, lowest) ?? what!.replace("an address: ", "")}`
}

function portProblem(address: string, lowest: number): string | null {
  const port = /^(?:unix:.*|(?:.*:)?(\d+))$/s.exec(address)?.[1]
  if (port === undefined || (Number(port) >= lowest && Number(port) <= 65535)) return null
  return `the port must be from ${lowest} to 65535`
}
