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

function bed(
  mostOctets = 1000,
  limits = defaultLimits,
  onGiven: (messages: CursorMessages) => void = () => {},
) {
  let given = NO_OCTETS
  let ends = 0
  const sink = {
    sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
      given = Buffer.concat([given, octets.subarray(start, end)])
      if (endStream) ends++
      onGiven(messages)
      return end - start
    },
  }
  const budget = new BufferBudget(limits)
  const messages: CursorMessages = new CursorMessages(sink, budget, mostOctets, [4])
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

  test("nothing waits of a call that ends with what the client is given", () => {
    const { messages, budget, push, letters } = bed(1000, defaultLimits, (all) => void all.discard())
    push(Buffer.concat([message("a", "1"), message("b")]))
    expect([letters(), messages.heldOctets, budget.octets]).toEqual(["a", 0, 0])
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
    messages.onHead(true)
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

describe("how many octets the client has taken at once", () => {
  /** Octets of `pieces`, one after the other, within a larger buffer: what each call returns. */
  const taken = (most: number, pieces: Buffer[], endsWith = false): { returned: number[]; held: number } => {
    const { messages } = bed(most)
    const returned = pieces.map((piece, at) => {
      const around = Buffer.concat([Buffer.from("#####"), piece, Buffer.from("##")])
      return messages.pass(around, 5, 5 + piece.length, endsWith && at === pieces.length - 1)
    })
    return { returned, held: messages.heldOctets }
  }
  const [a, b] = [message("a"), message("b", "t1")]

  test("none of what waits, all of what is given, with what waited before", () => {
    expect(taken(1000, [a, b]).returned).toEqual([0, a.length + b.length])
    expect(taken(1000, [a.subarray(0, 3), Buffer.concat([a.subarray(3), b])]).returned).toEqual([
      0,
      a.length + b.length,
    ])
  })

  test("all that is left at the end of the stream", () => {
    expect(taken(1000, [a, a.subarray(0, 4)], true)).toEqual({ returned: [0, a.length + 4], held: 0 })
    expect(taken(1000, [a, Buffer.alloc(0)], true)).toEqual({ returned: [0, a.length], held: 0 })
  })

  test("all of what is more than is held, to the octet", () => {
    const two = Buffer.concat([a, a])
    expect(taken(2 * a.length, [two])).toEqual({ returned: [0], held: 2 * a.length })
    expect(taken(2 * a.length - 1, [two])).toEqual({ returned: [2 * a.length], held: 0 })
  })

  test("what is known of a message that has begun counts as all of it", () => {
    const known = a.subarray(0, 6)
    expect(taken(2 * a.length, [a, known])).toEqual({ returned: [0, 0], held: a.length + 6 })
    expect(taken(2 * a.length - 1, [a, known])).toEqual({ returned: [0, a.length + 6], held: 0 })
    // Of what its prefix does not say yet no more is known than what came.
    expect(taken(a.length + 4, [a, a.subarray(0, 2), a.subarray(2, 4)])).toEqual({
      returned: [0, 0, 0],
      held: a.length + 4,
    })
    expect(taken(a.length + 3, [a, a.subarray(0, 2), a.subarray(2, 4)]).held).toBe(0)
  })

  test("parts of one message count once, and no longer when it is whole", () => {
    const pieces = [a.subarray(0, 6), a.subarray(6, 7), a.subarray(7), a]
    expect(taken(2 * a.length, pieces)).toEqual({ returned: [0, 0, 0, 0], held: 2 * a.length })
    const released = [a.subarray(0, 6), Buffer.concat([a.subarray(6), b]), a.subarray(0, 6), a.subarray(6)]
    expect(taken(a.length, released).held).toBe(a.length)
  })

  test("of a leg that is lost none of what waited counts any more", () => {
    const { messages } = bed(a.length)
    messages.pass(a, 0, 6, false)
    messages.discard()
    messages.pass(a, 0, a.length, false)
    expect(messages.heldOctets).toBe(a.length)
  })
})

describe("messages that do not wait", () => {
  test("where the backend goes on by itself: what it says stands for no token any more", () => {
    const { messages, push, token, letters } = bed()
    push(message("a", "t1"))
    expect(token()).toBe("t1")
    messages.awaitsTokens = false
    push(message("b"))
    expect([letters(), token()]).toEqual(["ab", null])
  })

  test("those behind one that was cut through, until the next token", () => {
    const { messages, push, letters, token } = bed(SIZE)
    const large = message("l".repeat(60))
    messages.pass(large, 0, 10, false)
    expect([messages.isMidMessage, messages.heldOctets]).toEqual([true, 0])
    messages.pass(large, 10, large.length, false)
    expect(messages.isMidMessage).toBe(false)
    push(message("b"))
    expect([letters().slice(-1), token()]).toEqual(["b", null])
    push(message("c", "t2"))
    expect(token()).toBe("t2")
    push(message("d"))
    expect([messages.heldOctets, token()]).toEqual([SIZE, "t2"])
  })
})
