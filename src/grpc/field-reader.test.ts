import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type FieldValue, parseFieldPath } from "./field-path.ts"
import { FieldReader } from "./field-reader.ts"
import { withField } from "./field-writer.ts"

const octetsOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex")

/** What is read of a message that comes in pieces: `text`, `varint 01`; null: no field; undefined: it cannot be read. */
function read(message: Buffer, path: string, piece = message.length, most = 16): string | null | undefined {
  const reader = new FieldReader(parseFieldPath(path)!, most)
  reader.begin(message.length)
  for (let at = 0; at < message.length; at += piece)
    reader.push(message, at, Math.min(at + piece, message.length))
  const value = reader.finish()
  return value == null ? value : told(value)
}

const WIRE = ["varint", "fixed64", "", "", "", "fixed32"]

function told({ wireType, octets }: FieldValue): string {
  return wireType === 2 ? octets.toString("latin1") : `${WIRE[wireType]} ${octets.toString("hex")}`
}

describe("a field is found by its number", () => {
  test.each<[what: string, hex: string, path: string, found: string | null | undefined]>([
    ["a string", "22 03 616263", "4", "abc"],
    ["behind others of every wire type", "0801 11 0102030405060708 1a00 2d 01020304 22 01 61", "4", "a"],
    ["not there", "0801", "4", null],
    ["an empty message", "", "4", null],
    ["an empty value is none", "22 00", "4", null],
    ["of several the last counts", "22 01 61 22 01 62", "4", "b"],
    ["also where that one is empty", "22 01 61 22 00", "4", null],
    ["a number", "20 ac02", "4", "varint ac02"],
    ["numbers one after the other, not packed: the last", "20 01 20 02 20 03", "4", "varint 03"],
    ["packed ones are octets", "22 03 010203", "4", "\x01\x02\x03"],
    ["0 is none", "20 00", "4", null],
    ["0 in more octets than it takes is none", "20 8000", "4", null],
    ["a number of ten octets", "20 ffffffffffffffffff01", "4", "varint ffffffffffffffffff01"],
    ["fixed64", "21 0100000000000000", "4", "fixed64 0100000000000000"],
    ["fixed32", "25 01000000", "4", "fixed32 01000000"],
    ["within another", "12 05 0a 03 616263", "2.1", "abc"],
    ["within two others", "12 05 1a 03 22 01 61", "2.3.4", "a"],
    ["its own number elsewhere is another field", "0a 01 78 12 02 1001", "2.1", null],
    ["one within another's string is not seen", "1a 03 22 01 61", "4", null],
    ["messages of one field are one: the field of the first stays", "12 03 0a0161 12 02 1001", "2.1", "a"],
    ["and that of the last counts", "12 03 0a0161 12 03 0a0162", "2.1", "b"],
    ["behind an embedded message", "12 03 0a0161 22 01 62", "4", "b"],
    ["a number where a message should be is another field", "1001", "2.1", null],
    ["a large number", "fa ff ff ff 0f 01 61", "536870911", "a"],
    ["a group is passed over", "1b 22 01 78 1c 22 01 61", "4", "a"],
    ["groups within groups", "1b 2b 2c 1c 22 01 61", "4", "a"],
    ["a group of the field's own number is another field", "23 0801 24", "4", null],
  ])("%s", (_, hex, path, found) => {
    const message = octetsOf(hex)
    expect(read(message, path)).toBe(found)
    for (const piece of [1, 2, 3]) expect(read(message, path, piece)).toBe(found)
  })

  test.each<[what: string, hex: string, path: string]>([
    ["cut in a tag", "22 01 61 a0", "4"],
    ["cut behind a tag", "22", "4"],
    ["cut in a length", "22 80", "4"],
    ["cut in a string", "22 03 6162", "4"],
    ["cut in a number", "20 80", "4"],
    ["cut in fixed64", "21 01", "4"],
    ["cut in fixed32", "25 01", "4"],
    ["a field longer than the message around it", "12 02 0a 03 616263", "2.1"],
    ["a number of more than ten octets", "20 ffffffffffffffffffff01", "4"],
    ["a tag of more than five octets", "a0 80 80 80 80 00 01", "4"],
    ["a length of more than 32 bits", "22 ff ff ff ff 7f", "4"],
    ["field 0", "02 01 61", "4"],
    ["a wire type that there is not", "26 01", "4"],
    ["a group that does not end", "1b 0801", "4"],
    ["a group that ends as another", "1b 24", "4"],
    ["a group that has not begun", "1c", "4"],
    ["a group that ends outside of its message", "12 01 1b 1c", "2.1"],
    ["groups deeper than any schema has", "1b".repeat(65) + "1c".repeat(65), "4"],
    ["a value larger than is kept", `22 11 ${"61".repeat(17)}`, "4"],
  ])("cannot be read: %s", (_, hex, path) => {
    const message = octetsOf(hex)
    expect(read(message, path)).toBe(undefined)
    expect(read(message, path, 1)).toBe(undefined)
  })

  test("a reader is as new for each message", () => {
    const reader = new FieldReader([4], 16)
    const of = (hex: string) => {
      const message = octetsOf(hex)
      reader.begin(message.length)
      reader.push(message, 0, message.length)
      return reader.finish()
    }
    expect(of("1b 22")).toBe(undefined)
    expect(told(of("22 01 61")!)).toBe("a")
    expect(of("0801")).toBe(null)
  })
})

