import { describe, expect, test } from "vitest"
import { BodyReader } from "./body-reader.ts"

interface Read {
  body: string
  trailers: string[] | null
  /** Behind the body; null: it is not whole. */
  rest: string | null
  fault: string | null
}

const BOUNDS = { octetsMax: 100, fieldsMax: 2 }

function readIn(pieces: readonly string[], begin: (reader: BodyReader) => void): Read {
  const reader = new BodyReader(BOUNDS)
  begin(reader)
  let body = ""
  let rest = ""
  for (const piece of pieces) {
    const octets = Buffer.from(`0\r\n\r\n${piece}0\r\n\r\n`, "latin1")
    const end = 5 + piece.length
    let at = 5
    while (at < end && !reader.isWhole && reader.fault === null) {
      at = reader.read(octets, at, end)
      body += octets.toString("latin1", reader.pieceStart, reader.pieceEnd)
    }
    rest += piece.slice(at - 5)
  }
  const { fault, isWhole, trailers } = reader
  return { body, trailers, rest: fault === null && isWhole ? rest : null, fault }
}

function readAllWays(text: string, begin: (reader: BodyReader) => void): Read {
  const whole = readIn([text], begin)
  expect(readIn(text.split(""), begin)).toEqual(whole)
  for (let cut = 0; cut <= text.length; cut++)
    expect(readIn([text.slice(0, cut), text.slice(cut)], begin)).toEqual(whole)
  return whole
}

describe("a body of a length", () => {
  test.each<[length: number, text: string, body: string, rest: string | null]>([
    [0, "", "", ""],
    [0, "more", "", "more"],
    [2, "o", "o", null],
    [2, "ok", "ok", ""],
    [2, "okmore", "ok", "more"],
  ])("%i: %j", (length, text, body, rest) => {
    const read = readAllWays(text, (reader) => reader.beginLength(length))
    expect(read).toEqual({ body, trailers: null, rest, fault: null })
  })

  test("ends with its connection before it is whole", () => {
    const reader = new BodyReader(BOUNDS)
    reader.beginLength(2)
    expect(reader.ended()).toBe(false)
  })
})

test("a body that its connection ends is whole then", () => {
  expect(readAllWays("0\r\n\r\n", (reader) => reader.beginUntilClose()).body).toBe("0\r\n\r\n")
  const reader = new BodyReader(BOUNDS)
  reader.beginUntilClose()
  expect([reader.isWhole, reader.endsByClose, reader.ended(), reader.isWhole]).toEqual([
    false,
    true,
    true,
    true,
  ])
})

