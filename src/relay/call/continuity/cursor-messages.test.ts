import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../../base/limits.ts"
import { seededRandom } from "../../../base/random.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import { CursorMessages } from "./cursor-messages.ts"

const NO_OCTETS = Buffer.alloc(0)

/** A message of a letter in field 1 and, where there is one, a token in field 4. */
function message(letter: string, token: string | null = null, isCompressed = false): Buffer {
  const field = (number: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([number * 8 + 2, text.length]), Buffer.from(text)])
  const body = Buffer.concat([field(1, letter), token === null ? NO_OCTETS : field(4, token)])
  const prefix = Buffer.from([isCompressed ? 1 : 0, 0, 0, 0, body.length])
  return Buffer.concat([prefix, body])
}

const SIZE = message("a").length

function bed(mostOctets = 1000, limits = defaultLimits) {
  let given = NO_OCTETS
  let ends = 0
  const sink = {
    sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
      given = Buffer.concat([given, octets.subarray(start, end)])
      if (endStream) ends++
      return end - start
    },
  }
  const budget = new BufferBudget(limits)
  const messages = new CursorMessages(sink, budget, mostOctets, [4])
  const push = (octets: Buffer, piece = octets.length): void => {
    const around = Buffer.concat([Buffer.from("#######"), octets, Buffer.from("##")])
    for (let at = 0; at < octets.length; at += piece)
      messages.pass(around, 7 + at, 7 + Math.min(at + piece, octets.length), false)
  }
  /** Whole messages that the client has, by their letters. */
  const letters = (): string => {
    let text = ""
    for (let at = 0; at < given.length; at += 5 + given[at + 4]!) text += String.fromCharCode(given[at + 7]!)
    return text
  }
  const token = (): string | null => messages.token?.octets.toString() ?? null
  return { messages, budget, push, letters, token, given: () => given, ends: () => ends }
}

describe("messages wait for a resume token", () => {
  test.each([1, 2, 5, 7, 1000])("cut into pieces of %i octets", (piece) => {
    const { messages, budget, push, letters, token } = bed()
    push(Buffer.concat([message("a"), message("b")]), piece)
    expect([letters(), messages.delivered, messages.heldOctets, token()]).toEqual(["", 0, 2 * SIZE, null])
    push(message("c", "t1"), piece)
    expect([letters(), messages.delivered, messages.heldOctets, token()]).toEqual(["abc", 3, 0, "t1"])
    push(Buffer.concat([message("d", "t2"), message("e")]), piece)
    expect([letters(), messages.delivered, messages.heldOctets, token()]).toEqual(["abcd", 4, SIZE, "t2"])
    expect(budget.octets).toBe(SIZE)
  })

  test("a leg that is lost takes with it what waits; the next begins with a message", () => {
    const { messages, budget, push, letters, token } = bed()
    push(Buffer.concat([message("a", "t1"), message("b"), message("c").subarray(0, 6)]))
    expect(messages.discard()).toBe(SIZE + 6)
    push(Buffer.concat([message("b"), message("c", "t2")]))
    expect([letters(), messages.delivered, token(), budget.octets]).toEqual(["abc", 3, "t2", 0])
  })

  test("an answer that is whole brings what waits", () => {
    const { messages, push, letters, token, ends } = bed()
    push(Buffer.concat([message("a", "t1"), message("b")]))
    messages.release()
    expect([letters(), messages.delivered, token()]).toEqual(["ab", 2, null])
    messages.pass(NO_OCTETS, 0, 0, true)
    expect(ends()).toBe(1)
  })

  test("more than is held: all of it goes, and the call cannot go on until the next token", () => {
    const { messages, push, letters, token } = bed(2 * SIZE)
    push(Buffer.concat([message("a", "t1"), message("b"), message("c")]))
    expect([letters(), token()]).toEqual(["a", "t1"])
    push(message("d"))
    expect([letters(), messages.delivered, token()]).toEqual(["abcd", 4, null])
    push(message("e"))
    expect([letters(), token()]).toEqual(["abcde", null])
    push(Buffer.concat([message("f", "t2"), message("g")]))
    expect([letters(), messages.delivered, token()]).toEqual(["abcdef", 6, "t2"])
  })

  test("one that is larger than is held passes as it comes, and its token counts all the same", () => {
    const large = message("a", "t".repeat(40))
    const { messages, push, given, token } = bed(large.length - 1)
    push(large.subarray(0, 20))
    expect([given().length, messages.isMidMessage, token()]).toEqual([20, true, null])
    push(large.subarray(20))
    expect([messages.isMidMessage, messages.delivered, token()]).toEqual([false, 1, "t".repeat(40)])
  })

  test("one that is larger than is held and has no token: the call cannot go on", () => {
    const { push, token } = bed(SIZE - 1)
    push(message("a", "t"))
    push(message("b"))
    expect(token()).toBe(null)
  })

  test.each<[what: string, octets: Buffer]>([
    ["is compressed", message("b", "t2", true)],
    ["is no message", Buffer.from([0, 0, 0, 0, 3, 0x22, 9, 9])],
    ["has a token larger than is kept", message("b", "x".repeat(127))],
  ])("one that %s is passed on, and the call cannot go on until the next token", (_, octets) => {
    const { messages, push, given, token } = bed()
    push(message("a", "t1"))
    push(octets)
    const isReadable = octets.includes("x".repeat(127))
    expect([given().length, messages.heldOctets]).toEqual([message("a", "t1").length + octets.length, 0])
    expect(token()).toBe(isReadable ? "x".repeat(127) : null)
    push(message("c", "t3"))
    expect(token()).toBe("t3")
  })

  test("while memory is short none waits", () => {
    const { messages, budget, push, letters, token } = bed(1000, {
      ...defaultLimits,
      bufferedOctetsMax: 1000,
    })
    push(message("a", "t1"))
    budget.add(900)
    push(message("b"))
    expect([letters(), messages.heldOctets, token()]).toEqual(["ab", 0, null])
  })

  test("with a backend that speaks of continuity itself none waits", () => {
    const { messages, push, letters, token } = bed()
    messages.awaitsTokens = false
    push(Buffer.concat([message("a", "t1"), message("b")]))
    expect([letters(), messages.delivered, token()]).toEqual(["ab", 2, null])
  })
})

