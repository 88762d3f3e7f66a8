import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { defaultListener } from "../../config/defaults.ts"
import type { ListenerConfig } from "../../config/model.ts"
import {
  headerTimeoutMsOf,
  idleTimeoutMsOf,
  isLastRequest,
  maxConcurrentStreamsOf,
} from "./listener-limits.ts"

const listener = (changes: Partial<ListenerConfig>): ListenerConfig => ({
  ...defaultListener({ text: "a:1", host: "a", port: 1, unixPath: null }),
  ...changes,
})
const limits = { ...defaultLimits, streamsMax: 77, headerBlockTimeoutMs: 88 }

describe("what a listener says itself goes before the limit, unless it says the default", () => {
  test.each([
    [null, 77],
    [defaultLimits.streamsMax, 77],
    [defaultLimits.streamsMax + 1, defaultLimits.streamsMax + 1],
    [5, 5],
  ])("streams: %s: %i", (maxConcurrentStreams, expected) => {
    expect(maxConcurrentStreamsOf(listener({ maxConcurrentStreams }), limits)).toBe(expected)
  })

  test.each([
    [null, Number.POSITIVE_INFINITY],
    [defaultLimits.headerBlockTimeoutMs, 88],
    [5, 5],
  ])("milliseconds for a header block: %s: %d", (headerTimeoutMs, expected) => {
    expect(headerTimeoutMsOf(listener({ headerTimeoutMs }), limits)).toBe(expected)
  })
})

test.each([
  ["no limit", { maxRequestsPerConnection: null, idleConnectionTimeoutMs: 5 }, 1e6, false],
  ["one less", { maxRequestsPerConnection: 3, idleConnectionTimeoutMs: 5 }, 2, false],
  ["as many", { maxRequestsPerConnection: 3, idleConnectionTimeoutMs: 5 }, 3, true],
  ["more", { maxRequestsPerConnection: 3, idleConnectionTimeoutMs: 5 }, 4, true],
  ["keepalive_timeout 0", { maxRequestsPerConnection: null, idleConnectionTimeoutMs: 0 }, 1, true],
  ["no keepalive_timeout", { maxRequestsPerConnection: null, idleConnectionTimeoutMs: null }, 1, false],
])("the last request of a connection, %s", (_, changes, requests, is) => {
  expect(isLastRequest(listener(changes), requests)).toBe(is)
})

test.each([
  ["before its first request: the longer of both", 10, 500, 0, 500],
  ["before its first request: the longer of both", 900, 500, 0, 900],
  ["after it: what the listener says", 10, 500, 1, 10],
  ["no timeout", null, 500, 0, Number.POSITIVE_INFINITY],
  ["no timeout", null, 500, 1, Number.POSITIVE_INFINITY],
])(
  "how long a connection may be idle, %s",
  (_, idleConnectionTimeoutMs, headerTimeoutMs, requests, expected) => {
    expect(idleTimeoutMsOf(listener({ idleConnectionTimeoutMs, headerTimeoutMs }), limits, requests)).toBe(
      expected,
    )
  },
)