describe("chunks", () => {
  const read = (text: string): Read => readAllWays(text, (reader) => reader.beginChunked())

  test.each<[text: string, body: string, rest?: string | null, trailers?: string[]]>([
    ["0\r\n\r\n", ""],
    ["000\r\n\r\n", ""],
    ["2\r\nok\r\n0\r\n\r\n", "ok"],
    ["0002\r\nok\r\n0\r\n\r\nmore", "ok", "more"],
    ["1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "ok"],
    [`1F\r\n${"a".repeat(31)}\r\n0\r\n\r\n`, "a".repeat(31)],
    ["a\r\n\r\n0\r\n\r\n567\r\n0\r\n\r\n", "\r\n0\r\n\r\n567"],
    ["2;a\r\nok\r\n0;b=c\r\n\r\n", "ok"],
    ['2;a="b;\t\xe9"\r\nok\r\n0\r\n\r\n', "ok"],
    ["2\r\nok\r\n0\r\nX: 1\r\n\r\nmore", "ok", "more", ["x", "1"]],
    ["2\r\nok", "ok", null],
    ["2\r\nok\r\n", "ok", null],
    ["2\r\nok\r\n0\r\n", "ok", null],
    ["fffffffffffff\r\nok", "ok", null],
    ["2\r\nok\r\n0\r\nx: 1\r\n", "ok", null, ["x", "1"]],
  ])("%j", (text, body, rest = "", trailers) => {
    expect(read(text)).toEqual({ body, trailers: trailers ?? null, rest, fault: null })
  })

  test.each<[text: string, body: string, fault: string]>([
    ["\r\n", "", "a chunk's size is no number"],
    [";a\r\n", "", "a chunk's size is no number"],
    ["x\r\n", "", "a chunk's size is no number"],
    ["+2\r\nok", "", "a chunk's size is no number"],
    [" 2\r\nok", "", "a chunk's size is no number"],
    ["0x2\r\nok", "", "a chunk's size has octet 0x78"],
    ["2 \r\nok", "", "a chunk's size has octet 0x20"],
    ["2 ;a\r\nok", "", "a chunk's size has octet 0x20"],
    ["2\nok", "", "a chunk's size has octet 0xa"],
    ["2\rok", "", "a chunk's size is not followed by CRLF"],
    ["2;\r\nok", "", "a chunk's extension has no name"],
    ["2; a\r\nok", "", "a chunk's extension has no name"],
    ["2;a\nok", "", "a chunk's extension has octet 0xa"],
    ["2;a\rb\r\nok", "", "a chunk's size is not followed by CRLF"],
    ["2;a\0\r\nok", "", "a chunk's extension has octet 0x0"],
    ["2\r\nokmore\r\n", "ok", "a chunk is longer than its size"],
    ["2\r\nok\n0\r\n", "ok", "a chunk is longer than its size"],
    ["2\r\nok\rx", "ok", "a chunk is longer than its size"],
    ["10000000000000\r\n", "", "a chunk's size is too large"],
    ["10000000000000000\r\nok", "", "a chunk's size is too large"],
    [`2;${"a".repeat(5000)}`, "", "a chunk's size and extensions are longer than 4096 octets"],
    ["0".repeat(5000), "", "a chunk's size and extensions are longer than 4096 octets"],
    ["0\r\nx\r\n\r\n", "", "its trailers are malformed: a field has no colon"],
    ["0\r\n\n", "", "its trailers are malformed: a line ends by LF alone"],
    ["0\r\nContent-Length: 5\r\n\r\n", "", "its trailers say how it is framed"],
    ["0\r\nTransfer-Encoding: x\r\n\r\n", "", "its trailers say how it is framed"],
    ["0\r\nx: 1\r\nx: 2\r\nx: 3\r\n\r\n", "", "its trailers are malformed: it has more than 2 fields"],
    [`0\r\nx: ${"a".repeat(200)}`, "", "its trailers are malformed: it has more than 100 octets"],
  ])("%j: refused", (text, body, fault) => {
    // One octet at a time and whole is enough where a text is long.
    const found = text.length > 1000 ? readIn([text], (reader) => reader.beginChunked()) : read(text)
    expect(found.body).toBe(body)
    expect(found.fault ?? "").toBe(fault)
  })

  test("extensions of many chunks are bounded each by itself", () => {
    const text = `1;${"a".repeat(3000)}\r\nx\r\n`.repeat(3)
    expect(readIn([text], (reader) => reader.beginChunked())).toMatchObject({ body: "xxx", fault: null })
  })
})

test("one reader reads one body after the other", () => {
  const reader = new BodyReader(BOUNDS)
  reader.beginChunked()
  const chunks = Buffer.from("0\r\nx: 1\r\n\r\n")
  expect(reader.read(chunks, 0, chunks.length)).toBe(chunks.length)
  expect([reader.trailers, reader.heldOctets]).toEqual([["x", "1"], "x: 1\r\n\r\n".length])
  reader.dropTrailers()
  expect([reader.trailers, reader.heldOctets, reader.isWhole]).toEqual([null, 0, true])
  reader.beginLength(1)
  expect([reader.isWhole, reader.trailers]).toEqual([false, null])
})
