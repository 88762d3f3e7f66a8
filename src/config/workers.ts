import { availableParallelism } from "node:os"
import type { Config } from "./model.ts"

export function workerCount({ workers }: Pick<Config, "workers">): number {
  return workers === "auto" ? availableParallelism() : workers
}

/** What keeps several workers from sharing the listeners; null: nothing does. */
export function notForSeveralWorkers(config: Config): string | null {
  if (workerCount(config) === 1) return null
  const several =
    config.workers === "auto" ? `several workers (auto, ${workerCount(config)} here)` : "several workers"
  for (const { name, port, unixPath } of config.listeners) {
    if (port === 0) return `${several} cannot share listener ${name}: it needs a port of its own, not 0`
    if (unixPath !== null) return `${several} cannot share listener ${name}: a Unix socket has one owner`
  }
  return null
}
