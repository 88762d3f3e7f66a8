import { describe, expect, test } from "vitest"
import { Output } from "../http2/output.ts"
import { fieldLines, writeChunk, writeLastChunk } from "./writer.ts"

function written(write: (output: Output) => void): string {
  const output = new Output({ onOutput: () => {}, onMuchOutput: () => {} })
  write(output)
  return output
    .take()
    .map(({ buffer, length }) => buffer.toString("latin1", 0, length))
    .join("")
}

test.each<[fields: string[], lines: string]>([
  [[], ""],
  [["x", "1", "X-Y", "a b"], "x: 1\r\nX-Y: a b\r\n"],
  [["x", "\xe9\t"], "x: \xe9\t\r\n"],
  [["x", "a\r\ny: 1"], "x: a  y: 1\r\n"],
  [["x", "a\0b\x7fc"], "x: a b c\r\n"],
  // Cut to an octet each they would end the line.
  [["x", "\u010d\u010ay: 1"], "x:   y: 1\r\n"],
  [["x\r\ny", "1", "z", "2"], "z: 2\r\n"],
  [["", "1", "x y", "1", "x:", "1", "x\u010a", "1", "z", "2"], "z: 2\r\n"],
])("the lines of %j", (fields, lines) => {
  expect(fieldLines(fields)).toBe(lines)
})

describe("chunks", () => {
  const octets = Buffer.from("0123456789abcdefgh")
  test.each<[name: string, write: (output: Output) => void, text: string]>([
    ["a part of the octets", (output) => writeChunk(output, octets, 2, 5), "3\r\n234\r\n"],
    [
      "a size in hexadecimal digits",
      (output) => writeChunk(output, octets, 0, 18),
      "12\r\n0123456789abcdefgh\r\n",
    ],
    ["none of no octets", (output) => writeChunk(output, octets, 2, 2), ""],
    ["the last", (output) => writeLastChunk(output), "0\r\n\r\n"],
    ["trailers", (output) => writeLastChunk(output, ["x", "1"]), "0\r\nx: 1\r\n\r\n"],
  ])("%s", (_name, write, text) => {
    expect(written(write)).toBe(text)
  })
})
