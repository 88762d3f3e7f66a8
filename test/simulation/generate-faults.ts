import type { Chance } from "./chance.ts"
import { type ExactSizes, exactWindow } from "./exact-sizes.ts"
import type { FaultPlan, Misbehaviour, Mood, Noise, SettingsChange, Side } from "./plan.ts"

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  "garbage",
  "half a frame",
  "frame too large",
  "window overflow",
  "stream window overflow",
  "settings overflow windows",
  "window update of 0",
  "data on an idle stream",
  "data past the window",
  "trailers that do not end",
  "upper-case field",
  "broken header block",
  "continuation without headers",
  "goaway raises its last stream",
]
const NOISES: readonly Noise[] = [
  "ping",
  "two pings",
  "stray pong",
  "unknown frame",
  "priority",
  "empty data",
]

/** Whom a fault strikes and when. */
interface Place {
  readonly atMs: number
  readonly side: Side
  readonly index: number
}

/** What happens to a run's connections and peers beside its calls. */
export function makeFaults(
  chance: Chance,
  mood: Mood,
  peers: { readonly clients: number; readonly endpoints: number },
  exact: ExactSizes | null,
): FaultPlan[] {
  const count = mood === "calm" ? chance.small(0, 3) : chance.whole(1, 4)
  const place = (): Place => {
    const side: Side = chance.likely(0.35) ? "client" : "endpoint"
    const index = chance.whole(0, (side === "client" ? peers.clients : peers.endpoints) - 1)
    return { atMs: chance.small(0, 2000), side, index }
  }
  const faults = chance.list(count, (): FaultPlan => {
    const at = place()
    if (mood === "calm" || chance.likely(0.3)) return harmless(chance, at)
    if (mood === "hostile" && chance.likely(0.7))
      return { ...at, kind: "misbehaves", how: chance.of(MISBEHAVIOURS) }
    return harmful(chance, at)
  })
  if (exact === null) return faults
  return [...faults, ...chance.list(chance.whole(0, 3), () => narrowing(chance, place(), exact))]
}

function harmless(chance: Chance, at: Place): FaultPlan {
  switch (chance.whole(0, 5)) {
    case 0:
      return { ...at, kind: "settings", change: makeChange(chance, at.side), forMs: chance.small(1, 1500) }
    case 1:
      return { ...at, kind: "stops reading", forMs: chance.small(1, 1000) }
    case 2:
      return { ...at, kind: "goes away", manner: "drain" }
    case 3:
    case 4:
      return { atMs: at.atMs, kind: "reload", isChanged: chance.likely(0.6) }
    default:
      return { ...at, kind: "makes noise", noise: chance.of(NOISES) }
  }
}

/** While bodies are under way: what has been sent of them is more than the new window. */
function narrowing(chance: Chance, at: Place, exact: ExactSizes): FaultPlan {
  const change: SettingsChange = { setting: "window", octets: exactWindow(chance, exact) }
  return { ...at, kind: "settings", change, forMs: chance.small(1, 1500) }
}

function harmful(chance: Chance, at: Place): FaultPlan {
  const { atMs, side, index } = at
  const forMs = chance.small(1, 8000)
  switch (chance.whole(0, 3)) {
    case 0:
      return { ...at, kind: "resets" }
    case 1:
      return side === "client" ? { atMs, kind: "leaves", index } : { atMs, kind: "dies", index, forMs }
    case 2:
      return { ...at, kind: "vanishes", forMs }
    default:
      return { ...at, kind: "goes away", manner: "at once" }
  }
}

function makeChange(chance: Chance, side: Side): SettingsChange {
  switch (chance.whole(0, side === "client" ? 2 : 3)) {
    case 0:
      return { setting: "window", octets: chance.of([0, 0, 1, 100, 10_000, 1_000_000]) }
    case 1:
      return { setting: "table", octets: chance.of([0, 60, 4096, 10_000]) }
    case 2:
      return { setting: "frame", octets: chance.of([16_384, 20_000, 2 ** 24 - 1]) }
    default:
      return { setting: "streams", streams: chance.of([0, 1, 3]) }
  }
}
