import type { ContinuityConfig, ContinuityMode } from "../../../config/model.ts"
import type { LegEnd } from "../leg-end.ts"
import { isUnsent } from "../retry-rules.ts"

/** How far a call has come, in whole messages. */
export interface Positions {
  /** Client messages that some leg has sent. */
  readonly sent: number
  /** The most client messages that a backend has said are in its state. */
  readonly received: number
  /** Client messages before the first one that can still be sent again. */
  readonly logStart: number
  /** Response messages that the client has. */
  readonly delivered: number
}

/** A call with continuity as it is when a leg ends. */
export interface ContinuityFacts {
  readonly config: ContinuityConfig
  readonly positions: Positions
  /** What the backend said by the last head. */
  readonly acceptsHandoff: boolean
  readonly acceptsResume: boolean
  /** The method has one request, which every leg is sent. */
  readonly hasOneRequest: boolean
  readonly hasSession: boolean
  /** A backend's head has come. */
  readonly isBegun: boolean
  /** The mode of the leg that ended, where its head had not come; null otherwise. */
  readonly awaiting: ContinuityMode | null
  /** The client has a part of a message. */
  readonly isMidMessage: boolean
  /** The client's first message is kept whole, as mode `restart` needs it. */
  readonly isFirstKept: boolean
  /** The last resume token that the client has all messages of; null: none yet. */
  readonly hasCursor: boolean
  /** Legs in a row that reached a backend and did not last a second. */
  readonly shortLegs: number
  /** Legs in a row that did not last, those that reached no backend too. */
  readonly tries: number
  /** How long the client has had no leg. */
  readonly gapMs: number
  readonly isBudgetLeft: boolean
  /** In [0, 1): the jitter. */
  readonly random: number
}

/** `null`: the ordinary rules decide. */
export type Continuation =
  | { readonly next: "leg"; readonly mode: ContinuityMode; readonly afterMs: number }
  | { readonly next: "answer"; readonly reason: string }
  | null

const FIRST_BACKOFF_MS = 50
const LONGEST_BACKOFF_MS = 1000
/** The share of a wait that chance decides. */
const JITTER = 0.4

/** How long after `tries` legs that did not last the next one begins. The first follows at once. */
export function backoffMs(tries: number, random: number): number {
  if (tries === 0) return 0
  const base = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (Math.min(tries, 10) - 1))
  return Math.round(base * (1 - JITTER / 2 + random * JITTER))
}

/**
 * Where the messages of a later leg begin, given how many the backend has in its state; a text says why nowhere. Never a
 * guess: silence is not 0.
 */
export function positionAfter(received: number | null, positions: Positions): number | string {
  const { sent, logStart } = positions
  if (received === null) return "the backend did not say continuity-received"
  if (received < 0) return "continuity-received cannot be read"
  if (received < positions.received)
    return `continuity-received is ${received}, and was ${positions.received} before`
  if (received > sent) return `continuity-received is ${received}, and only ${sent} messages were sent`
  if (received < logStart)
    return `continuity-received is ${received}, and only messages from ${logStart + 1} on are kept`
  return received
}

/** Why a stream that was handed off with so many messages in its state does not go on; null: it does. */
function handoffProblem(
  { hasOneRequest, positions }: ContinuityFacts,
  received: number | null,
): string | null {
  if (hasOneRequest) return positions.logStart === 0 ? null : "the request is not kept any more"
  const position = positionAfter(received, positions)
  return typeof position === "string" ? position : null
}

const answer = (reason: string): Continuation => ({ next: "answer", reason })

/** Whether a mode can go on from here after a leg that did not hand the stream off. */
function canGoOn(mode: ContinuityMode, facts: ContinuityFacts): boolean {
  const { positions, config } = facts
  // Of a message that was sent in part the beginning may be gone.
  const isRestKept = positions.logStart <= positions.sent
  switch (mode) {
    case "handoff":
      return false
    case "resume":
      return facts.acceptsResume && facts.hasSession && (!facts.hasOneRequest || positions.logStart === 0)
    case "cursor":
      return isRestKept && facts.isFirstKept && (facts.hasCursor || positions.delivered === 0)
    case "lockstep":
      return positions.delivered >= positions.logStart && positions.delivered <= positions.sent
    case "restart":
      return isRestKept && (config.restartWith !== "first" || facts.isFirstKept)
    case "replay":
      return positions.logStart === 0
  }
}

