import { expect, test } from "vitest"
import { RequestBody } from "./request-body.ts"

const MAX = 8

test.each<[what: string, pieces: string[], text: string | undefined, held: number[]]>([
  ["none", [], undefined, []],
  ["one that is empty", [""], undefined, [0]],
  ["one piece", ["abc"], "abc", [3]],
  ["several", ["abc", "", "de"], "abcde", [3, 0, 2]],
  ["as much as is kept", ["abcd", "efgh"], "abcdefgh", [4, 4]],
  ["too long at once", ["123456789"], undefined, [0]],
  ["too long at last, and what comes then", ["abcd", "efghi", "j"], undefined, [4, -4, 0]],
  ["octets above 127", ["\xff\x00"], "\xff\x00", [2]],
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
