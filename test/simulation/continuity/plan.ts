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
  readonly mode: "handoff and resume" | "lockstep" | "cursor" | "replay" | "off"
  readonly keepOctets: number
  readonly overflow: "commit" | "slow"
  readonly holdOctets: number
  readonly gapMaxMs: number
  readonly legsMax: number
  /** Then a stream moves; null: none does for its age. */
  readonly maxStreamAgeMs: number | null
  readonly ask: "none" | "half-close" | "call"
  readonly endpoints: readonly PeerPlan[]
  readonly client: PeerPlan
  /** How fast each side of a call may send; null: as it likes. */
  readonly rates: Readonly<Record<"client" | "backend", RatePlan | null>>
  /** Calls come by the page of an error: that of a route whose endpoint refuses connections, or loses those it has. */
  readonly page: "none" | "refused" | "lost"
  readonly calls: readonly ContinuedCallPlan[]
  readonly faults: readonly ContinuityFault[]
  /** Every call is to be answered to its end: its faults are such as continuity makes good. */
  readonly mustHold: boolean
}

/** Messages a second, and how many may come at once beyond that. */
export interface RatePlan {
  readonly rate: number
  readonly burst: number
}

export interface ContinuedCallPlan {
  readonly id: number
  readonly atMs: number
  /** Of each message, after the one before it. */
  readonly messages: readonly { readonly afterMs: number; readonly octets: number }[]
  /** How large answers are, less what they hold in any case. */
  readonly answerOctets: number
  readonly halfCloses: boolean
  /** Its API has resume tokens, one in so many answers; null: it has none. */
  readonly tokenEvery: number | null
  readonly cancelAfterMs: number | null
  readonly timeoutMs: number | null
}

export type ContinuityFault = { readonly atMs: number; readonly index: number } & (
  | { readonly kind: "dies" | "freezes" | "is drained"; readonly forMs: number }
  | {
      readonly kind:
        | "hands off"
        | "resets"
        | "goes away"
        | "forgets"
        | "counts too low"
        | "answers otherwise"
        | "answers no more"
    }
)

/** Octets that a percent of the least `bufferedOctetsMax` comes to. */
const PERCENT_OCTETS = 10_486

const KINDS = [
  ...(["dies", "dies", "freezes", "hands off", "hands off", "resets", "goes away", "is drained"] as const),
] as const

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

const MENDING = ["lockstep", "cursor", "cursor", "replay", "replay"] as const

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
  const one = chance.of(mustHold ? MENDING : [...MENDING, "off" as const])
  const mode = chance.likely(0.65) ? "handoff and resume" : one
  const isSlow =
    mode === "lockstep" ? chance.likely(0.7) : mode === "handoff and resume" && chance.likely(0.3)
  const isStale = !mustHold && mode === "handoff and resume" && chance.likely(0.4)
  // Of servers that remember nothing the same requests may have other answers elsewhere.
  const wrongs =
    mode === "replay"
      ? (["answers otherwise", "answers no more"] as const)
      : (["forgets", "counts too low"] as const)
  const faults = isStale
    ? staleFaults(chance, endpoints)
    : chance.list(chance.small(mustHold ? 1 : 2, 5), (): ContinuityFault => {
        const at = { atMs: chance.whole(0, 2500), index: chance.whole(0, endpoints - 1) }
        const isWrong = !mustHold && chance.likely(0.3)
        if (isWrong) return { ...at, kind: chance.of(wrongs) }
        const kind = chance.of(KINDS)
        return kind === "dies" || kind === "freezes" || kind === "is drained"
          ? { ...at, kind, forMs: chance.whole(1, mustHold ? 1500 : 20_000) }
          : { ...at, kind }
      })
  const plan: ContinuityPlan = {
    seed,
    conditions: {
      delayMs: chance.of([0, 1, 20]),
      capacityOctets: size > 1000 || isLarge ? 100_000 : chance.of([2000, 100_000]),
      cutShare: chance.of([0, 0.2, 0.8]),
    },
    mode,
    overflow: isSlow ? "slow" : "commit",
    holdOctets: mustHold ? 32_768 : chance.of([0, 100, 32_768]),
    limits: {
      streamWindowOctets: isSlow ? chance.of([60, 300]) : chance.of([500, 3000, 262_144]),
      // An answer is held until it is whole where it fits half of this.
      upstreamStreamWindowOctets:
        mode === "cursor" && mustHold ? 65_536 : chance.of([2 * (size + 100), 65_536]),
    },
    keepOctets: isSlow ? size + 100 : mustHold ? 16 * 1024 * 1024 : chance.of([0, 100, 5000, 65_536]),
    gapMaxMs: mustHold ? 60_000 : chance.of([500, 3000, 10_000]),
    legsMax: mustHold ? 100 : chance.of([2, 4, 8]),
    maxStreamAgeMs: chance.maybe(0.15, () => chance.whole(300, 3000)),
    ask: chance.of(["none", "half-close", "call"]),
    endpoints: chance.list(endpoints, () => makePeer(chance, windows)),
    // Now and then much waits for the client while legs come and go.
    client: {
      ...makePeer(chance, windows),
      ...(!isLarge && chance.likely(0.5) && { windowOctets: 500, readDelayMs: 150 }),
    },
    rates: { client: null, backend: null },
    page: "none",
    calls: chance.list(chance.whole(1, 4), (at) => ({
      id: at + 1,
      atMs: chance.small(0, 1000),
      messages: chance.list(chance.whole(0, 8), () => ({
        afterMs: chance.whole(0, isSlow ? 30 : 600),
        octets: chance.small(0, size),
      })),
      answerOctets: isLarge ? 40_000 : chance.small(0, size),
      halfCloses: chance.likely(0.8),
      tokenEvery: mode === "cursor" ? chance.of([1, 2, 3]) : null,
      cancelAfterMs: chance.maybe(0.1, () => chance.whole(0, 3000)),
      timeoutMs: chance.maybe(0.1, () => chance.whole(0, 5000)),
    })),
    faults,
    mustHold,
  }
  return beside(seed, !isSlow && !isLarge && chance.likely(0.25) ? dense(chance, plan) : plan)
}

