import { describe, expect, test } from "vitest"
import { defaultLimits, type Limits } from "../base/limits.ts"
import { ErrorCode, type Fault } from "./error-code.ts"
import { Guard } from "./guard.ts"

/** The last that is allowed, and the first that is not: by the limits' own numbers, on a clock that begins anywhere. */

const START_MS = 50_000
const guard = (limits: Partial<Limits> = {}): Guard => new Guard({ ...defaultLimits, ...limits }, START_MS)
const limitOf = (fault: Fault | null): string | null => (fault === null ? null : fault.limit)

test("each is ENHANCE_YOUR_CALM, and names what there was too much of", () => {
  const made = guard({ abuseBurst: 0, settingsEntriesMax: 0 })
  expect(made.charge(START_MS, "apples")).toEqual({
    code: ErrorCode.ENHANCE_YOUR_CALM,
    reason: "too many of: apples",
    limit: "abuse_exhausted",
  })
  expect(made.settings(1)).toMatchObject({
    code: ErrorCode.ENHANCE_YOUR_CALM,
    limit: "settings_entries_exceeded",
  })
})

describe("charges", () => {
  const limits = { abuseBurst: 2, abusePerSecond: 2 }
  test.each([
    ["a burst", [0, 0, 0], [true, true, false]],
    ["one more after half a second", [0, 0, 500], [true, true, true]],
    ["not one millisecond before", [0, 0, 499], [true, true, false]],
    ["two more after a second", [0, 0, 1000, 1000, 1000], [true, true, true, true, false]],
    ["no more than a burst after a year", [0, 0, 1e10, 1e10, 1e10], [true, true, true, true, false]],
    ["what has come back once does not come twice", [0, 0, 500, 500], [true, true, true, false]],
    ["a burst is whole at the start", [1e6, 1e6, 1e6], [true, true, false]],
  ])("%s", (_, at, allowed) => {
    const made = guard(limits)
    expect(at.map((ms) => made.charge(START_MS + ms, "test") === null)).toEqual(allowed)
  })
})

describe("empty frames in a row", () => {
  const empty = [0, false] as const
  test.each([
    ["as many as are allowed", [empty, empty], [null, null]],
    ["one more", [empty, empty, empty], [null, null, "empty_frames_flood"]],
    [
      "one with an octet begins anew",
      [empty, empty, [1, false], empty, empty],
      [null, null, null, null, null],
    ],
    [
      "one that ends a stream begins anew",
      [empty, empty, [0, true], empty, empty],
      [null, null, null, null, null],
    ],
    ["and no more than anew", [[5, false], empty, empty, empty], [null, null, null, "empty_frames_flood"]],
  ] as const)("%s", (_, frames, expected) => {
    const made = guard({ emptyFramesMax: 2 })
    expect(frames.map(([octets, ends]) => limitOf(made.received(octets, ends)))).toEqual(expected)
  })
})

describe("overhead, in octets", () => {
  const limits = { overheadOctetsMax: 100, overheadPerPayloadOctets: 2 }
  type Prepare = (guard: Guard) => void
  const none: Prepare = () => {}
  const both: Prepare = (made) => {
    made.received(16, false)
    made.sentData(16)
  }
  const twoStreams: Prepare = (made) => {
    made.streamOpened()
    made.streamOpened()
  }
  test.each<[string, Prepare, number, number]>([
    ["by itself", none, 0, 100],
    ["with 7 octets of payload that came", (made) => void made.received(7, false), 0, 114],
    ["with 8", (made) => void made.received(8, false), 0, 116],
    ["with 8 that came in a longer block", (made) => made.continued(8), 0, 116],
    ["with 80 that were sent", (made) => made.sentData(80), 0, 260],
    ["with 16 each way", both, 0, 164],
    ["with a stream", (made) => made.streamOpened(), 0, 113],
    ["with two", twoStreams, 0, 126],
    ["after a second", none, 1000, 100 + 1024],
    ["after half of one", none, 500, 100 + 512],
    ["after an hour", none, 3_600_000, 100 + 3600 * 1024],
  ])("%s", (_, prepare, afterMs, most) => {
    for (const [octets, expected] of [
      [most, null],
      [most + 1, "overhead_flood"],
    ] as const) {
      const made = guard(limits)
      prepare(made)
      expect(limitOf(made.overhead(octets, START_MS + afterMs))).toBe(expected)
    }
  })

  test("adds up", () => {
    const made = guard(limits)
    expect([60, 40, 1].map((octets) => limitOf(made.overhead(octets, START_MS)))).toEqual([
      null,
      null,
      "overhead_flood",
    ])
  })
})

