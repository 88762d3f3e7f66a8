import { describe, expect, test } from "vitest"
import { StreamTimeouts } from "./stream-timeouts.ts"

/** Seconds at which something happens, and what; then when, and by which timeout, the stream is cut. */
type Story = readonly (readonly [seconds: number, what: What])[]
type What = "attached" | "says 100" | "answers" | "asks" | "asked all" | "backs up" | "client takes"

const settings = {
  readTimeoutMs: 30_000,
  sendTimeoutMs: null,
  bodyTimeoutMs: null,
  idleTimeoutMs: null,
  responseTimeoutMs: null,
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

describe("each timeout at the millisecond that decides", () => {
  const NONE = {
    readTimeoutMs: null,
    sendTimeoutMs: null,
    bodyTimeoutMs: null,
    idleTimeoutMs: null,
    responseTimeoutMs: null,
  }
  const side = (queuedOctets = 0, remoteEnded = false) => ({ queuedOctets, remoteEnded })
  const at = (nowMs: number) => ({ now: () => nowMs, wallMs: () => 0, after: () => ({ cancel: () => {} }) })

  test("none that is not set", () => {
    const watch = new StreamTimeouts(NONE, 0)
    expect([watch.dueMs, watch.check(1e12, side(1), side())]).toEqual([Number.POSITIVE_INFINITY, null])
  })

  test("client_body_timeout: until the request has ended", () => {
    const watch = new StreamTimeouts({ ...NONE, bodyTimeoutMs: 100 }, 10)
    expect(watch.dueMs).toBe(110)
    watch.fromDownstream(at(50))
    expect([watch.dueMs, watch.check(149, null, side()), watch.check(150, null, side())]).toEqual([
      150,
      null,
      "body_timeout",
    ])
    expect([watch.check(150, null, side(0, true)), watch.dueMs]).toEqual([null, Number.POSITIVE_INFINITY])
    expect(watch.message("body_timeout", "a")).toBe(
      "the client sent nothing for 100 ms (client_body_timeout)",
    )
  })

  test("a client whose messages wait for their rate is not silent", () => {
    const watch = new StreamTimeouts({ ...NONE, bodyTimeoutMs: 100, idleTimeoutMs: 100 }, 0)
    const withheld = { ...side(), isWithheld: true }
    expect([watch.check(100, null, withheld), watch.dueMs]).toEqual([null, 200])
    expect([watch.check(199, null, side()), watch.check(200, null, side())]).toEqual([null, "idle_timeout"])
  })

  test("while messages wait for their rate to the client, nobody is idle, but who owes an answer owes it", () => {
    const watch = new StreamTimeouts({ ...NONE, bodyTimeoutMs: 150, idleTimeoutMs: 100 }, 0)
    const withheld = { ...side(5), isAnswerWithheld: true }
    expect([watch.check(100, side(), withheld), watch.dueMs]).toEqual([null, 150])
    expect(watch.check(150, side(), withheld)).toBe("body_timeout")
  })

  test.each<[string, (watch: StreamTimeouts) => void]>([
    ["a request's message", (watch) => watch.fromDownstream(at(60))],
    ["a response's", (watch) => watch.fromUpstream(at(60))],
    ["an interim response", (watch) => watch.interim(at(60))],
    ["octets that the client takes", (watch) => watch.downstreamTook(at(60))],
  ])("idleTimeout: begun anew by %s", (_, act) => {
    const watch = new StreamTimeouts({ ...NONE, idleTimeoutMs: 100 }, 10)
    expect(watch.dueMs).toBe(110)
    act(watch)
    expect([watch.dueMs, watch.check(159, side(), side())]).toEqual([160, null])
    expect(watch.check(160, side(), side(0, true))).toBe("idle_timeout")
    expect(watch.message("idle_timeout", "a")).toBe("neither side sent anything for 100 ms (idleTimeout)")
  })

  test("responseTimeout: from the end of the request on, however long that took", () => {
    const watch = new StreamTimeouts({ ...NONE, responseTimeoutMs: 100 }, 10)
    expect([watch.dueMs, watch.check(110, side(), side()), watch.dueMs]).toEqual([110, null, 210])
    watch.fromDownstream(at(130))
    watch.fromUpstream(at(200))
    expect([watch.dueMs, watch.check(229, side(), side(0, true))]).toEqual([230, null])
    expect(watch.check(230, side(), side(0, true))).toBe("response_timeout")
    expect(watch.message("response_timeout", "a")).toBe(
      "the response did not end within 100 ms of the request (responseTimeout)",
    )
  })

  test("grpc_send_timeout: octets that wait, looked for twice in its time", () => {
    const watch = new StreamTimeouts({ ...NONE, sendTimeoutMs: 100 }, 10)
    expect(watch.dueMs).toBe(60)
    expect([watch.check(60, side(5), side()), watch.dueMs]).toEqual([null, 110])
    expect([watch.check(159, side(5), side()), watch.check(160, side(5), side())]).toEqual([
      null,
      "send_timeout",
    ])
    expect(watch.message("send_timeout", "a")).toBe("endpoint a took nothing for 100 ms (grpc_send_timeout)")
  })

  test.each<[string, (watch: StreamTimeouts) => void]>([
    ["that it takes", (watch) => watch.upstreamTook()],
    ["that are gone", (watch) => watch.check(100, side(0), side())],
    ["of a leg that is over", (watch) => watch.check(100, null, side())],
    ["of another leg", (watch) => watch.attached(100)],
  ])("octets %s begin the time anew", (_, act) => {
    const watch = new StreamTimeouts({ ...NONE, sendTimeoutMs: 100 }, 10)
    watch.check(60, side(5), side())
    act(watch)
    expect([watch.check(160, side(5), side()), watch.check(259, side(5), side())]).toEqual([null, null])
    expect(watch.check(260, side(5), side())).toBe("send_timeout")
  })

  test("grpc_read_timeout", () => {
    const watch = new StreamTimeouts({ ...NONE, readTimeoutMs: 100 }, 10)
    expect([watch.dueMs, watch.check(110, side(), side(0, true)), watch.dueMs]).toEqual([110, null, 210])
    watch.attached(120)
    expect([watch.check(219, side(), side(0, true)), watch.check(220, side(), side(0, true))]).toEqual([
      null,
      "read_timeout",
    ])
    expect(watch.message("read_timeout", "a")).toBe("endpoint a sent nothing for 100 ms (grpc_read_timeout)")
    watch.attached(300)
    watch.fromUpstream(at(350))
    expect(watch.check(450, side(), side())).toBe("read_timeout")
    watch.attached(500)
    expect(watch.check(600, side(), side())).toBe(null)
    expect(watch.check(700, side(0, true), side(0, true))).toBe(null)
    expect(watch.check(800, side(), side(1, true))).toBe(null)
    expect(watch.check(900, null, side(0, true))).toBe(null)
  })
})
