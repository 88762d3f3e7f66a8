import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { INTEGER_BOUND, INTEGER_TOO_LARGE, INTEGER_TRUNCATED, readInteger, writeInteger } from "./integer.ts"

const read = (octets: number[], prefixMask: number) =>
  readInteger(Uint8Array.from(octets), 0, octets.length, prefixMask)

describe("integers: RFC 7541 Appendix C.1", () => {
  test.each([
    ["C.1.1", 10, 0x1f, [0x0a]],
    ["C.1.2", 1337, 0x1f, [0x1f, 0x9a, 0x0a]],
    ["C.1.3", 42, 0xff, [0x2a]],
  ])("%s: %d under the mask %d", (_, value, prefixMask, octets) => {
    const target = new Uint8Array(8)
    const end = writeInteger(target, 0, 0, prefixMask, value)
    expect([...target.subarray(0, end)]).toEqual(octets)
    expect(read(octets, prefixMask)).toBe(value * 8 + octets.length)
  })
})

test.each([
  ["no octet at all", [], INTEGER_TRUNCATED],
  ["a full prefix and nothing after it", [0x7f], INTEGER_TRUNCATED],
  ["a continuation that does not end", [0x7f, 0x80, 0x80], INTEGER_TRUNCATED],
  ["2^28", [0x7f, 0x81, 0xff, 0xff, 0x7f], INTEGER_TOO_LARGE],
  ["2^32", [0x7f, 0x81, 0xff, 0xff, 0xff, 0x0f], INTEGER_TOO_LARGE],
  ["a sixth continuation octet", [0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], INTEGER_TOO_LARGE],
  ["endless zeroes", [0x7f, ...Array.from({ length: 100 }, () => 0x80)], INTEGER_TOO_LARGE],
])("refuses %s", (_, octets, expected) => {
  expect(read(octets, 0x7f)).toBe(expected)
})

test.each([
  ["2^28 - 1", [0x7f, 0x80, 0xff, 0xff, 0x7f], INTEGER_BOUND - 1],
  ["a value padded with zeroes, five octets in all", [0x7f, 0x81, 0x80, 0x80, 0x80, 0x00], 128],
])("takes %s", (_, octets, value) => {
  expect(read(octets, 0x7f)).toBe(value * 8 + octets.length)
})

test("what is written is read back, whatever the prefix", () => {
  const prefix = fc.integer({ min: 1, max: 8 })
  const value = fc.oneof(fc.nat({ max: INTEGER_BOUND - 1 }), fc.nat({ max: 600 }))
  fc.assert(
    fc.property(prefix, value, fc.nat({ max: 20 }), (bits, value, start) => {
      const mask = 2 ** bits - 1
      const target = new Uint8Array(40)
      const end = writeInteger(target, start, 0xff & ~mask, mask, value)
      expect(target[start]! & ~mask & 0xff).toBe(0xff & ~mask)
      expect(readInteger(target, start, end, mask)).toBe(value * 8 + (end - start))
    }),
  )
})
