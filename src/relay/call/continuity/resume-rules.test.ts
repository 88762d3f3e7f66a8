import { describe, expect, test } from "vitest"
import { defaultContinuity } from "../../../config/defaults.ts"
import type { ContinuityMode } from "../../../config/model.ts"
import { failure } from "../../../record/failure.ts"
import type { LegEnd } from "../leg-end.ts"
import {
  backoffMs,
  type Continuation,
  type ContinuityFacts,
  continuation,
  positionAfter,
  resumeRules,
} from "./resume-rules.ts"

const modes = (...list: ContinuityMode[]): ContinuityFacts["config"] => ({
  ...defaultContinuity(),
  modes: list,
})

/** A call of ten client messages and eight answers, whose backend accepts both and has named a session. */
const live: ContinuityFacts = {
  config: modes("handoff", "resume"),
  positions: { sent: 10, received: 0, logStart: 4, delivered: 8 },
  acceptsHandoff: true,
  acceptsResume: true,
  hasOneRequest: false,
  hasSession: true,
  isBegun: true,
  awaiting: null,
  isMidMessage: false,
  isFirstKept: false,
  hasCursor: false,
  shortLegs: 0,
  tries: 0,
  gapMs: 0,
  isBudgetLeft: true,
  random: 0.5,
}
const having = (changes: Partial<ContinuityFacts>): ContinuityFacts => ({ ...live, ...changes })
const at = (changes: Partial<ContinuityFacts["positions"]>): ContinuityFacts =>
  having({ positions: { ...live.positions, ...changes } })
const only = (mode: ContinuityMode, changes: Partial<ContinuityFacts> = {}): ContinuityFacts =>
  having({ config: modes(mode), acceptsHandoff: false, acceptsResume: false, ...changes })

const oneRequest = (logStart: number): ContinuityFacts =>
  having({ hasOneRequest: true, positions: { sent: 1, received: 0, logStart, delivered: 8 } })

const handedOff = (received: number | null): LegEnd => ({ kind: "handed_off", received })
const lost: LegEnd = { kind: "lost", isGoodbye: false, reason: "ECONNRESET" }
const reset: LegEnd = { kind: "reset", code: 2, isAnswered: true }
const unreachable: LegEnd = { kind: "not_connected", isTimeout: false, reason: "ECONNREFUSED" }
const unprocessed: LegEnd = { kind: "unprocessed", isGoaway: true, code: 0, reason: "GOAWAY" }
const silent: LegEnd = { kind: "timeout", what: failure("read_timeout", ""), isAnswered: true }
const failed: LegEnd = { kind: "failed_status", grpcStatus: 14 }
const refused: LegEnd = { kind: "refused", reason: "no such session" }
const gateway = (status: number): LegEnd => ({ kind: "status", status, grpcStatus: -1, pushbackMs: null })
const complete: LegEnd = { kind: "complete" }

/** In a word: the mode and the wait, why not, or that the ordinary rules decide. */
function said(decision: Continuation): string {
  if (decision === null) return "as without"
  return decision.next === "leg" ? `${decision.mode} after ${decision.afterMs}` : decision.reason
}

