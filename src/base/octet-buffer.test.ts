import { expect, test } from "vitest"
import { OctetBuffer } from "./octet-buffer.ts"

const letters = new Uint8Array(256)
for (let octet = 0x61; octet <= 0x7a; octet++) letters[octet] = 1

test("what is put in stands there in order", () => {
  const buffer = new OctetBuffer()
  buffer.text("a\xff")
  buffer.utf8("聊")
  buffer.octet(0x0a)
  expect(buffer.octets).toEqual(Buffer.from([0x61, 0xff, 0xe8, 0x81, 0x8a, 0x0a]))
  expect(buffer.length).toBe(6)
})

test.for<[text: string, taken: boolean]>([
  ["", true],
  ["abc", true],
  ["ab-", false],
  ["-ab", false],
  ["a\xe9", false],
  ["a聊", false],
])("plainText takes %s: %s", ([text, taken]) => {
  const buffer = new OctetBuffer()
  buffer.text("before ")
  expect(buffer.plainText(text, letters)).toBe(taken)
  buffer.text(".")
  expect(buffer.octets.toString("latin1")).toBe(`before ${taken ? text : ""}.`)
})

test("grows as needed, however it is filled", () => {
  const buffer = new OctetBuffer()
  const long = "x".repeat(5000)
  for (let i = 0; i < 100; i++) {
    buffer.text(long)
    buffer.utf8(long)
    expect(buffer.plainText(long, letters)).toBe(true)
    buffer.octet(0x78)
  }
  expect(buffer.octets.toString("latin1")).toBe("x".repeat(1_500_100))
})

test("is empty once cleared, and an earlier length can be gone back to", () => {
  const buffer = new OctetBuffer()
  buffer.text("kept")
  buffer.text("dropped")
  buffer.length = 4
  expect(buffer.octets.toString()).toBe("kept")
  buffer.clear()
  buffer.text("new")
  expect(buffer.octets.toString()).toBe("new")
})