describe("whatever comes, cut anywhere", () => {
  test.each([
    [1, 1000],
    [2, 1000],
    [3, 3 * SIZE],
    [4, 2 * SIZE - 1],
    [5, SIZE],
    [6, SIZE - 1],
  ])("run %i with %i octets held at most", (seed, mostOctets) => {
    const random = seededRandom(seed)
    const { messages, budget, token, given, ends } = bed(mostOctets)
    const sent: { end: number; token: string | null }[] = []
    let stream = NO_OCTETS
    for (let at = 0; at < 200; at++) {
      const own = random() < 0.3 ? `t${at}` : null
      stream = Buffer.concat([stream, message("a", own)])
      sent.push({ end: stream.length, token: own })
    }
    let taken = 0
    for (let at = 0; at < stream.length; ) {
      const end = Math.min(stream.length, at + 1 + Math.floor(random() * 20))
      const around = Buffer.concat([Buffer.from("##"), stream.subarray(at, end), Buffer.from("#")])
      taken += messages.pass(around, 2, 2 + end - at, false)
      at = end
      const has = given().length
      expect(given().equals(stream.subarray(0, has))).toBe(true)
      expect([taken, messages.heldOctets, budget.octets]).toEqual([has, at - has, at - has])
      expect(at - has).toBeLessThanOrEqual(mostOctets)
      const whole = sent.filter((one) => one.end <= has)
      expect(messages.delivered).toBe(whole.length)
      expect(messages.isMidMessage).toBe((whole.at(-1)?.end ?? 0) < has)
      // Between two messages, of which the first has a token, the call can go on from that.
      if (!messages.isMidMessage) expect(token()).toBe(whole.at(-1)?.token ?? null)
      // With room enough all after the last token waits.
      const last = sent.findLast((one) => one.end <= at && one.token !== null)
      if (mostOctets === 1000) expect(has).toBe(last?.end ?? 0)
    }
    const held = messages.heldOctets
    expect(messages.pass(stream, 0, 0, true)).toBe(held)
    expect([given().length, messages.delivered, ends(), budget.octets]).toEqual([stream.length, 200, 1, 0])
  })
})