describe("what follows the end of a leg", () => {
  test.for<[name: string, facts: ContinuityFacts, end: LegEnd, expected: string]>([
    ["handed off", live, handedOff(10), "handoff after 0"],
    ["handed off from a position that is kept", live, handedOff(4), "handoff after 0"],
    ["handed off in silence", live, handedOff(null), "the backend did not say continuity-received"],
    ["handed off unreadably", live, handedOff(-1), "continuity-received cannot be read"],
    [
      "handed off from what was never sent",
      live,
      handedOff(11),
      "continuity-received is 11, and only 10 messages were sent",
    ],
    [
      "handed off from what is not kept",
      live,
      handedOff(3),
      "continuity-received is 3, and only messages from 5 on are kept",
    ],
    [
      "handed off from before what was in the state",
      at({ received: 7 }),
      handedOff(6),
      "continuity-received is 6, and was 7 before",
    ],
    ["one request, handed off in silence", oneRequest(0), handedOff(null), "handoff after 0"],
    ["one request, handed off when it was done", oneRequest(0), handedOff(1), "handoff after 0"],
    [
      "one request that is not kept, handed off",
      oneRequest(1),
      handedOff(1),
      "the request is not kept any more",
    ],
    ["one request, lost", oneRequest(0), lost, "resume after 0"],
    ["one request that is not kept, lost", oneRequest(1), lost, "as without"],
    ["handed off unasked", having({ acceptsHandoff: false }), handedOff(10), "as without"],
    ["handed off, resume alone", having({ config: modes("resume") }), handedOff(10), "as without"],
    ["lost", live, lost, "resume after 0"],
    ["reset", live, reset, "resume after 0"],
    ["silent for too long", live, silent, "resume after 0"],
    ["lost, handoff alone", having({ config: modes("handoff") }), lost, "as without"],
    ["lost, no session", having({ hasSession: false }), lost, "as without"],
    ["lost, resume not accepted", having({ acceptsResume: false }), lost, "as without"],
    [
      "lost within a message",
      having({ isMidMessage: true }),
      lost,
      "a part of a message has been given to the client",
    ],
    ["answered", live, complete, "as without"],
    ["cancelled", live, { kind: "cancelled", code: 8 }, "as without"],
    ["not seen by any backend", having({ isBegun: false }), unreachable, "as without"],
    [
      "not taken by the next backend",
      having({ awaiting: "resume", tries: 1 }),
      unreachable,
      "resume after 50",
    ],
    [
      "refused by GOAWAY when it was to go on",
      having({ awaiting: "handoff" }),
      unprocessed,
      "handoff after 0",
    ],
    ["handed off before it began", having({ awaiting: "resume" }), handedOff(10), "resume after 0"],
    [
      "one request that is kept, not taken by the next backend",
      { ...oneRequest(0), awaiting: "resume" },
      unreachable,
      "resume after 0",
    ],
    [
      "one request that is no longer kept",
      { ...oneRequest(1), awaiting: "resume" },
      unreachable,
      "its request is no longer kept",
    ],
    ["a later leg's HTTP status", having({ awaiting: "resume" }), gateway(503), "resume after 0"],
    ["an HTTP status before any head", only("restart", { isBegun: false }), gateway(503), "as without"],
    ["an answer of nothing but a grpc-status", only("restart"), gateway(200), "as without"],
    ["refused", having({ awaiting: "resume" }), refused, "the backend refuses: no such session"],
    [
      "refused, and begun anew",
      having({ config: { ...modes("resume"), refused: "restart" }, isFirstKept: true }),
      refused,
      "restart after 0",
    ],
    ["a head that does not fit", live, { kind: "unfit", reason: "another encoding" }, "another encoding"],
    ["a short leg", having({ tries: 1, shortLegs: 1 }), lost, "resume after 50"],
    ["five short legs", having({ tries: 5, shortLegs: 5 }), lost, "resume after 800"],
    ["no budget", having({ tries: 1, shortLegs: 1, isBudgetLeft: false }), lost, "resume after 1000"],
    ["no budget, a first try", having({ isBudgetLeft: false }), lost, "resume after 0"],
    ["legsMax", having({ tries: 8, shortLegs: 8 }), lost, "8 legs in a row did not last a second (legsMax)"],
    ["gapMax", having({ gapMs: 10_000 }), lost, "no backend took the stream over within 10000 ms (gapMax)"],
    ["restart with the first message", only("restart", { isFirstKept: true }), lost, "restart after 0"],
    ["restart without it", only("restart"), lost, "as without"],
    [
      "restart with none",
      only("restart", { config: { ...modes("restart"), restartWith: "none" } }),
      failed,
      "restart after 0",
    ],
    [
      "restart, a message that was sent in part is gone",
      only("restart", { isFirstKept: true, positions: { ...live.positions, logStart: 11 } }),
      lost,
      "as without",
    ],
    ["lockstep", only("lockstep"), lost, "lockstep after 0"],
    [
      "lockstep, more answers than messages",
      only("lockstep", { positions: { ...live.positions, delivered: 11 } }),
      lost,
      "as without",
    ],
    [
      "lockstep, an unanswered message is not kept",
      only("lockstep", { positions: { ...live.positions, delivered: 3 } }),
      lost,
      "as without",
    ],
    ["replay, the first is not kept", only("replay"), lost, "as without"],
    ["replay", only("replay", { positions: { ...live.positions, logStart: 0 } }), lost, "replay after 0"],
    ["cursor without a token", only("cursor", { isFirstKept: true }), lost, "as without"],
    ["cursor", only("cursor", { isFirstKept: true, hasCursor: true }), lost, "cursor after 0"],
    ["cursor, the first is not kept", only("cursor", { hasCursor: true }), lost, "as without"],
    [
      "cursor, nothing was answered",
      only("cursor", { isFirstKept: true, positions: { ...live.positions, delivered: 0 } }),
      lost,
      "cursor after 0",
    ],
    [
      "cursor, one answer without a token",
      only("cursor", { isFirstKept: true, positions: { ...live.positions, delivered: 1 } }),
      lost,
      "as without",
    ],
    [
      "cursor, a message that was sent in part is gone",
      only("cursor", {
        isFirstKept: true,
        hasCursor: true,
        positions: { ...live.positions, logStart: 11 },
      }),
      lost,
      "as without",
    ],
    [
      "lockstep, all are answered",
      only("lockstep", { positions: { ...live.positions, delivered: 10 } }),
      lost,
      "lockstep after 0",
    ],
    ["begun, and not taken by the endpoint", only("lockstep"), unreachable, "lockstep after 0"],
    ["not begun, and lost", only("lockstep", { isBegun: false }), lost, "lockstep after 0"],
    [
      "not begun, awaiting, and not taken",
      only("lockstep", { isBegun: false, awaiting: "lockstep" }),
      unreachable,
      "lockstep after 0",
    ],
    ["an HTTP status of 400 once it has begun", only("lockstep"), gateway(400), "lockstep after 0"],
    ["one below", only("lockstep"), gateway(399), "as without"],
    ["failed, not begun", only("lockstep", { isBegun: false }), failed, "lockstep after 0"],
    [
      "refused where it may begin anew, and cannot",
      having({ config: { ...modes("resume"), refused: "restart" } }),
      refused,
      "the backend refuses: no such session",
    ],
    [
      "lost where a refusal would begin it anew",
      having({ config: { ...modes("resume"), refused: "restart" }, isFirstKept: true }),
      lost,
      "resume after 0",
    ],
    [
      "the safest mode first",
      having({ config: modes("resume", "restart"), isFirstKept: true }),
      lost,
      "resume after 0",
    ],
    [
      "the next mode where the first does not fit",
      having({ config: modes("resume", "restart"), isFirstKept: true, hasSession: false }),
      lost,
      "restart after 0",
    ],
  ])("%s", ([, facts, end, expected]) => {
    expect(said(continuation(facts, end))).toBe(expected)
  })

  test("every rule decides somewhere above, and the last fits everything", () => {
    expect(resumeRules.at(-1)!.fits(live, lost)).toBe(true)
    expect(new Set(resumeRules.map(({ name }) => name)).size).toBe(resumeRules.length)
  })
})

