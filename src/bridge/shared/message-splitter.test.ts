import fc from "fast-check"
import { expect, test } from "vitest"
import { framed, MessageSplitter } from "./message-splitter.ts"

function splitter(maxOctets = 1000) {
  const messages: [flags: number, text: string][] = []
  return {
    messages,
    one: new MessageSplitter(maxOctets, (flags, octets) => messages.push([flags, octets.toString("latin1")])),
  }
}

test("messages come out whole, however their octets are cut", () => {
  const run = fc.property(
    fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 300 })), { maxLength: 6 }),
    fc.array(fc.nat(3000), { maxLength: 10 }),
    (wanted, cuts) => {
      const octets = Buffer.concat(wanted.map(([flags, message]) => framed(flags, message)))
      const { messages, one } = splitter()
      const at = [0, ...cuts.map((cut) => cut % (octets.length + 1)), octets.length].sort((a, b) => a - b)
      for (const [i, end] of at.slice(1).entries()) expect(one.push(octets, at[i]!, end)).toBe(true)
      expect(messages).toEqual(
        wanted.map(([flags, octets]) => [flags, Buffer.from(octets).toString("latin1")]),
      )
      expect([one.isAtBoundary, one.heldOctets]).toEqual([true, 0])
    },
  )
  fc.assert(run, { numRuns: 1000 })
})

test("a message of the largest size passes, and one octet more does not begin", () => {
  const { messages, one } = splitter(10)
  const right = framed(0, Buffer.alloc(10))
  expect(one.push(right, 0, right.length)).toBe(true)
  const wrong = framed(0, Buffer.alloc(11))
  expect(one.push(wrong, 0, 5)).toBe(false)
  expect([messages.length, one.refusedOctets]).toEqual([1, 11])
})

test("4 GiB are refused by their announcement", () => {
  const { one } = splitter(2 ** 31)
  expect(one.push(Buffer.from([0, 255, 255, 255, 255]), 0, 5)).toBe(false)
  expect(one.refusedOctets).toBe(2 ** 32 - 1)
})

test("what is held follows what has come, not what was announced", () => {
  const { one } = splitter(2 ** 30)
  const start = Buffer.from([0, 0x20, 0, 0, 0, 1, 2, 3])
  expect(one.push(start, 0, start.length)).toBe(true)
  expect([one.heldOctets, one.isAtBoundary]).toEqual([256, false])
})