/** How the call goes on, the safest mode first as the route has them; null: not at all. */
function modeFor(facts: ContinuityFacts, end: LegEnd): ContinuityMode | null {
  const { modes } = facts.config
  // Before its head such a leg was sent no message: the same may be tried once more.
  const { awaiting } = facts
  if (awaiting === "handoff" || awaiting === "resume") return awaiting
  if (end.kind === "handed_off") return modes.includes("handoff") && facts.acceptsHandoff ? "handoff" : null
  return modes.find((mode) => canGoOn(mode, facts)) ?? null
}

const SLUICES: ReadonlySet<LegEnd["kind"]> = new Set([
  "complete",
  "cancelled",
  "deadline",
  "rejected",
  "ended",
])

/** One rule: the first one that fits decides. */
export interface ResumeRule {
  readonly name: string
  fits(facts: ContinuityFacts, end: LegEnd): boolean
  decide(facts: ContinuityFacts, end: LegEnd): Continuation
}

/** What follows the end of a leg of a call with continuity, in order. */
export const resumeRules: readonly ResumeRule[] = [
  {
    name: "the call is answered, or ended by its client or by Sluice",
    fits: (_, { kind }) => SLUICES.has(kind),
    decide: () => null,
  },
  {
    name: "no backend has seen the call: grpc_next_upstream decides",
    fits: ({ isBegun, awaiting }, end) => !isBegun && awaiting === null && isUnsent(end),
    decide: () => null,
  },
  {
    name: "an answer that is nothing but a status: grpc_next_upstream decides",
    fits: ({ isBegun }, end) => end.kind === "status" && (end.status < 400 || !isBegun),
    decide: () => null,
  },
  {
    name: "a later leg's head does not fit",
    fits: (_, { kind }) => kind === "unfit",
    decide: (_, end) => answer(end.kind === "unfit" ? end.reason : ""),
  },
  {
    name: "refused, and the route lets the call begin anew",
    fits: (facts, { kind }) =>
      kind === "refused" && facts.config.refused === "restart" && canGoOn("restart", facts),
    decide: (facts) => goOn(facts, "restart"),
  },
  {
    name: "refused",
    fits: (_, { kind }) => kind === "refused",
    decide: (_, end) => answer(`the backend refuses: ${end.kind === "refused" ? end.reason : ""}`),
  },
  {
    name: "the one request that each leg needs is no longer kept",
    fits: ({ awaiting, hasOneRequest, positions: { logStart } }) =>
      (awaiting === "handoff" || awaiting === "resume") && hasOneRequest && logStart > 0,
    decide: () => answer("its request is no longer kept"),
  },
  {
    name: "no mode goes on from here",
    fits: (facts, end) => modeFor(facts, end) === null,
    decide: () => null,
  },
  {
    name: "a handoff from nowhere",
    fits: (facts, end) => end.kind === "handed_off" && handoffProblem(facts, end.received) !== null,
    decide: (facts, end) => answer(String(end.kind === "handed_off" && handoffProblem(facts, end.received))),
  },
  {
    name: "the client has a part of a message",
    fits: ({ isMidMessage }) => isMidMessage,
    decide: () => answer("a part of a message has been given to the client"),
  },
  {
    name: "too many legs did not last",
    fits: ({ shortLegs, config }) => shortLegs >= config.legsMax,
    decide: ({ shortLegs }) => answer(`${shortLegs} legs in a row did not last a second (legsMax)`),
  },
  {
    name: "the gap is too long",
    fits: ({ gapMs, config }) => gapMs >= config.gapMaxMs,
    decide: ({ config }) => answer(`no backend took the stream over within ${config.gapMaxMs} ms (gapMax)`),
  },
  {
    name: "another leg",
    fits: () => true,
    decide: (facts, end) => goOn(facts, modeFor(facts, end)!),
  },
]

/** Tries beyond the first of a gap are retries: with the budget spent they wait as long as they may. */
function goOn({ tries, isBudgetLeft, random }: ContinuityFacts, mode: ContinuityMode): Continuation {
  const counted = tries > 0 && !isBudgetLeft ? Number.POSITIVE_INFINITY : tries
  return { next: "leg", mode, afterMs: backoffMs(counted, random) }
}

/** Whether a call with continuity goes on after a leg that ended so, and how. */
export function continuation(facts: ContinuityFacts, end: LegEnd): Continuation {
  return resumeRules.find((rule) => rule.fits(facts, end))!.decide(facts, end)
}