describe("where a later leg begins", () => {
  const positions = { sent: 10, received: 6, logStart: 4, delivered: 8 }
  test.for<[received: number | null, expected: number | RegExp]>([
    [6, 6],
    [10, 10],
    [5, /was 6 before/],
    [11, /only 10 messages were sent/],
    [null, /did not say/],
    [-1, /cannot be read/],
  ])("received %s", ([received, expected]) => {
    const position = positionAfter(received, positions)
    if (expected instanceof RegExp) expect(position).toMatch(expected)
    else expect(position).toBe(expected)
  })

  test("the message before the first that is kept is enough, one less is not", () => {
    expect(positionAfter(4, { ...positions, received: 0 })).toBe(4)
    expect(positionAfter(3, { ...positions, received: 0 })).toMatch(/from 5 on are kept/)
  })
})

test.for<[tries: number, least: number, most: number]>([
  [0, 0, 0],
  [1, 40, 60],
  [2, 80, 120],
  [5, 640, 960],
  [6, 800, 1200],
  [Number.POSITIVE_INFINITY, 800, 1200],
])("after %s tries it waits from %d to %d ms", ([tries, least, most]) => {
  expect(backoffMs(tries, 0)).toBe(least)
  expect(backoffMs(tries, 1)).toBe(most)
})
