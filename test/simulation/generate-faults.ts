import type { Chance } from "./chance.ts"
import type { FaultPlan, Misbehaviour, Mood, Noise, SettingsChange, Side } from "./plan.ts"

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  "garbage",
  "half a frame",
  "frame too large",
  "window overflow",
  "window update of 0",
  "data on an idle stream",
  "data past the window",
  "trailers that do not end",
  "upper-case field",
  "broken header block",
  "continuation without headers",
  "goaway raises its last stream",
]
const NOISES: readonly Noise[] = ["ping", "unknown frame", "priority", "empty data"]

/** What happens to a run's connections and peers beside its calls. */
export function makeFaults(chance: Chance, mood: Mood, clients: number, endpoints: number): FaultPlan[] {
  const count = mood === "calm" ? chance.small(0, 3) : chance.whole(1, 4)
  return chance.list(count, () => {
    const side: Side = chance.likely(0.35) ? "client" : "endpoint"
    const index = chance.whole(0, (side === "client" ? clients : endpoints) - 1)
    const atMs = chance.small(0, 2000)
    if (mood === "calm" || chance.likely(0.3)) return harmless(chance, atMs, side, index)
    if (mood === "hostile" && chance.likely(0.7))
      return { atMs, kind: "misbehaves", side, index, how: chance.of(MISBEHAVIOURS) }
    return harmful(chance, atMs, side, index)
  })
}

function harmless(chance: Chance, atMs: number, side: Side, index: number): FaultPlan {
  switch (chance.whole(0, 5)) {
    case 0:
      return {
        atMs,
        kind: "settings",
        side,
        index,
        change: makeChange(chance, side),
        forMs: chance.small(1, 1500),
      }
    case 1:
      return { atMs, kind: "stops reading", side, index, forMs: chance.small(1, 1000) }
    case 2:
      return { atMs, kind: "goes away", side, index, manner: "drain" }
    case 3:
    case 4:
      return { atMs, kind: "reload", isChanged: chance.likely(0.6) }
    default:
      return { atMs, kind: "makes noise", side, index, noise: chance.of(NOISES) }
  }
}

function harmful(chance: Chance, atMs: number, side: Side, index: number): FaultPlan {
  const forMs = chance.small(1, 8000)
  switch (chance.whole(0, 3)) {
    case 0:
      return { atMs, kind: "resets", side, index }
    case 1:
      return side === "client" ? { atMs, kind: "leaves", index } : { atMs, kind: "dies", index, forMs }
    case 2:
      return { atMs, kind: "vanishes", side, index, forMs }
    default:
      return { atMs, kind: "goes away", side, index, manner: "at once" }
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
