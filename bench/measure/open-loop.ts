import type { GeneratorReport } from "../load/generator.ts"
import type { Cores } from "./child.ts"

/** So much of its core the load may need: with more, times tell of how generator and backends wait for each other. */
export const LOAD_SHARE_MAX = 0.6
const TRIES = 4

/** The share of its core that the load used; of that of its busier half, where generator and backends have one each. */
export function loadShare(
  report: Pick<GeneratorReport, "generatorCpuNs" | "backendCpuNs" | "seconds">,
  cores: Cores | null,
): number {
  const { generatorCpuNs, backendCpuNs, seconds } = report
  const areApart = cores === null || cores.generator !== cores.backend
  const busiest = areApart ? Math.max(generatorCpuNs, backendCpuNs) : generatorCpuNs + backendCpuNs
  return busiest / seconds / 1e9
}

/**
 * The rate for an open loop: `wanted`, or the less that the load can carry by itself with room on its core. `shareAt`: what
 * share of it the load needs without a proxy at so many messages a second. A message costs it more at a lower rate, since
 * fewer leave together; so it is measured again.
 */
export async function rateWithRoom(
  wanted: number,
  shareAt: (rate: number) => Promise<number>,
): Promise<number> {
  let rate = wanted
  for (let tries = 0; tries < TRIES; tries++) {
    const share = await shareAt(rate)
    if (!(share > LOAD_SHARE_MAX)) break
    rate = Math.floor((rate * LOAD_SHARE_MAX) / share)
  }
  return rate
}

/** A proxy whose busiest thread waits longer for its core, in milliseconds a second, shows in its times who else was there. */
export const CALM_WAIT_MS = 100

/** Whether a round says something of the proxy. */
export function isCalm({ proxyWaitNs, seconds }: Pick<GeneratorReport, "proxyWaitNs" | "seconds">): boolean {
  return proxyWaitNs / seconds / 1e6 <= CALM_WAIT_MS
}
