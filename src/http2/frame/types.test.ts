import { describe, expect, test } from "vitest"
import {
  CLIENT_PREFACE,
  DEFAULT_MAX_FRAME_OCTETS,
  Flag,
  FRAME_HEAD_OCTETS,
  FrameType,
  MAX_STREAM_ID,
  readUint31,
  readUint32,
} from "./types.ts"

test("numbers as RFC 9113 §6 and RFC 9218 §7.1 have them", () => {
  expect(FrameType).toEqual({
    DATA: 0,
    HEADERS: 1,
    PRIORITY: 2,
    RST_STREAM: 3,
    SETTINGS: 4,
    PUSH_PROMISE: 5,
    PING: 6,
    GOAWAY: 7,
    WINDOW_UPDATE: 8,
    CONTINUATION: 9,
    PRIORITY_UPDATE: 16,
  })
  expect(Flag).toEqual({ ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 })
  expect([FRAME_HEAD_OCTETS, DEFAULT_MAX_FRAME_OCTETS, MAX_STREAM_ID]).toEqual([9, 16_384, 2_147_483_647])
  expect(CLIENT_PREFACE.toString("hex")).toBe("505249202a20485454502f322e300d0a0d0a534d0d0a0d0a")
})

describe("numbers in octets", () => {
  test.each([
    ["00000000", 0, 0],
    ["00000001", 1, 1],
    ["01020304", 0x01020304, 0x01020304],
    ["7fffffff", 0x7fffffff, 0x7fffffff],
    ["80000000", 0, 0x80000000],
    ["ffffffff", 0x7fffffff, 0xffffffff],
    ["fedcba98", 0x7edcba98, 0xfedcba98],
  ])("%s: %i of 31 bits, %i of 32", (hex, of31, of32) => {
    const octets = Buffer.concat([Buffer.from("aa"), Buffer.from(hex, "hex"), Buffer.from("bb")])
    expect([readUint31(octets, 2), readUint32(octets, 2)]).toEqual([of31, of32])
  })
})
