import { describe, expect, test } from "vitest"
import { failure } from "../../record/failure.ts"
import type { LegEnd } from "./leg-end.ts"
import { type CallFacts, type Decision, nextLeg, nextLegRules } from "./next-leg.ts"

/** A POST that nothing has been answered to, at the first of three endpoints. */
const post: CallFacts = {
  retry: { conditions: ["error", "timeout"], tries: null, timeoutMs: null },
  method: "POST",
  legs: 1,
  endpoints: 3,
  elapsedMs: 5,
  isHeadSent: false,
  isReplayable: true,
  hasRepeatedEndpoint: false,
  isBudgetLeft: true,
  continuation: null,
}
const get: CallFacts = { ...post, method: "GET" }
const retrying = (...conditions: CallFacts["retry"]["conditions"]): CallFacts => {
  return { ...get, retry: { ...get.retry, conditions } }
}

const refused: LegEnd = { kind: "unprocessed", isGoaway: false, code: 7, reason: "RST_STREAM" }
const goaway: LegEnd = { kind: "unprocessed", isGoaway: true, code: 7, reason: "GOAWAY(1)" }
const unreachable: LegEnd = { kind: "not_connected", isTimeout: false, reason: "ECONNREFUSED" }
const unreachableInTime: LegEnd = { kind: "not_connected", isTimeout: true, reason: "no connection" }
const lost: LegEnd = { kind: "lost", isGoodbye: false, reason: "ECONNRESET" }
const malformed: LegEnd = { kind: "malformed", isAnswered: false, isOverrun: false, reason: "no :status" }
const reset: LegEnd = { kind: "reset", code: 2, isAnswered: false }
const unavailable: LegEnd = { kind: "status", status: 503 }
const silent: LegEnd = { kind: "timeout", what: failure("read_timeout", "nothing came"), isAnswered: false }

/** In a word what was decided. */
function said(decision: Decision): string {
  if (decision.next !== "leg") return decision.next + (decision.isBudgetSpent ? ", the budget is spent" : "")
  return [
    decision.mayRepeatEndpoint ? "any endpoint" : "another endpoint",
    ...(decision.takesBudget ? ["from the budget"] : []),
  ].join(", ")
}

const elsewhere = "another endpoint, from the budget"

describe("what follows the end of a leg", () => {
  test.for<[what: string, CallFacts, LegEnd, expected: string]>([
    ["refused: no backend has seen it, whatever the method", post, refused, elsewhere],
    ["no connection: another one, which costs no budget", post, unreachable, "another endpoint"],
    ["no connection, and no budget", { ...post, isBudgetLeft: false }, unreachable, "another endpoint"],
    ["no connection in time", post, unreachableInTime, "another endpoint"],
    ["GOAWAY: the endpoint is not at fault", post, goaway, "any endpoint, from the budget"],
    ["GOAWAY at the only endpoint", { ...post, endpoints: 1 }, goaway, "any endpoint, from the budget"],
    ["GOAWAY again", { ...post, hasRepeatedEndpoint: true }, goaway, elsewhere],
    [
      "GOAWAY again, at the only endpoint",
      { ...post, endpoints: 1, hasRepeatedEndpoint: true },
      goaway,
      "answer",
    ],
    ["GOAWAY does not raise grpc_next_upstream_tries", { ...post, legs: 3 }, refused, "answer"],
    ["refused at the only endpoint", { ...post, endpoints: 1 }, refused, "answer"],
    ["lost: a backend may have seen it", post, lost, "answer"],
    ["lost, and it may be sent twice", get, lost, elsewhere],
    ["lost after the head", { ...get, isHeadSent: true }, lost, "answer"],
    ["lost, and the request is not kept", { ...get, isReplayable: false }, lost, "answer"],
    ["malformed is no error", get, malformed, "answer"],
    ["malformed, and invalid_header is configured", retrying("invalid_header"), malformed, elsewhere],
    ["reset before its head is no error either", get, reset, "answer"],
    ["reset, and invalid_header is configured", retrying("invalid_header"), reset, elsewhere],
    ["reset after the head", { ...retrying("invalid_header"), isHeadSent: true }, reset, "answer"],
    ["silent", get, silent, elsewhere],
    ["silent, and timeout is not configured", retrying("error"), silent, "answer"],
    ["a status that is passed on", get, unavailable, "wait"],
    ["a status that is tried elsewhere", retrying("http_503"), unavailable, elsewhere],
    ["another status", retrying("http_503"), { kind: "status", status: 500 }, "wait"],
    ["a status at the last endpoint", { ...retrying("http_503"), legs: 3 }, unavailable, "wait"],
    ["refused, and no budget", { ...post, isBudgetLeft: false }, refused, "answer, the budget is spent"],
    [
      "a status, and no budget: the backend's own answer",
      { ...retrying("http_503"), isBudgetLeft: false },
      unavailable,
      "wait, the budget is spent",
    ],
    ["no budget, and it would not have gone elsewhere", { ...post, isBudgetLeft: false }, lost, "answer"],
    ["a slot that did not become free", get, { kind: "no_slot", reason: "pickQueueMax" }, "answer"],
    ["a client that gave up", get, { kind: "cancelled", code: 8 }, "answer"],
    ["its own deadline", get, { kind: "deadline", what: failure("deadline", "passed") }, "answer"],
    ["a request that cannot be passed on", get, { kind: "rejected", isCharged: false }, "answer"],
    ["Sluice shuts down", get, { kind: "ended" }, "answer"],
    ["a whole answer", get, { kind: "complete" }, "answer"],
    [
      "continuity goes on, head or not",
      { ...post, isHeadSent: true, continuation: { next: "leg", mode: "resume", afterMs: 50 } },
      lost,
      "any endpoint, from the budget",
    ],
    [
      "the first try of a gap costs no budget",
      { ...post, continuation: { next: "leg", mode: "resume", afterMs: 0 } },
      lost,
      "any endpoint",
    ],
    ["continuity cannot", { ...get, continuation: { next: "answer", reason: "gone" } }, lost, "answer"],
    ["too late", { ...get, retry: { ...get.retry, timeoutMs: 5 } }, refused, "answer"],
  ])("%s", ([, facts, end, expected]) => {
    expect(said(nextLeg(facts, end))).toBe(expected)
  })

  test("every rule decides something, and one of them always does", () => {
    const ends = [refused, goaway, unreachable, lost, unavailable]
    const calls = [post, get, retrying("http_503")].flatMap((facts) => [
      facts,
      { ...facts, isHeadSent: true },
      { ...facts, isReplayable: false },
      { ...facts, isBudgetLeft: false },
      { ...facts, hasRepeatedEndpoint: true },
      { ...facts, continuation: { next: "answer" as const, reason: "" } },
    ])
    const deciding = calls.flatMap((facts) =>
      ends.map((end) => nextLegRules.find((rule) => rule.fits(facts, end))?.name),
    )
    expect(new Set(deciding)).toEqual(new Set(nextLegRules.map(({ name }) => name)))
  })
})