/** The same with what a route may have beside continuity: rates of messages, and pages of errors that lead to it. */
function beside(seed: number, plan: ContinuityPlan): ContinuityPlan {
  const chance = new Chance(seed + 78_000_000)
  const rate = (): RatePlan | null =>
    chance.maybe(0.6, () => ({ rate: chance.of([3, 10, 100]), burst: chance.of([0, 1, 4]) }))
  const rates = chance.likely(0.2) ? { client: rate(), backend: rate() } : plan.rates
  return { ...plan, rates, page: chance.likely(0.2) ? chance.of(["refused", "lost", "lost"]) : "none" }
}

/**
 * The same with messages that come close behind one another, also while no leg is open, in logs that keep few of them; and
 * with many calls at once in memory that gets short, where what is kept goes. A call need not go on then.
 */
function dense(chance: Chance, plan: ContinuityPlan): ContinuityPlan {
  const size = Math.max(...plan.calls.flatMap(({ messages }) => messages.map(({ octets }) => octets)), 10)
  const isShort = chance.likely(0.5)
  const calls = chance.list(chance.whole(2, 8), (at): ContinuedCallPlan => {
    const call = plan.calls[at] ?? chance.of(plan.calls)
    return {
      ...call,
      id: at + 1,
      atMs: chance.of([0, 0, 5, call.atMs]),
      messages: chance.list(chance.whole(4, 16), () => ({
        afterMs: chance.of([0, 0, 0, 1, 200]),
        octets: chance.small(0, size),
      })),
    }
  })
  const octets = calls.flatMap(({ messages }) => messages).reduce((sum, message) => sum + message.octets, 0)
  const percent = Math.max(1, Math.round((octets * chance.of([0.1, 0.3, 0.6])) / PERCENT_OCTETS))
  return {
    ...plan,
    ...(isShort && {
      limits: { ...plan.limits, bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: percent },
    }),
    // Streams wait for the places of those that end.
    endpoints: plan.endpoints.map((peer) => ({
      ...peer,
      maxConcurrentStreams: chance.maybe(0.4, () => chance.of([1, 2])),
    })),
    keepOctets: chance.of([0, 100, 500, size + 100, 65_536]),
    faults: plan.faults.map((fault) => ({ ...fault, atMs: chance.of([fault.atMs, chance.whole(1, 300)]) })),
    calls,
    mustHold: false,
  }
}