/** How many calls in a row are allowed. */
function mostOf(call: () => Fault | null): number {
  for (let many = 0; many < 10_000; many++) if (call() !== null) return many
  return Number.POSITIVE_INFINITY
}

test.each([
  [0, 3],
  [1, 6],
  [4, 15],
])("PRIORITY frames, with %i streams opened: %i", (streams, most) => {
  const made = guard({ priorityFramesPerStreamMax: 3 })
  for (let i = 0; i < streams; i++) made.streamOpened()
  expect(mostOf(() => made.priority())).toBe(most)
  expect(limitOf(made.priority())).toBe("priority_flood")
})

describe("WINDOW_UPDATE frames: one, and two for each stream and each piece of DATA of up to 1,024 octets", () => {
  test.each<[string, number, number[], number]>([
    ["at the start", 0, [], 3],
    ["with a stream", 1, [], 5],
    ["with three", 3, [], 9],
    ["with a frame of nothing", 0, [0], 5],
    ["with a frame of 1,023", 0, [1023], 5],
    ["with a frame of 1,024", 0, [1024], 7],
    ["with a frame of 2,047", 0, [2047], 7],
    ["with a frame of 16,384", 0, [16_384], 37],
    ["with two short frames", 0, [1, 1], 7],
  ])("%s", (_, streams, sent, most) => {
    const made = guard({ windowUpdatesPerDataMax: 1 })
    for (let i = 0; i < streams; i++) made.streamOpened()
    for (const octets of sent) made.sentData(octets)
    expect(mostOf(() => made.windowUpdate())).toBe(most)
    expect(limitOf(made.windowUpdate())).toBe("window_update_flood")
  })

  test("as many for each as the limit says", () => {
    const made = guard({ windowUpdatesPerDataMax: 10 })
    expect(mostOf(() => made.windowUpdate())).toBe(21)
  })
})

describe("PINGs", () => {
  const limits = { pingIntervalMs: 1000 }
  const at = (made: Guard, ...times: number[]): boolean[] =>
    times.map((ms) => made.isPingTooSoon(START_MS + ms))

  test("the first is free; the next comes too soon up to the interval", () => {
    expect(at(guard(limits), 0, 999)).toEqual([false, true])
    expect(at(guard(limits), 0, 1000)).toEqual([false, false])
  })

  test("each counts from the one before it", () => {
    expect(at(guard(limits), 0, 999, 1998, 2998)).toEqual([false, true, true, false])
  })

  test.each<[string, (guard: Guard) => void]>([
    ["HEADERS or DATA that came", (made) => void made.received(1, false)],
    ["DATA that was sent", (made) => made.sentData(1)],
  ])("%s makes one free, and no more", (_, work) => {
    const made = guard(limits)
    at(made, 0)
    work(made)
    expect(at(made, 1, 2)).toEqual([false, true])
  })
})

test("entries of one SETTINGS frame", () => {
  const made = guard({ settingsEntriesMax: 32 })
  expect([0, 32, 33].map((entries) => limitOf(made.settings(entries)))).toEqual([
    null,
    null,
    "settings_entries_exceeded",
  ])
})

describe("SETTINGS that come again", () => {
  const limits = { settingsPayloadOctets: 100 }
  const halves = (made: Guard): void => {
    made.sentData(60)
    made.received(40, true)
  }
  test.each<[string, ((guard: Guard) => void)[], boolean[]]>([
    ["after nothing", [() => {}], [true]],
    ["after one octet less of payload", [(made) => void made.received(99, false)], [true]],
    ["after as much", [(made) => void made.received(100, false)], [false]],
    ["after as much, sent", [(made) => made.sentData(100)], [false]],
    ["after as much, in a long header block", [(made) => made.continued(100)], [false]],
    ["after as much in all, both ways", [halves], [false]],
    [
      "each counts what came since the one before it",
      [(made) => made.sentData(150), (made) => made.sentData(99), (made) => made.sentData(100)],
      [false, true, false],
    ],
  ])("%s", (_, works, expected) => {
    const made = guard(limits)
    const found = works.map((work) => {
      work(made)
      return made.isSettingsTooSoon()
    })
    expect(found).toEqual(expected)
  })
})

describe("a charge from within an event", () => {
  test("is due later, once there are too many", () => {
    const made = guard({ abuseBurst: 1 })
    made.chargeLater(START_MS, "pears")
    expect(made.due).toBeNull()
    made.chargeLater(START_MS, "plums")
    expect(made.due).toMatchObject({ reason: "too many of: plums", limit: "abuse_exhausted" })
    // By then there may be room again: what was due stays so.
    made.chargeLater(START_MS + 1e6, "figs")
    expect(made.due).toMatchObject({ reason: "too many of: plums" })
  })
})
