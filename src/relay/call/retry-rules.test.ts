import { expect, test } from "vitest"
import type { RetryConfig } from "../../config/model.ts"
import type { LegEnd } from "./leg-end.ts"
import { isUnsent, mayRetry, type RetriedCall } from "./retry-rules.ts"

const usual: RetryConfig = { conditions: ["error", "timeout"], tries: null, timeoutMs: null }
const always: RetryConfig = { ...usual, conditions: ["error", "non_idempotent"] }
const post: RetriedCall = { method: "POST", legs: 1, endpoints: 3, elapsedMs: 100 }
const get: RetriedCall = { ...post, method: "GET" }
const lost: LegEnd = { kind: "lost", isGoodbye: false, reason: "gone" }
const refused: LegEnd = { kind: "unprocessed", isGoaway: false, code: 7, reason: "RST_STREAM" }
const unavailable: LegEnd = { kind: "status", status: 503, grpcStatus: -1, pushbackMs: null }

test.for<[what: string, RetryConfig, LegEnd, RetriedCall, boolean]>([
  ["never sent", usual, refused, post, true],
  ["sent, and not to be repeated", usual, lost, post, false],
  ["sent, and repeatable", usual, lost, get, true],
  ["methods are case-sensitive", usual, lost, { ...post, method: "get" }, false],
  ["sent, and it does not matter", always, lost, post, true],
  ["not for this cause", usual, unavailable, get, false],
  ["for this one", { ...usual, conditions: ["http_503"] }, unavailable, get, true],
  ["for no cause", { ...usual, conditions: [] }, refused, post, false],
  ["the second of two tries", { ...usual, tries: 2 }, refused, post, true],
  ["after two of two tries", { ...usual, tries: 2 }, refused, { ...post, legs: 2 }, false],
  ["after every endpoint", usual, refused, { ...post, legs: 3 }, false],
  ["more tries than endpoints", { ...usual, tries: 9 }, refused, { ...post, legs: 3 }, false],
  ["in time", { ...usual, timeoutMs: 101 }, refused, post, true],
  ["too late", { ...usual, timeoutMs: 100 }, refused, post, false],
])("%s", ([, config, end, call, expected]) => {
  expect(mayRetry(config, call, end)).toBe(expected)
})

test.for<[pushbackMs: number | null, boolean]>([
  [null, false],
  [-1, false],
  [0, true],
  [100, true],
])("a status that asks for another try after %s ms", ([pushbackMs, expected]) => {
  expect(isUnsent({ kind: "status", status: 200, grpcStatus: 14, pushbackMs })).toBe(expected)
})
