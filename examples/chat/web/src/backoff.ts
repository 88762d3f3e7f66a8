const FIRST_MS = 500
const LONGEST_MS = 15_000
const SHORTEST_MS = 100

/**
 * How long to wait before reconnecting, with full jitter: uniform up to a ceiling that doubles with each failed
 * attempt. So a thousand pages that lost one server do not all come back in the same instant.
 *
 * @param attempt Counts from 0 since a connection last stood.
 * @param random Uniform in [0, 1).
 */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10))
  return Math.max(SHORTEST_MS, random() * ceiling)
}
