import { describe, expect, test } from "vitest"
import { ErrorCode } from "../error-code.ts"
import { applySettings, initialSettings, Setting, type Settings } from "./settings.ts"

test("identifiers as RFC 9113 §6.5.2, RFC 8441 §3 and RFC 9218 §2.1 have them", () => {
  expect(Setting).toEqual({
    HEADER_TABLE_SIZE: 1,
    ENABLE_PUSH: 2,
    MAX_CONCURRENT_STREAMS: 3,
    INITIAL_WINDOW_SIZE: 4,
    MAX_FRAME_SIZE: 5,
    MAX_HEADER_LIST_SIZE: 6,
    ENABLE_CONNECT_PROTOCOL: 8,
    NO_RFC7540_PRIORITIES: 9,
  })
})

test("what holds until SETTINGS say otherwise", () => {
  expect(initialSettings()).toEqual({
    headerTableSize: 4096,
    headerTableSizeLeast: 4096,
    enablePush: true,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: 65_535,
    maxFrameSize: 16_384,
    maxHeaderListSize: Number.POSITIVE_INFINITY,
  })
})

/** Applies entries that stand in the middle of other octets. */
function apply(entries: readonly (readonly [number, number])[], fromServer = false) {
  const octets = Buffer.alloc(7 + entries.length * 6 + 6, 0x04)
  entries.forEach(([id, value], at) => {
    octets.writeUInt16BE(id, 7 + at * 6)
    octets.writeUInt32BE(value, 9 + at * 6)
  })
  const settings = initialSettings()
  const fault = applySettings(settings, octets, 7, 7 + entries.length * 6, fromServer)
  return { settings, fault }
}

const MAX = 2 ** 32 - 1

describe("each changes what it is called, and nothing else", () => {
  test.each<[number, number, Partial<Settings>]>([
    [1, 0, { headerTableSize: 0, headerTableSizeLeast: 0 }],
    [1, MAX, { headerTableSize: MAX, headerTableSizeLeast: MAX }],
    [2, 0, { enablePush: false }],
    [2, 1, { enablePush: true }],
    [3, 0, { maxConcurrentStreams: 0 }],
    [3, MAX, { maxConcurrentStreams: MAX }],
    [4, 0, { initialWindowSize: 0 }],
    [4, 2 ** 31 - 1, { initialWindowSize: 2 ** 31 - 1 }],
    [5, 16_384, { maxFrameSize: 16_384 }],
    [5, 2 ** 24 - 1, { maxFrameSize: 2 ** 24 - 1 }],
    [6, 0, { maxHeaderListSize: 0 }],
    [6, MAX, { maxHeaderListSize: MAX }],
    [8, 0, {}],
    [8, 1, {}],
    [9, 0, {}],
    [9, 1, {}],
    // Of no known meaning: ignored, whatever the value.
    [0, MAX, {}],
    [7, MAX, {}],
    [10, MAX, {}],
    [0x0104, 0, {}],
    [0x0401, MAX, {}],
    [0xffff, MAX, {}],
  ])("0x%s: %i", (id, value, changes) => {
    const untouched = { ...initialSettings(), headerTableSizeLeast: Number.POSITIVE_INFINITY }
    expect(apply([[id, value]])).toEqual({ settings: { ...untouched, ...changes }, fault: null })
  })
})

describe("out of range", () => {
  test.each([
    [2, 2, ErrorCode.PROTOCOL_ERROR],
    [4, 2 ** 31, ErrorCode.FLOW_CONTROL_ERROR],
    [5, 16_383, ErrorCode.PROTOCOL_ERROR],
    [5, 2 ** 24, ErrorCode.PROTOCOL_ERROR],
    [8, 2, ErrorCode.PROTOCOL_ERROR],
    [9, 2, ErrorCode.PROTOCOL_ERROR],
  ])("setting %i of %i", (id, value, code) => {
    expect(apply([[id, value]]).fault).toMatchObject({ code })
    const { settings, fault } = apply([
      [3, 7],
      [id, value],
      [3, 8],
    ])
    expect([fault?.code, settings.maxConcurrentStreams]).toEqual([code, 7])
  })

  test("a server does not enable push", () => {
    expect(apply([[2, 1]], true).fault).toMatchObject({ code: ErrorCode.PROTOCOL_ERROR })
    expect(apply([[2, 0]], true).fault).toBeNull()
    expect(apply([[2, 1]], false).fault).toBeNull()
  })
})

describe("in order", () => {
  test("the last of two holds", () => {
    expect(
      apply([
        [3, 1],
        [4, 9],
        [3, 2],
      ]).settings,
    ).toMatchObject({ maxConcurrentStreams: 2, initialWindowSize: 9 })
  })

  test("the least of the table's sizes on the way is known, of this frame alone", () => {
    expect(
      apply([
        [1, 100],
        [1, 5],
        [1, 700],
      ]).settings,
    ).toMatchObject({
      headerTableSize: 700,
      headerTableSizeLeast: 5,
    })
    const { settings } = apply([[1, 100]])
    applySettings(settings, Buffer.from("000300000001", "hex"), 0, 6, false)
    expect(settings.headerTableSizeLeast).toBe(Number.POSITIVE_INFINITY)
  })

  test("none changes nothing; what is no whole entry is not read", () => {
    expect(apply([]).fault).toBeNull()
    const settings = initialSettings()
    applySettings(settings, Buffer.from("0003000000010004000000", "hex"), 0, 11, false)
    expect([settings.maxConcurrentStreams, settings.initialWindowSize]).toEqual([1, 65_535])
  })
})
