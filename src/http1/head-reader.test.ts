import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, test } from "vitest"
import { HeadReader } from "./head-reader.ts"

interface Read {
  startLine: string
  fields: string[]
  /** Behind the head. */
  rest: string
  fault: string | null
}

const BOUNDS = { octetsMax: 200, fieldsMax: 4 }
const beginsWithA = (line: string): string | null => (line.startsWith("A") ? null : "it does not begin by A")

function readIn(pieces: readonly string[], reader: HeadReader): Read | null {
  for (const [index, piece] of pieces.entries()) {
    // Beside other octets, as in a buffer that is shared.
    const octets = Buffer.from(`X\r\n\r\n${piece}\r\n\r\nX`, "latin1")
    const end = 5 + Buffer.byteLength(piece, "latin1")
    const at = reader.read(octets, 5, end)
    const { isWhole, fault, startLine, fields } = reader
    if (!isWhole && fault === null) {
      expect(at).toBe(end)
      continue
    }
    const rest = piece.slice(at - 5) + pieces.slice(index + 1).join("")
    return fault === null
      ? { startLine, fields, rest, fault: null }
      : { startLine: "", fields: [], rest: "", fault: `${fault.kind}: ${fault.reason}` }
  }
  return null
}

/** Whole, octet by octet, and cut in two at each place. */
function readAllWays(text: string, make: () => HeadReader): Read | null {
  const whole = readIn([text], make())
  expect(readIn(text.split(""), make())).toEqual(whole)
  for (let cut = 0; cut <= text.length; cut++)
    expect(readIn([text.slice(0, cut), text.slice(cut)], make())).toEqual(whole)
  return whole
}

const message = (): HeadReader => new HeadReader({ bounds: BOUNDS, startLineProblem: beginsWithA })
const request = (): HeadReader =>
  new HeadReader({ bounds: BOUNDS, startLineProblem: beginsWithA, skipsEmptyLines: true })
const trailers = (): HeadReader => new HeadReader({ bounds: BOUNDS })

