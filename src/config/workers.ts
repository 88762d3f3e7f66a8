import { availableParallelism } from "node:os"
import type { Config } from "./model.ts"

/** Data threads to run; nginx calls them worker processes. */
export function workerCount({ workers }: Pick<Config, "workers">): number {
  return workers === "auto" ? availableParallelism() : workers
}
