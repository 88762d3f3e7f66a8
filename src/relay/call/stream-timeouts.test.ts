import { describe, expect, test } from "vitest"
import { StreamTimeouts } from "./stream-timeouts.ts"

/** Seconds at which something happens, and what; then when, and by which timeout, the stream is cut. */
type Story = readonly (readonly [seconds: number, what: What])[]
type What = "attached" | "says 100" | "answers" | "asks" | "asked all" | "backs up" | "client takes"

const settings = {
  readTimeoutMs: 30_000,
  sendTimeoutMs: null,
  bodyTimeoutMs: null,
}

/** Lives a story as an call does, which looks whenever the watch says so. */
function cutAt(story: Story, untilSeconds: number): string {
  let nowMs = 0
  const clock = { now: () => nowMs, wallMs: () => 0, after: () => ({ cancel: () => {} }) }
  const upstream = { queuedOctets: 0, remoteEnded: false }
  const downstream = { queuedOctets: 0, remoteEnded: false }
  const watch = new StreamTimeouts(settings, nowMs)
  const happen: Record<What, () => void> = {
    attached: () => watch.attached(nowMs),
    "says 100": () => watch.interim(clock),
    answers: () => watch.fromUpstream(clock),
    asks: () => watch.fromDownstream(clock),
    "asked all": () => {
      downstream.remoteEnded = true
      watch.fromDownstream(clock)
    },
    "backs up": () => {
      watch.fromUpstream(clock)
      downstream.queuedOctets = 1000
    },
    "client takes": () => {
      downstream.queuedOctets = 0
      watch.downstreamTook(clock)
    },
  }
  const left = story.map(([seconds, what]) => ({ ms: seconds * 1000, what }))
  for (; nowMs <= untilSeconds * 1000; nowMs += 500) {
    while (left[0] !== undefined && left[0].ms <= nowMs) happen[left.shift()!.what]()
    if (watch.dueMs > nowMs) continue
    const silence = watch.check(nowMs, upstream, downstream)
    if (silence !== null) return `${silence} at ${nowMs / 1000} s`
  }
  return "lives"
}

describe("grpc_read_timeout of 30 s: the endpoint's silence, and nobody else's", () => {
  test.each<[string, Story, string]>([
    ["no connection yet", [[0, "asked all"]], "lives"],
    [
      "asked all, and no answer",
      [
        [0, "attached"],
        [5, "asked all"],
      ],
      "read_timeout at 35 s",
    ],
    [
      "an answer that stops",
      [
        [0, "attached"],
        [0, "asked all"],
        [20, "answers"],
      ],
      "read_timeout at 50 s",
    ],
    [
      "an answer that stops while the client may still ask",
      [
        [0, "attached"],
        [20, "answers"],
      ],
      "read_timeout at 50 s",
    ],
    [
      "questions do not help one that has begun to answer",
      [
        [0, "attached"],
        [5, "answers"],
        [20, "asks"],
      ],
      "read_timeout at 35 s",
    ],
    [
      "an upload need not be answered before its end",
      [
        [0, "attached"],
        [25, "asks"],
        [50, "asks"],
        [75, "asks"],
      ],
      "lives",
    ],
    [
      "also after 100 (Continue)",
      [
        [0, "attached"],
        [1, "says 100"],
        [25, "asks"],
        [50, "asks"],
        [75, "asks"],
      ],
      "lives",
    ],
    [
      "100 (Continue) is a sign of life",
      [
        [0, "attached"],
        [0, "asked all"],
        [20, "says 100"],
      ],
      "read_timeout at 50 s",
    ],
    [
      "but after",
      [
        [0, "attached"],
        [25, "asks"],
        [50, "asks"],
        [59, "asked all"],
      ],
      "read_timeout at 89 s",
    ],
    [
      "a client that does not read",
      [
        [0, "attached"],
        [0, "asked all"],
        [10, "backs up"],
      ],
      "lives",
    ],
    [
      "and then does",
      [
        [0, "attached"],
        [0, "asked all"],
        [10, "backs up"],
        [75, "client takes"],
      ],
      "read_timeout at 105 s",
    ],
    [
      "a second attempt",
      [
        [0, "attached"],
        [0, "asked all"],
        [20, "answers"],
        [29, "attached"],
      ],
      "read_timeout at 59 s",
    ],
  ])("%s", (_what, story, expected) => {
    expect(cutAt(story, 200)).toBe(expected)
  })
})
