import { Chance } from "../chance.ts"
import type { Conditions } from "../network/pipe.ts"
import type { PeerPlan } from "../plan.ts"

/**
 * One run of streams that are to outlive their backends, as plain data made from a seed. Times are milliseconds of virtual
 * time, sizes are octets.
 */
export interface ContinuityPlan {
  readonly seed: number
  readonly conditions: Conditions
  /** Overrides of `limits.ts`. */
  readonly limits: Readonly<Record<string, number>>
  readonly mode: "handoff and resume" | "lockstep" | "off"
  readonly keepOctets: number
  readonly gapMaxMs: number
  readonly legsMax: number
  readonly asks: boolean
  readonly endpoints: readonly PeerPlan[]
  readonly client: PeerPlan
  readonly calls: readonly ContinuedCallPlan[]
  readonly faults: readonly ContinuityFault[]
  /** Every call is to be answered to its end: its faults are such as continuity makes good. */
  readonly mustHold: boolean
}

export interface ContinuedCallPlan {
  readonly id: number
  readonly atMs: number
  /** Of each message, after the one before it. */
  readonly messages: readonly { readonly afterMs: number; readonly octets: number }[]
  /** How large answers are, less what they hold in any case. */
  readonly answerOctets: number
  readonly halfCloses: boolean
  readonly cancelAfterMs: number | null
  readonly timeoutMs: number | null
}

export type ContinuityFault = { readonly atMs: number; readonly index: number } & (
  | { readonly kind: "dies" | "freezes"; readonly forMs: number }
  | { readonly kind: "hands off" | "resets" | "goes away" | "forgets" | "counts too low" }
)

const KINDS = ["dies", "dies", "freezes", "hands off", "hands off", "resets", "goes away"] as const

function makePeer(chance: Chance, windows: readonly number[]): PeerPlan {
  return {
    windowOctets: chance.of(windows),
    maxConcurrentStreams: chance.maybe(0.3, () => chance.of([10, 100])),
    headerTableOctets: chance.of([0, 4096]),
    frameOctets: chance.of([100, 1000, 16_384]),
    readDelayMs: chance.likely(0.5) ? 0 : chance.small(1, 200),
    connectionDelayMs: 0,
    ackDelayMs: 0,
    pongDelayMs: 0,
    pongsTwice: false,
    strayPong: null,
  }
}

/** A store that comes to say less than it did, and streams that go from backend to backend. */
function staleFaults(chance: Chance, endpoints: number): ContinuityFault[] {
  const index = (): number => chance.whole(0, endpoints - 1)
  const moves = chance.list(5, (): ContinuityFault => {
    return { atMs: chance.whole(200, 3000), index: index(), kind: chance.of(["hands off", "resets"]) }
  })
  return [...moves, { atMs: chance.whole(0, 2000), index: 0, kind: "counts too low" }]
}

/** The plan of a seed. */
export function makeContinuityPlan(seed: number): ContinuityPlan {
  const chance = new Chance(seed + 77_000_000)
  const endpoints = chance.whole(2, 3)
  const mustHold = chance.likely(0.6)
  const isNarrow = chance.likely(0.3)
  const windows = isNarrow ? [200, 1000] : [65_535, 65_535, 5000]
  const size = chance.of(isNarrow ? [20, 300, 1000] : [20, 300, 3000, 9000])
  /** An answer is more than is held until it is whole. */
  const isLarge = !mustHold && !isNarrow && chance.likely(0.1)
  const isStale = !mustHold && chance.likely(0.25)
  const faults = isStale
    ? staleFaults(chance, endpoints)
    : chance.list(chance.small(mustHold ? 1 : 2, 5), (): ContinuityFault => {
        const at = { atMs: chance.whole(0, 2500), index: chance.whole(0, endpoints - 1) }
        if (!mustHold && chance.likely(0.3)) return { ...at, kind: chance.of(["forgets", "counts too low"]) }
        const kind = chance.of(KINDS)
        return kind === "dies" || kind === "freezes"
          ? { ...at, kind, forMs: chance.whole(1, mustHold ? 1500 : 20_000) }
          : { ...at, kind }
      })
  return {
    seed,
    conditions: {
      delayMs: chance.of([0, 1, 20]),
      capacityOctets: size > 1000 || isLarge ? 100_000 : chance.of([2000, 100_000]),
      cutShare: chance.of([0, 0.2, 0.8]),
    },
    mode: chance.likely(0.8) ? "handoff and resume" : mustHold ? "lockstep" : chance.of(["lockstep", "off"]),
    limits: {
      streamWindowOctets: chance.of([500, 3000, 262_144]),
      // An answer is held until it is whole where it fits half of this.
      upstreamStreamWindowOctets: chance.of([2 * (size + 100), 65_536]),
    },
    keepOctets: mustHold ? 16 * 1024 * 1024 : chance.of([0, 100, 5000, 65_536]),
    gapMaxMs: mustHold ? 60_000 : chance.of([500, 3000, 10_000]),
    legsMax: mustHold ? 100 : chance.of([2, 4, 8]),
    asks: false,
    endpoints: chance.list(endpoints, () => makePeer(chance, windows)),
    // Now and then much waits for the client while legs come and go.
    client: {
      ...makePeer(chance, windows),
      ...(!isLarge && chance.likely(0.2) && { windowOctets: 500, readDelayMs: 150 }),
    },
    calls: chance.list(chance.whole(1, 4), (at) => ({
      id: at + 1,
      atMs: chance.small(0, 1000),
      messages: chance.list(chance.whole(0, 8), () => ({
        afterMs: chance.whole(0, 600),
        octets: chance.small(0, size),
      })),
      answerOctets: isLarge ? 40_000 : chance.small(0, size),
      halfCloses: chance.likely(0.8),
      cancelAfterMs: chance.maybe(0.1, () => chance.whole(0, 3000)),
      timeoutMs: chance.maybe(0.1, () => chance.whole(0, 5000)),
    })),
    faults,
    mustHold,
  }
}
