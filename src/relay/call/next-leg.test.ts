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
  leftMs: Number.POSITIVE_INFINITY,
  pushbackMaxMs: 30_000,
  backoffMs: 0,
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
const unavailable: LegEnd = { kind: "status", status: 503, grpcStatus: -1, pushbackMs: null }
const pushedBack = (pushbackMs: number): LegEnd => ({ ...unavailable, pushbackMs })
const grpcUnavailable: LegEnd = { kind: "status", status: 200, grpcStatus: 14, pushbackMs: null }
const silent: LegEnd = { kind: "timeout", what: failure("read_timeout", "nothing came"), isAnswered: false }

/** In a word what was decided. */
function said(decision: Decision): string {
  if (decision.next !== "leg") return decision.next + (decision.limit === null ? "" : `, ${decision.limit}`)
  return [
    decision.mayRepeatEndpoint ? "any endpoint" : "another endpoint",
    ...(decision.takesBudget ? ["from the budget"] : []),
    ...(decision.afterMs > 0 ? [`after ${decision.afterMs} ms`] : []),
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
    ["another status", retrying("http_503"), { ...unavailable, status: 500 }, "wait"],
    ["a status at the last endpoint", { ...retrying("http_503"), legs: 3 }, unavailable, "wait"],
    ["refused, and no budget", { ...post, isBudgetLeft: false }, refused, "answer, retry_budget_exhausted"],
    [
      "a status, and no budget: the backend's own answer",
      { ...retrying("http_503"), isBudgetLeft: false },
      unavailable,
      "wait, retry_budget_exhausted",
    ],
    ["no budget, and it would not have gone elsewhere", { ...post, isBudgetLeft: false }, lost, "answer"],
    [
      "a second retry backs off",
      { ...retrying("http_503"), legs: 2, backoffMs: 25 },
      unavailable,
      `${elsewhere}, after 25 ms`,
    ],
    [
      "refused: it has cost nothing, so nothing is waited for",
      { ...post, legs: 2, backoffMs: 25 },
      refused,
      elsewhere,
    ],
    ["the backend asks for time", retrying("http_503"), pushedBack(400), `${elsewhere}, after 400 ms`],
    [
      "the backend asks for none",
      { ...retrying("http_503"), legs: 2, backoffMs: 25 },
      pushedBack(0),
      elsewhere,
    ],
    ["the backend asks for no retry", retrying("http_503"), pushedBack(-1), "wait, retry_pushback_refused"],
    [
      "the backend asks for more than the bound",
      retrying("http_503"),
      pushedBack(30_001),
      "wait, retry_pushback_refused",
    ],
    [
      "the backend asks for more than the deadline leaves",
      { ...retrying("http_503"), leftMs: 400 },
      pushedBack(400),
      "wait, retry_pushback_refused",
    ],
    ["a status that is not tried elsewhere, whatever the backend asks", get, pushedBack(0), "wait"],
    [
      "a POST that its backend asks for again",
      { ...retrying("http_503"), method: "POST" },
      pushedBack(0),
      elsewhere,
    ],
    ["grpc-status that is passed on", get, grpcUnavailable, "wait"],
    [
      "grpc-status that is tried elsewhere, and it may be sent twice",
      retrying("grpc_unavailable"),
      grpcUnavailable,
      elsewhere,
    ],
    ["another grpc-status", retrying("grpc_unavailable"), { ...grpcUnavailable, grpcStatus: 13 }, "wait"],
    ["grpc-status of a POST", { ...retrying("grpc_unavailable"), method: "POST" }, grpcUnavailable, "wait"],
    [
      "grpc-status of a POST, and it does not matter",
      { ...retrying("grpc_unavailable", "non_idempotent"), method: "POST" },
      grpcUnavailable,
      elsewhere,
    ],
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
      "any endpoint, from the budget, after 50 ms",
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
    const ends = [refused, goaway, unreachable, lost, unavailable, pushedBack(-1)]
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
