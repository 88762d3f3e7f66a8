import type { Attack, Sight } from "./attack.ts"
import type { NeighbourReport } from "./neighbour.ts"

/** Everything known of one run of one attack. */
export interface Run {
  attack: string
  side: Attack["side"]
  reading: boolean
  sight: Sight
  /** Calls of the attacker that the backend saw: in all, most at once, still open a second after the attacker left. */
  calls: number
  liveMax: number
  leftOpen: number
  /** Growth of the target's resident memory at its highest; null when its process is not known. */
  growthOctets: number | null
  /** What is left of it once the attacker has gone; null: not known, or not asked for. */
  leftOctets: number | null
  neighbour: NeighbourReport
  /** Counters that moved; null when the target has none to show. */
  counters: Record<string, number> | null
  /** The target still accepts connections. */
  alive: boolean
}

const MiB = 2 ** 20

/** Issue of trust: whatever the attack, the target may grow by no more, but for what is held by design. */
export const GROWTH_MAX_OCTETS = 8 * MiB

/** Codes that the RFC itself prescribes for a fault: none of our limits was met, so no counter has to move. */
const RFC_SAYS: ReadonlySet<string> = new Set([
  "PROTOCOL_ERROR",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "FLOW_CONTROL_ERROR",
  "COMPRESSION_ERROR",
])

/** Why a run was not held; empty when it was. The bar is the same for every target, counters aside. */
export function judge(attack: Attack, run: Run): string[] {
  const { bar, counters } = attack
  const { sight, neighbour } = run
  const ended = sight.end !== "open" && sight.end !== "pause"
  const reasons: string[] = []
  if (!run.alive) reasons.push("the target is gone")
  if (neighbour.harm !== "") reasons.push(`neighbour harmed: ${neighbour.harm}`)
  const growthMax = bar.growthMiBMax === undefined ? GROWTH_MAX_OCTETS : bar.growthMiBMax * MiB
  if (run.growthOctets !== null && run.growthOctets > growthMax)
    reasons.push(`memory grew by ${(run.growthOctets / MiB).toFixed(1)} MiB`)
  if (run.leftOctets !== null && run.leftOctets > (bar.leftMiBMax ?? Number.POSITIVE_INFINITY) * MiB)
    reasons.push(`memory kept ${(run.leftOctets / MiB).toFixed(1)} MiB`)
  if (bar.end === "must" && !ended)
    reasons.push(sight.end === "pause" ? "paused, never ended" : "never ended")
  if (bar.end === "pause" && sight.end === "open") reasons.push("never ended")
  // Who does not read cannot tell when it ended, and a target may throw away what comes after its GOAWAY.
  if (run.reading && over(sight.frames, bar.framesMax)) reasons.push(`took ${sight.frames} frames`)
  if (run.reading && over(sight.octets, bar.octetsMax))
    reasons.push(`took ${Math.round(sight.octets / 1024)} KiB`)
  if (over(run.calls, bar.callsMax)) reasons.push(`${run.calls} calls reached the backend`)
  if (over(run.liveMax, bar.liveMax)) reasons.push(`${run.liveMax} calls open at once`)
  if (run.leftOpen > 0) reasons.push(`${run.leftOpen} calls left open at the backend`)
  const moved = run.counters
  if (moved !== null && counters.length > 0 && !RFC_SAYS.has(sight.code)) {
    if (!counters.some((name) => (moved[name] ?? 0) > 0))
      reasons.push(`no counter moved (${counters.join(", ")})`)
  }
  return [...reasons, ...sight.wrong]
}

const over = (value: number, max: number | undefined): boolean => max !== undefined && value > max
