/** How long messages are within the proxy itself, as it tells in its metrics. Of the peers Sluice alone does. */
import { get } from "node:http"
import type { Times } from "./results.ts"

const NAME = "sluice_message_seconds"
const PATIENCE_MS = 5000

/** How many messages have taken at most so many microseconds, in rising order; the last bound is Infinity. */
export type TimesSoFar = readonly (readonly [boundUs: number, count: number])[]

/** Asks a running Sluice on its admin socket. Null where it does not tell: an earlier revision, or not counted. */
export async function ownTimesSoFar(socketPath: string): Promise<TimesSoFar | null> {
  try {
    return readTimes(await scrape(socketPath))
  } catch {
    return null
  }
}

/** Reads a text of Prometheus. Null where the histogram is not in it. */
export function readTimes(text: string): TimesSoFar | null {
  const found = [...text.matchAll(new RegExp(`^${NAME}_bucket\\{le="([^"]+)"\\} (\\S+)`, "gm"))]
  const buckets = found.map(
    ([, bound, count]) => [bound === "+Inf" ? Infinity : 1e6 * Number(bound), Number(count)] as const,
  )
  return buckets.length === 0 ? null : buckets
}

/**
 * Quantiles of what came between two readings, as Prometheus' histogram_quantile has them: in proportion within a
 * bucket, and no more than the largest finite bound. Null where there is nothing to say.
 */
export function timesBetween(before: TimesSoFar | null, after: TimesSoFar | null): Times | null {
  if (before === null || after === null || before.length !== after.length) return null
  const counts = after.map(([bound, count], index) => [bound, count - before[index]![1]] as const)
  if (counts.at(-1)![1] === 0) return null
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => quantile(counts, share))
  return { p50: p50!, p99: p99!, p999: p999! }
}

function quantile(counts: TimesSoFar, share: number): number {
  const rank = share * counts.at(-1)![1]
  const at = counts.findIndex(([, count]) => count >= rank)
  const [bound, count] = counts[at]!
  const [below, countBelow] = counts[at - 1] ?? [0, 0]
  if (bound === Infinity) return below
  return below + ((bound - below) * (rank - countBelow)) / (count - countBelow)
}

function scrape(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path: "/metrics", timeout: PATIENCE_MS }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part) => {
        text += part
      })
      response.on("end", () => resolve(text))
      response.on("error", reject)
    })
    request.on("timeout", () => request.destroy(new Error("no answer")))
    request.on("error", reject)
  })
}
