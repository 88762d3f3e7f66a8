import { parseAddress } from "../../config/address.ts"
import type { DiscoveredEndpoint } from "./source.ts"

const WEIGHT_MAX = 1_000_000

/** What of an answer can be used. */
export interface AdmittedEndpoints {
  readonly endpoints: readonly DiscoveredEndpoint[]
  /** One sentence on what was left out; null: nothing was. */
  readonly problem: string | null
}

/**
 * Takes what is sound of a source's answer: addresses that can be connected to, each once, weights in range. An answer with
 * more than `endpointsMax` is refused whole (null), since half of it would be a wrong picture.
 */
export function admitEndpoints(
  answer: readonly DiscoveredEndpoint[],
  endpointsMax: number,
): AdmittedEndpoints | null {
  if (answer.length > endpointsMax) return null
  const byAddress = new Map<string, DiscoveredEndpoint>()
  const wrong: string[] = []
  let repeated = 0
  for (const endpoint of answer) {
    const address = parseAddress(endpoint.address, null)
    if (address === null) wrong.push(endpoint.address.slice(0, 80))
    else if (byAddress.has(address.text)) repeated++
    else byAddress.set(address.text, { ...endpoint, address: address.text, weight: soundWeight(endpoint) })
  }
  const problems = [
    wrong.length > 0 && `${wrong.length} of ${answer.length} addresses are unusable, such as "${wrong[0]}"`,
    repeated > 0 && `${repeated} addresses are named twice`,
  ].filter((part) => part !== false)
  return {
    endpoints: [...byAddress.values()],
    problem: problems.length === 0 ? null : problems.join("; "),
  }
}

function soundWeight({ weight }: DiscoveredEndpoint): number {
  return Number.isFinite(weight) ? Math.min(WEIGHT_MAX, Math.max(1, Math.floor(weight))) : 1
}
