import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../../base/limits.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import { WholeMessages } from "./whole-messages.ts"

function message(octets: number): Buffer {
  const all = Buffer.alloc(5 + octets, octets % 251)
  all[0] = 0
  all.writeUInt32BE(octets, 1)
  return all
}

/** `pass`, of octets that stand in a larger buffer. */
function passWithin(messages: WholeMessages) {
  return (octets: Buffer, start: number, end: number, endStream: boolean): number => {
    const around = Buffer.concat([Buffer.from("#######"), octets.subarray(start, end), Buffer.from("##")])
    return WholeMessages.prototype.pass.call(messages, around, 7, 7 + end - start, endStream)
  }
}

function bed(mostOctets = 100, delivered = 0, onGiven: (messages: WholeMessages) => void = () => {}) {
  let given = Buffer.alloc(0)
  let ends = 0
  const downstream = {
    sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
      given = Buffer.concat([given, octets.subarray(start, end)])
      if (endStream) ends++
      onGiven(whole)
      return end - start
    },
  } as unknown as DownstreamStream
  const budget = new BufferBudget(defaultLimits)
  const whole: WholeMessages = new WholeMessages(downstream, budget, mostOctets, delivered)
  const messages = Object.assign(whole, { pass: passWithin(whole) })
  return { messages, budget, given: () => given, ends: () => ends }
}

describe("messages go to the client whole", () => {
  test("a message in two pieces waits for the second", () => {
    const { messages, given, budget } = bed()
    const octets = message(20)
    expect(messages.pass(octets, 0, 10, false)).toBe(0)
    expect([given().length, messages.heldOctets, budget.octets, messages.delivered]).toEqual([0, 10, 10, 0])
    expect(messages.pass(octets, 10, 25, false)).toBe(25)
    expect([messages.heldOctets, budget.octets, messages.delivered]).toEqual([0, 0, 1])
    expect(given().equals(octets)).toBe(true)
  })

  test("nothing is held of a call that ends with what the client is given", () => {
    const { messages, budget, given } = bed(100, 0, (whole) => void whole.discard())
    const octets = Buffer.concat([message(20), message(20)])
    expect(messages.pass(octets, 0, 40, false)).toBe(25)
    expect([given().length, messages.heldOctets, budget.octets]).toEqual([25, 0, 0])
  })

  test("one that is too large passes as it comes, and the client is within it meanwhile", () => {
    const { messages, given } = bed(24)
    const octets = message(20)
    messages.pass(octets, 0, 10, false)
    expect([given().length, messages.isMidMessage]).toEqual([10, true])
    messages.pass(octets, 10, 25, false)
    expect([messages.isMidMessage, messages.delivered]).toEqual([false, 1])
    const fits = message(19)
    messages.pass(fits, 0, 10, false)
    expect([given().length, messages.isMidMessage]).toEqual([25, false])
  })

  test("what is held of a leg that ended goes, and the next leg begins with a message", () => {
    const { messages, given, budget } = bed()
    const octets = message(20)
    messages.pass(octets, 0, 10, false)
    expect(messages.discard()).toBe(10)
    messages.pass(octets, 0, 25, false)
    expect(given().equals(octets)).toBe(true)
    expect([messages.delivered, budget.octets]).toEqual([1, 0])
  })

  test("an end of stream with the last octet of a message goes with it, and once", () => {
    const { messages, given, ends } = bed()
    const octets = Buffer.concat([message(20), message(3)])
    messages.pass(octets, 0, 10, false)
    expect(messages.pass(octets, 10, 33, true)).toBe(33)
    expect([given().equals(octets), ends(), messages.isMidMessage, messages.delivered]).toEqual([
      true,
      1,
      false,
      2,
    ])
  })

  test("an end of stream behind a whole message and a part of one comes once, with the part", () => {
    const { messages, given, ends } = bed()
    const octets = Buffer.concat([message(20), message(3)])
    messages.pass(octets, 0, 10, false)
    messages.pass(octets, 10, 27, true)
    expect([given().length, ends(), messages.isMidMessage]).toEqual([27, 1, true])
  })

  test("while memory is short a message is cut through, and none is held", () => {
    const { messages, budget, given } = bed()
    budget.add(2 ** 50)
    expect(messages.pass(message(20), 0, 10, false)).toBe(10)
    expect([given().length, messages.heldOctets, messages.isMidMessage]).toEqual([10, 0, true])
  })

  test("what is held is given whole, and counts as taken", () => {
    const { messages, given, budget } = bed()
    messages.pass(message(20), 0, 10, false)
    messages.pass(message(20), 10, 15, false)
    expect(messages.release()).toBe(15)
    expect([given().length, messages.heldOctets, budget.octets, messages.release()]).toEqual([15, 0, 0, 0])
  })

  test("counts on from what the client had by then", () => {
    const { messages } = bed(100, 7)
    messages.pass(message(20), 0, 25, false)
    expect(messages.delivered).toBe(8)
  })

  test("a whole message behind the rest of one that was cut through counts", () => {
    const { messages, given } = bed(24)
    const octets = message(20)
    messages.pass(octets, 0, 10, false)
    messages.pass(octets, 10, 20, false)
    expect(messages.isMidMessage).toBe(true)
    messages.pass(Buffer.concat([octets.subarray(20), message(3)]), 0, 13, false)
    expect([messages.isMidMessage, messages.delivered, given().length]).toEqual([false, 2, 33])
  })

  test("an end of stream within a message lets go of what is held", () => {
    const { messages, given, ends } = bed()
    const octets = message(20)
    messages.pass(octets, 0, 10, false)
    messages.pass(octets, 10, 15, true)
    expect([given().length, ends()]).toEqual([15, 1])
  })

  test("however octets are cut, the client has whole messages at every moment, and all of them in the end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 60 }),
        (sizes, cuts) => {
          const { messages, given, budget } = bed()
          const all = Buffer.concat(sizes.map(message))
          const ends = new Set<number>([0])
          let end = 0
          for (const size of sizes) ends.add((end += 5 + size))
          for (let at = 0, i = 0; at < all.length; i++) {
            const to = Math.min(all.length, at + cuts[i % cuts.length]!)
            messages.pass(all, at, to, false)
            at = to
            expect(ends.has(given().length)).toBe(true)
          }
          expect(given().equals(all)).toBe(true)
          expect([messages.delivered, budget.octets]).toEqual([sizes.length, 0])
        },
      ),
    )
  })
})