describe("a head", () => {
  test.each<[name: string, text: string, startLine: string, fields: string[], rest: string]>([
    ["without fields", "A\r\n\r\n", "A", [], ""],
    ["with a field", "A b\r\nx: 1\r\n\r\n", "A b", ["x", "1"], ""],
    ["with octets behind it", "A\r\nx: 1\r\n\r\n\r\nA\r\n", "A", ["x", "1"], "\r\nA\r\n"],
    ["names in upper case", "A\r\nX-A: Y\r\nETag: z\r\n\r\n", "A", ["x-a", "Y", "etag", "z"], ""],
    ["blanks around a value", "A\r\nx: \t a b\t \r\n\r\n", "A", ["x", "a b"], ""],
    [
      "spaces around a length",
      "A\r\ncontent-length:  1  \r\ntransfer-encoding:x \r\n\r\n",
      "A",
      ["content-length", "1", "transfer-encoding", "x"],
      "",
    ],
    ["no blank before a value", "A\r\nx:a\r\n\r\n", "A", ["x", "a"], ""],
    ["an empty value", "A\r\nx:\r\ny:  \r\n\r\n", "A", ["x", "", "y", ""], ""],
    ["a colon in a value", "A\r\nx: a:b:\r\n\r\n", "A", ["x", "a:b:"], ""],
    ["octets beyond ASCII", "A\xe9\r\nx: \xff\x80\r\n\r\n", "A\xe9", ["x", "\xff\x80"], ""],
    ["all marks of a name", "A\r\n!#$%&'*+-.^_`|~09: a\r\n\r\n", "A", ["!#$%&'*+-.^_`|~09", "a"], ""],
    [
      "as many fields as may be",
      `A\r\n${"x: 1\r\n".repeat(4)}\r\n`,
      "A",
      Array(4).fill(["x", "1"]).flat(),
      "",
    ],
  ])("%s", (_name, text, startLine, fields, rest) => {
    expect(readAllWays(text, message)).toEqual({ startLine, fields, rest, fault: null })
  })

  test.each<[name: string, text: string, fault: string]>([
    ["lines that end by LF", "A\n\n", "malformed: a line ends by LF alone"],
    ["a field that ends by LF", "A\r\nx: 1\ny: 2\r\n\r\n", "malformed: a line ends by LF alone"],
    ["an end by LF", "A\r\nx: 1\r\n\n", "malformed: a line ends by LF alone"],
    ["an end by CR and more", "A\r\nx: 1\r\n\r\r\n\r\n", "malformed: a field name has octet 0xd"],
    ["a bare CR in a value", "A\r\nx: 1\ry: 2\r\n\r\n", "malformed: the value of x has octet 0xd"],
    ["a bare CR at the end of a value", "A\r\nx: 1\r\r\n\r\n", "malformed: the value of x has octet 0xd"],
    ["a bare CR in the first line", "Aa\rb\r\n\r\n", "malformed: its first line has octet 0xd"],
    ["a NUL in the first line", "A\0\r\n\r\n", "malformed: its first line has octet 0x0"],
    ["a NUL in a value", "A\r\nx: a\0b\r\n\r\n", "malformed: the value of x has octet 0x0"],
    ["a NUL in a name", "A\r\nx\0y: a\r\n\r\n", "malformed: a field name has octet 0x0"],
    ["a control character in a value", "A\r\nx: a\x0bb\r\n\r\n", "malformed: the value of x has octet 0xb"],
    ["DEL in a value", "A\r\nx: a\x7f\r\n\r\n", "malformed: the value of x has octet 0x7f"],
    [
      "a tab before a length",
      "A\r\nContent-Length:\t1\r\n\r\n",
      "malformed: the value of Content-Length has a tab beside it",
    ],
    [
      "a tab behind a length",
      "A\r\ncontent-length: 1 \t \r\n\r\n",
      "malformed: the value of content-length has a tab beside it",
    ],
    [
      "a tab before a coding",
      "A\r\nTRANSFER-ENCODING: \tchunked\r\n\r\n",
      "malformed: the value of TRANSFER-ENCODING has a tab beside it",
    ],
    [
      "a tab behind a coding",
      "A\r\ntransfer-encoding: chunked\t\r\n\r\n",
      "malformed: the value of transfer-encoding has a tab beside it",
    ],
    ["a folded field", "A\r\nx: a\r\n b: c\r\n\r\n", "malformed: a field is folded, or begins by a blank"],
    ["a fold before the first", "A\r\n\tx: a\r\n\r\n", "malformed: a field is folded, or begins by a blank"],
    ["a space before a colon", "A\r\nx : a\r\n\r\n", "malformed: a field name has octet 0x20"],
    ["a space in a name", "A\r\nx y: a\r\n\r\n", "malformed: a field name has octet 0x20"],
    ["an octet beyond ASCII in a name", "A\r\nx\xe9: a\r\n\r\n", "malformed: a field name has octet 0xe9"],
    ["no colon", "A\r\nnonsense\r\n\r\n", "malformed: a field has no colon"],
    ["no name", "A\r\n: a\r\n\r\n", "malformed: a field name is empty"],
    ["another first line", "B\r\n\r\n", "malformed: it does not begin by A"],
    ["another first line, and no more", "B\r\n", "malformed: it does not begin by A"],
    ["an empty line first", "\r\nA\r\n\r\n", "malformed: it begins by an empty line"],
    ["too many fields", `A\r\n${"x: 1\r\n".repeat(5)}\r\n`, "too_many_fields: it has more than 4 fields"],
    ["a line without end", `A\r\nx: ${"a".repeat(300)}`, "too_large: it has more than 200 octets"],
    ["a first line without end", "A".repeat(201), "too_large: it has more than 200 octets"],
    ["one octet too many", `A\r\nx: ${"a".repeat(191)}\r\n\r\n`, "too_large: it has more than 200 octets"],
  ])("%s: refused", (_name, text, fault) => {
    expect(readAllWays(text, message)).toEqual({ startLine: "", fields: [], rest: "", fault })
  })

  test("of as many octets as may be", () => {
    const text = `A\r\nx: ${"a".repeat(190)}\r\n\r\n`
    expect(text.length).toBe(200)
    expect(readAllWays(text, message)).toEqual({
      startLine: "A",
      fields: ["x", "a".repeat(190)],
      rest: "",
      fault: null,
    })
  })

  test.each(["", "A", "A\r", "A\r\n", "A\r\nx: 1\r\n", "A\r\nx: 1\r\n\r", "A\r\nx"])(
    "%j is not whole",
    (text) => {
      expect(readAllWays(text, message)).toBeNull()
    },
  )
})

describe("empty lines before a request", () => {
  test("are none of it", () => {
    expect(readAllWays("\r\n\r\nA\r\nx: 1\r\n\r\n", request)).toEqual({
      startLine: "A",
      fields: ["x", "1"],
      rest: "",
      fault: null,
    })
  })

  test("count as octets", () => {
    expect(readAllWays("\r\n".repeat(101), request)?.fault).toBe("too_large: it has more than 200 octets")
  })

  test("end by CRLF too", () => {
    expect(readAllWays("\nA\r\n\r\n", request)?.fault).toBe("malformed: a line ends by LF alone")
  })
})

