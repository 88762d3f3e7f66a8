import { expect, test } from "vitest"
import { type Framing, readFraming } from "./framing.ts"

const framing = (given: Partial<Framing>): Framing => ({
  contentLength: -1,
  isChunked: false,
  hasUnknownCoding: false,
  ...given,
})

test.each<[fields: string[], framing: Partial<Framing>]>([
  [[], {}],
  [["x", "1"], {}],
  [["content-length", "0"], { contentLength: 0 }],
  [["content-length", "007"], { contentLength: 7 }],
  [["x", "1", "content-length", "999999999999999"], { contentLength: 999_999_999_999_999 }],
  [["transfer-encoding", "chunked"], { isChunked: true }],
  [["transfer-encoding", "Chunked"], { isChunked: true }],
  [["transfer-encoding", "gzip, chunked"], { hasUnknownCoding: true }],
  [["transfer-encoding", "gzip", "transfer-encoding", "chunked"], { hasUnknownCoding: true }],
  [["transfer-encoding", "xchunked"], { hasUnknownCoding: true }],
  [["transfer-encoding", ""], { hasUnknownCoding: true }],
])("%j", (fields, expected) => {
  expect(readFraming(fields)).toEqual(framing(expected))
})

const NO_NUMBER = "content-length is not one number"
const NOT_LAST = "chunked is not its last transfer coding"

test.each<[fields: string[], problem: string]>([
  [["content-length", "2", "content-length", "2"], "content-length stands there twice"],
  [["content-length", "2, 2"], NO_NUMBER],
  [["content-length", ""], NO_NUMBER],
  [["content-length", "+2"], NO_NUMBER],
  [["content-length", "-2"], NO_NUMBER],
  [["content-length", "0x2"], NO_NUMBER],
  [["content-length", "1 2"], NO_NUMBER],
  [["content-length", "2x"], NO_NUMBER],
  [["content-length", "1000000000000000"], NO_NUMBER],
  [["content-length", "2", "transfer-encoding", "chunked"], "it says a length and a coding"],
  [["transfer-encoding", "gzip", "content-length", "2"], "it says a length and a coding"],
  [["transfer-encoding", "chunked, chunked"], NOT_LAST],
  [["transfer-encoding", "chunked", "transfer-encoding", "chunked"], NOT_LAST],
  [["transfer-encoding", "chunked, gzip"], NOT_LAST],
  [["transfer-encoding", "chunked,"], NOT_LAST],
])("%j: refused", (fields, problem) => {
  expect(readFraming(fields)).toBe(problem)
})
