import { expect, test } from "vitest"
import { RequestBody } from "./request-body.ts"

const MAX = 8
/** As `client_body_buffer_size 1m`. */
const LARGE_MAX = 1024 * 1024

test.each<[what: string, pieces: string[], text: string | undefined, more: number[]]>([
  ["none", [], undefined, []],
  ["one that is empty", [""], undefined, [0]],
  ["one piece", ["abc"], "abc", [8]],
  ["several", ["abc", "", "de"], "abcde", [8, 0, 0]],
  ["as much as is kept", ["abcd", "efgh"], "abcdefgh", [8, 0]],
  ["too long at once", ["123456789"], undefined, [0]],
  ["too long at last, and what comes then", ["abcd", "efghi", "j"], undefined, [8, -8, 0]],
  ["octets above 127", ["\xff\x00"], "\xff\x00", [8]],
])("%s", (_what, pieces, text, held) => {
  const body = new RequestBody(MAX)
  const counts = pieces.map((piece) => {
    const octets = Buffer.from(`<${piece}>`, "latin1")
    const more = body.add(octets, 1, octets.length - 1)
    octets.fill(0)
    return more
  })
  expect(counts).toEqual(held)
  expect(body.text).toBe(text)
  expect(body.text).toBe(text)
})

test("octets that come one by one are held in one buffer of their own, of which all is counted", () => {
  const body = new RequestBody(LARGE_MAX)
  const octets = Buffer.from("abc")
  const told = Array.from({ length: 16_384 }, (_, at) => body.add(octets, at % 3, (at % 3) + 1))
  expect(told.reduce((sum, more) => sum + more, 0)).toBe(body.heldOctets)
  expect(told.filter((more) => more !== 0)).toEqual([256, 256, 512, 1024, 2048, 4096, 8192])
  expect(body.heldOctets).toBe(16_384)
  expect(body.text).toBe("abc".repeat(6000).slice(0, 16_384))
})

test.each<[what: string, pieces: number[], held: number]>([
  ["one octet", [1], 256],
  ["a piece that is larger than the doubled room", [1, 5000], 8192],
  ["as much as is kept", [LARGE_MAX], LARGE_MAX],
  ["nearly as much, in two", [LARGE_MAX / 2 + 1, LARGE_MAX / 2 - 1], LARGE_MAX],
])("room for %s", (_what, pieces, held) => {
  const body = new RequestBody(LARGE_MAX)
  for (const octets of pieces) body.add(Buffer.alloc(octets, "a"), 0, octets)
  expect(body.heldOctets).toBe(held)
  expect(body.text!.length).toBe(pieces.reduce((sum, octets) => sum + octets, 0))
})