describe("a field is written", () => {
  const text = (value: string): FieldValue => ({ wireType: 2, octets: Buffer.from(value) })

  test.each<[what: string, hex: string, path: string, value: FieldValue, written: string | null]>([
    ["into an empty message", "", "6", text("t"), "32 01 74"],
    ["behind what is there", "0a 01 73", "6", text("t"), "0a 01 73 32 01 74"],
    ["over what it was: the last one counts", "32 01 78", "6", text("t"), "32 01 78 32 01 74"],
    ["a number", "", "3", { wireType: 0, octets: octetsOf("ac02") }, "18 ac02"],
    ["within a message that is not there", "0801", "2.1", text("t"), "0801 12 03 0a 01 74"],
    ["within one that is", "12 02 1001 1801", "2.1", text("t"), "12 05 1001 0a 01 74 1801"],
    ["within an empty one", "12 00", "2.1", text("t"), "12 03 0a 01 74"],
    ["within the last of several", "12 00 12 02 1001", "2.1", text("t"), "12 00 12 05 1001 0a 01 74"],
    ["two messages deep", "12 04 1a 02 0801 28 01", "2.3.4", text("t"), "12 07 1a 05 0801 22 01 74 28 01"],
    ["where only the outer one is", "12 00 28 01", "2.3.4", text("t"), "12 05 1a 03 22 01 74 28 01"],
    [
      "lengths grow",
      `12 7e ${"08 01".repeat(63)}`,
      "2.1",
      text("t"),
      `12 8101 ${"0801".repeat(63)} 0a 01 74`,
    ],
    ["not into what cannot be read", "22 05 61", "6", text("t"), null],
  ])("%s", (_, hex, path, value, written) => {
    const message = withField(octetsOf(hex), parseFieldPath(path)!, value)
    expect(message?.toString("hex") ?? null).toBe(written === null ? null : octetsOf(written).toString("hex"))
    if (message !== null) expect(read(message, path)).toBe(told(value))
  })

  test("what is written is read again, in any message", () => {
    const path = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 })
    const value = fc.uint8Array({ minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), path, value, (octets, numbers, token) => {
        const message = Buffer.from(octets)
        const written = withField(message, numbers, { wireType: 2, octets: Buffer.from(token) })
        const isReadable = read(message, numbers.join("."), 1, 1000) !== undefined
        expect(written !== null).toBe(isReadable)
        if (written === null) return
        expect(read(written, numbers.join("."), 7, 1000)).toBe(Buffer.from(token).toString("latin1"))
      }),
      { numRuns: 2000 },
    )
  })
})
