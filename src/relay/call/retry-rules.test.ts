import { expect, test } from "vitest"
import type { RetryCondition, RetryConfig } from "../../config/model.ts"
import { type FailedCall, mayRetry } from "./retry-rules.ts"

const usual: RetryConfig = { conditions: ["error", "timeout"], tries: null, timeoutMs: null }
const post: FailedCall = { method: "POST", isUnsent: false, attempts: 1, endpoints: 3, elapsedMs: 100 }
const unsent: FailedCall = { ...post, isUnsent: true }

test.for<[what: string, RetryConfig, RetryCondition, FailedCall, boolean]>([
  ["never sent", usual, "error", unsent, true],
  ["sent, and not to be repeated", usual, "error", post, false],
  ["sent, and repeatable", usual, "error", { ...post, method: "GET" }, true],
  ["methods are case-sensitive", usual, "error", { ...post, method: "get" }, false],
  [
    "sent, and it does not matter",
    { ...usual, conditions: ["error", "non_idempotent"] },
    "error",
    post,
    true,
  ],
  ["not for this cause", usual, "http_503", unsent, false],
  ["for no cause", { ...usual, conditions: [] }, "error", unsent, false],
  ["the second of two tries", { ...usual, tries: 2 }, "error", unsent, true],
  ["after two of two tries", { ...usual, tries: 2 }, "error", { ...unsent, attempts: 2 }, false],
  ["after every endpoint", usual, "error", { ...unsent, attempts: 3 }, false],
  ["more tries than endpoints", { ...usual, tries: 9 }, "error", { ...unsent, attempts: 3 }, false],
  ["in time", { ...usual, timeoutMs: 101 }, "error", unsent, true],
  ["too late", { ...usual, timeoutMs: 100 }, "error", unsent, false],
])("%s", ([, config, condition, call, expected]) => {
  expect(mayRetry(config, condition, call)).toBe(expected)
})