describe("trailers", () => {
  test.each<[text: string, fields: string[], rest: string]>([
    ["\r\n", [], ""],
    ["\r\nmore", [], "more"],
    ["X: 1\r\ny: 2\r\n\r\n", ["x", "1", "y", "2"], ""],
  ])("%j", (text, fields, rest) => {
    expect(readAllWays(text, trailers)).toEqual({ startLine: "", fields, rest, fault: null })
  })

  test.each(["\n", "x\r\n\r\n", " x: 1\r\n\r\n"])("%j: refused", (text) => {
    expect(readAllWays(text, trailers)?.fault).toMatch(/^malformed: /)
  })
})

describe("a head that is the same as the last", () => {
  const reading = (remembersLast: boolean) => {
    const reader = new HeadReader({ bounds: BOUNDS, startLineProblem: beginsWithA, remembersLast })
    return (...pieces: string[]): string[] => {
      reader.reset()
      const read = readIn(pieces, reader)
      expect(read).toEqual(readIn(pieces, message()))
      return reader.fields
    }
  }

  test("gives the same fields, where it comes in one piece", () => {
    const read = reading(true)
    const text = "A 1\r\nx: 1\r\n\r\n"
    const fields = read(text)
    expect(read(`${text}more`)).toBe(fields)
    expect(read("A 1\r\n", "x: 1\r\n\r\n")).not.toBe(fields)
    expect(read(text)).toBe(fields)
  })

  test("is another where an octet differs, or one had a fault", () => {
    const read = reading(true)
    const fields = read("A 1\r\nx: 1\r\n\r\n")
    expect(read("A 2\r\nx: 1\r\n\r\n")).not.toBe(fields)
    read("A 2\r\nx : 1\r\n\r\n")
    read("A 2\r\nx : 1\r\n\r\n")
    read("A 2\r\nx: 1\r\n")
  })

  test("is not kept beyond 4 KiB, or once no other comes", () => {
    const bounds = { octetsMax: 8192, fieldsMax: 4 }
    const reader = new HeadReader({ bounds, startLineProblem: beginsWithA, remembersLast: true })
    const read = (text: string): readonly string[] => {
      reader.reset()
      readIn([text], reader)
      return reader.fields
    }
    const kept = `A\r\nx: ${"1".repeat(4096 - "A\r\nx: \r\n\r\n".length)}\r\n\r\n`
    const fields = read(kept)
    expect(read(kept)).toBe(fields)
    const longer = kept.replace("x: ", "x: 1")
    expect(read(longer)).not.toBe(read(longer))
    expect(read(kept)).toBe(fields)
    reader.forget()
    expect(read(kept)).not.toBe(fields)
  })

  test("gives others where none is remembered", () => {
    const read = reading(false)
    expect(read("A\r\nx: 1\r\n\r\n")).not.toBe(read("A\r\nx: 1\r\n\r\n"))
  })
})

test("a line that comes octet by octet holds little more than its octets", () => {
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  const octets = Buffer.from(`A\r\nx: ${"a".repeat(16_000)}`)
  const readers = Array.from(
    { length: 32 },
    () => new HeadReader({ bounds: { octetsMax: 32_000, fieldsMax: 4 }, startLineProblem: beginsWithA }),
  )
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (const reader of readers) for (let at = 0; at < octets.length; at++) reader.read(octets, at, at + 1)
  collectGarbage()
  const held = (process.memoryUsage().heapUsed - before) / readers.length
  expect(readers.every(({ fault, isWhole }) => fault === null && !isWhole)).toBe(true)
  expect(held).toBeLessThan(3 * octets.length)
})

test("one reader reads one head after the other", () => {
  const reader = message()
  const octets = Buffer.from("A 1\r\nx: 1\r\n\r\nA 2\r\ny: 2\r\n\r\n", "latin1")
  const at = reader.read(octets, 0, octets.length)
  const { fields } = reader
  reader.reset()
  expect(reader.read(octets, at, octets.length)).toBe(octets.length)
  expect(fields).toEqual(["x", "1"])
  expect([reader.startLine, reader.fields, reader.isWhole]).toEqual(["A 2", ["y", "2"], true])
})

test.each<[name: string, text: string, startLine: string]>([
  ["ended by LF", "A a\n", "A a"],
  ["with a control character", "A\0a\r\n", "A\0a"],
  ["that is none", "B a\r\n", "B a"],
  ["longer than a head may be", `A${"a".repeat(300)}`, `A${"a".repeat(199)}`],
  ["before a field that is malformed", "A a\r\n: x\r\n", "A a"],
])("of a fault the first line is known as far as it came: %s", (_name, text, startLine) => {
  for (const pieces of [[text], text.split("")]) {
    const reader = message()
    for (const piece of pieces) if (reader.fault === null) readIn([piece], reader)
    expect([reader.fault !== null, reader.startLine]).toEqual([true, startLine])
  }
})
