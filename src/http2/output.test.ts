import { describe, expect, test } from "vitest"
import { Flag, FrameType } from "./frame/types.ts"
import { NO_OUTPUT, Output, type OutputChunk, recycleChunk } from "./output.ts"

const SMALL = 4096
const LARGE = 131_072
const MUCH = LARGE - 16_384 - 9

function output() {
  const calls: string[] = []
  const made = new Output({
    onOutput: () => void calls.push("output"),
    onMuchOutput: () => void calls.push("much"),
  })
  return { made, take: (): string[] => calls.splice(0) }
}

const octetsOf = (chunks: readonly OutputChunk[]): Buffer =>
  Buffer.concat(chunks.map(({ buffer, length }) => buffer.subarray(0, length)))

/** What has been written, as the kernel would take it. */
function written(made: Output): Buffer {
  const chunks = made.take()
  const octets = octetsOf(chunks)
  for (const { buffer } of chunks) recycleChunk(buffer)
  made.sent(octets.length)
  return octets
}

/** A row of octets that tells each from its neighbours. */
const octets = (many: number): Buffer =>
  Buffer.from(Array.from({ length: many }, (_, i) => (i * 7 + (i >> 8)) & 0xff))
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex")
const raw = (made: Output, many: number): void => made.raw(octets(many))

describe("frames (RFC 9113 §4.1)", () => {
  test.each<[string, (made: Output) => void, string]>([
    [
      "DATA",
      (made) => made.data(0x01020304, Buffer.from("xabcx"), 1, 4, false),
      "000003 00 00 01020304 616263",
    ],
    [
      "DATA that ends",
      (made) => made.data(0x7f000001, Buffer.from("a"), 0, 1, true),
      "000001 00 01 7f000001 61",
    ],
    ["DATA of nothing", (made) => made.data(1, Buffer.alloc(0), 0, 0, true), "000000 00 01 00000001"],
    ["any other", (made) => made.frame(0xab, 0xcd, 0x00fe0100, hex("0102")), "000002 ab cd 00fe0100 0102"],
    ["one of no payload", (made) => made.frame(4, 1, 0, hex("")), "000000 04 01 00000000"],
    ["a number", (made) => made.uint32Frame(8, 0x0a0b0c0d, 0x7edcba98), "000004 08 00 0a0b0c0d 7edcba98"],
    ["HEADERS", (made) => made.headers(5, hex("8284"), false, 10), "000002 01 04 00000005 8284"],
    ["HEADERS that end", (made) => made.headers(5, hex("82"), true, 10), "000001 01 05 00000005 82"],
    ["octets as they are", (made) => made.raw(hex("00ff")), "00ff"],
  ])("%s", (_, write, expected) => {
    const { made } = output()
    write(made)
    expect(written(made)).toEqual(hex(expected))
  })

  test("a length takes three octets", () => {
    for (const length of [0x0102, 0x010203]) {
      const { made } = output()
      made.data(1, Buffer.alloc(length, 1), 0, length, false)
      const all = written(made)
      expect([all.readUIntBE(0, 3), all.length]).toEqual([length, 9 + length])
      const other = output().made
      other.frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(length, 1))
      expect(written(other).readUIntBE(0, 3)).toBe(length)
    }
  })

  test.each([
    ["less than a frame", 4, [[FrameType.HEADERS, Flag.END_HEADERS, 4]]],
    ["a whole frame", 5, [[FrameType.HEADERS, Flag.END_HEADERS, 5]]],
    [
      "an octet more",
      6,
      [
        [FrameType.HEADERS, 0, 5],
        [FrameType.CONTINUATION, Flag.END_HEADERS, 1],
      ],
    ],
    [
      "two frames",
      10,
      [
        [FrameType.HEADERS, 0, 5],
        [FrameType.CONTINUATION, Flag.END_HEADERS, 5],
      ],
    ],
    [
      "two and an octet",
      11,
      [
        [FrameType.HEADERS, 0, 5],
        [FrameType.CONTINUATION, 0, 5],
        [FrameType.CONTINUATION, Flag.END_HEADERS, 1],
      ],
    ],
    ["nothing", 0, [[FrameType.HEADERS, Flag.END_HEADERS, 0]]],
  ])("a header block of %s", (_, length, expected) => {
    for (const endStream of [false, true]) {
      const { made } = output()
      made.headers(0x01000203, octets(length), endStream, 5)
      const all = written(made)
      const frames: number[][] = []
      const payload: Buffer[] = []
      for (let at = 0; at < all.length; ) {
        const size = all.readUIntBE(at, 3)
        expect(all.readUInt32BE(at + 5)).toBe(0x01000203)
        frames.push([all[at + 3]!, all[at + 4]!, size])
        payload.push(all.subarray(at + 9, at + 9 + size))
        at += 9 + size
      }
      const flag = endStream ? Flag.END_STREAM : 0
      expect(frames).toEqual(
        expected.map(([type, flags, size], index) => [type, flags! | (index === 0 ? flag : 0), size]),
      )
      expect(Buffer.concat(payload)).toEqual(octets(length))
    }
  })
})

describe("DATA that follows DATA", () => {
  const data =
    (id: number, text: string, isLast = false) =>
    (made: Output): void =>
      made.data(id, Buffer.from(text), 0, text.length, isLast)

  test.each<[string, ((made: Output) => void)[], string]>([
    ["of its stream joins it", [data(1, "ab"), data(1, "c")], "000003 00 00 00000001 616263"],
    ["as often as it comes", [data(1, "a"), data(1, "b"), data(1, "c")], "000003 00 00 00000001 616263"],
    ["and ends it", [data(1, "a"), data(1, "b", true)], "000002 00 01 00000001 6162"],
    ["with nothing but END_STREAM", [data(1, "a"), data(1, "", true)], "000001 00 01 00000001 61"],
    [
      "of another stream does not",
      [data(1, "a"), data(3, "b"), data(1, "c")],
      "000001 00 00 00000001 61 000001 00 00 00000003 62 000001 00 00 00000001 63",
    ],
    [
      "with HEADERS between",
      [data(1, "a"), (made) => made.headers(3, hex("82"), false, 10), data(1, "b")],
      "000001 00 00 00000001 61 000001 01 04 00000003 82 000001 00 00 00000001 62",
    ],
    [
      "with WINDOW_UPDATE between",
      [data(1, "a"), (made) => made.uint32Frame(8, 1, 2), data(1, "b")],
      "000001 00 00 00000001 61 000004 08 00 00000001 00000002 000001 00 00 00000001 62",
    ],
    [
      "with another frame between",
      [data(1, "a"), (made) => made.frame(6, 1, 0, hex("")), data(1, "b")],
      "000001 00 00 00000001 61 000000 06 01 00000000 000001 00 00 00000001 62",
    ],
    [
      "with octets as they are between",
      [data(1, "a"), (made) => made.raw(hex("ff")), data(1, "b")],
      "000001 00 00 00000001 61 ff 000001 00 00 00000001 62",
    ],
    [
      "nothing joins what has ended",
      [data(1, "a", true), data(1, "b")],
      "000001 00 01 00000001 61 000001 00 00 00000001 62",
    ],
    [
      "or has ended in another frame",
      [data(1, "a"), data(1, "b", true), data(1, "c")],
      "000002 00 01 00000001 6162 000001 00 00 00000001 63",
    ],
  ])("%s", (_, writes, expected) => {
    const { made } = output()
    for (const write of writes) write(made)
    expect(made.unsentOctets).toBe(hex(expected).length)
    expect(written(made)).toEqual(hex(expected))
  })

  /** Lengths of the frames that pieces of such lengths make behind `before` octets. */
  function frames(before: number, pieces: readonly number[]): number[] {
    const { made } = output()
    if (before > 0) raw(made, before)
    const all = octets(pieces.reduce((sum, piece) => sum + piece, 0))
    let from = 0
    for (const piece of pieces) {
      made.data(1, all, from, from + piece, false)
      from += piece
    }
    const out = written(made)
    const found: number[] = []
    const payload: Buffer[] = []
    for (let at = before; at < out.length; ) {
      const length = out.readUIntBE(at, 3)
      expect(out.subarray(at + 3, at + 9)).toEqual(hex("00 00 00000001"))
      found.push(length)
      payload.push(out.subarray(at + 9, at + 9 + length))
      at += 9 + length
    }
    expect(Buffer.concat(payload)).toEqual(all)
    return found
  }

  test.each<[string, number, number[], number[]]>([
    ["fill a frame of the size that every peer takes", 0, [4000, 4000, 4000, 4000, 384], [16_384]],
    ["go past it", 0, [4000, 4000, 4000, 4000, 385], [16_000, 385]],
    ["fill a small chunk", 0, [4000, SMALL - 9 - 4000], [SMALL - 9]],
    ["outgrow a small chunk", 0, [4000, SMALL - 8 - 4000, 1], [SMALL - 7]],
    ["are large behind a small one", 0, [4000, 10_000], [14_000]],
    ["fill a large chunk", LARGE - 9 - 300, [100, 200], [300]],
    ["go past it", LARGE - 9 - 300, [100, 201, 1], [100, 202]],
    ["begin at its end", LARGE - 9, [1, 2, 3], [6]],
    ["lie in two chunks", LARGE - 5000, [10_000, 1, 2], [10_000, 3]],
  ])("pieces that %s", (_, before, pieces, expected) => {
    expect(frames(before, pieces)).toEqual(expected)
  })

  test("what was taken is not changed any more", () => {
    const { made } = output()
    made.data(1, Buffer.from("ab"), 0, 2, false)
    const taken = octetsOf(made.take())
    made.uint32Frame(3, 5, 8)
    made.data(1, Buffer.from("c"), 0, 1, false)
    expect(taken).toEqual(hex("000002 00 00 00000001 6162"))
    expect(written(made)).toEqual(hex("000004 03 00 00000005 00000008 000001 00 00 00000001 63"))
  })

  test("nor behind as many octets as had been taken", () => {
    const { made } = output()
    made.data(1, Buffer.from("ab"), 0, 2, false)
    made.take()
    raw(made, 11)
    made.data(1, Buffer.from("c"), 0, 1, false)
    expect(written(made).subarray(11)).toEqual(hex("000001 00 00 00000001 63"))
  })

  test("the host is told when it has become much", () => {
    const { made, take } = output()
    raw(made, MUCH - 10 - 1)
    made.data(1, octets(1), 0, 1, false)
    take()
    made.data(1, octets(1), 0, 1, false)
    expect(take()).toEqual(["much"])
  })
})

describe("chunks", () => {
  test("there are none while there is nothing", () => {
    const { made } = output()
    expect([made.isEmpty, made.take(), made.isEmpty]).toEqual([true, [], true])
  })

  /** Lengths of the buffers that so much is written in, and how much of each. */
  function layout(made: Output): [size: number, filled: number][] {
    const chunks = made.take()
    const found = chunks.map(({ buffer, length }): [number, number] => [buffer.length, length])
    made.sent(octetsOf(chunks).length)
    return found
  }

  test.each<[string, number[], [number, number][]]>([
    ["little", [1], [[SMALL, 1]]],
    ["a small one, filled", [SMALL], [[SMALL, SMALL]]],
    ["one more: all in a large one", [SMALL, 1], [[LARGE, SMALL + 1]]],
    ["at once", [SMALL + 1], [[LARGE, SMALL + 1]]],
    ["a large one, filled", [LARGE], [[LARGE, LARGE]]],
    [
      "and one octet",
      [LARGE, 1],
      [
        [LARGE, LARGE],
        [LARGE, 1],
      ],
    ],
    [
      "two and one octet",
      [2 * LARGE + 1],
      [
        [LARGE, LARGE],
        [LARGE, LARGE],
        [LARGE, 1],
      ],
    ],
  ])("%s", (_, pieces, expected) => {
    const { made } = output()
    for (const piece of pieces) raw(made, piece)
    expect(layout(made)).toEqual(expected)
  })

  test.each([
    ["a small one after as much as one holds", SMALL, SMALL],
    ["a large one after more", SMALL + 1, LARGE],
  ])("the next begins with %s", (_, before, size) => {
    const { made } = output()
    raw(made, before)
    layout(made)
    raw(made, 1)
    expect(layout(made)).toEqual([[size, 1]])
    raw(made, 1)
    expect(layout(made)).toEqual([[SMALL, 1]])
  })

  test.each([
    ["fits to the octet", SMALL - 9 - 3, [[SMALL, SMALL]]],
    ["is an octet too long", SMALL - 9 - 2, [[LARGE, SMALL + 1]]],
  ] as const)("a frame of DATA that %s", (_, before, expected) => {
    const { made } = output()
    raw(made, before)
    made.data(1, octets(3), 0, 3, false)
    const chunks = made.take()
    expect(chunks.map(({ buffer, length }) => [buffer.length, length])).toEqual(expected)
    expect(octetsOf(chunks).subarray(-3)).toEqual(octets(3))
    expect(octetsOf(chunks).subarray(0, before)).toEqual(octets(before))
  })

  test.each([
    ["as a small chunk holds", SMALL - 9],
    ["one octet more", SMALL - 8],
    ["a large chunk", LARGE],
  ])("DATA of as much %s goes through whole, wherever it begins", (_, length) => {
    for (const before of [0, 10, SMALL - 5, LARGE - 9, LARGE - 5, LARGE - 1]) {
      const { made } = output()
      raw(made, before)
      made.data(3, octets(length), 0, length, true)
      made.uint32Frame(3, 5, 8)
      const all = written(made)
      expect(all.subarray(0, before)).toEqual(octets(before))
      expect(all.readUIntBE(before, 3)).toBe(length)
      expect(all.subarray(before + 9, before + 9 + length)).toEqual(octets(length))
      expect(all.subarray(before + 9 + length)).toEqual(hex("000004 03 00 00000005 00000008"))
    }
  })

  test("a full chunk leaves no gap in a row of short frames", () => {
    const { made } = output()
    const one = hex("000004 08 00 00000001 00000002")
    for (let i = 0; i < 12_000; i++) made.uint32Frame(8, 1, 2)
    const all = written(made)
    expect(all.equals(Buffer.concat(Array.from({ length: 12_000 }, () => one)))).toBe(true)
  })

  test.each([
    ["small", 1],
    ["large", SMALL + 1],
  ])("a %s one that was given back is used again", (_, many) => {
    const { made } = output()
    raw(made, many)
    const [first] = made.take()
    recycleChunk(first!.buffer)
    const next = output().made
    raw(next, many)
    expect(next.take()[0]!.buffer).toBe(first!.buffer)
  })

  test("a small one that became large is used again", () => {
    const { made } = output()
    raw(made, 1)
    const before = output().made
    raw(before, SMALL)
    const [small] = before.take()
    recycleChunk(small!.buffer)
    const growing = output().made
    raw(growing, SMALL)
    raw(growing, 1)
    const after = output().made
    raw(after, 1)
    expect(after.take()[0]!.buffer).toBe(small!.buffer)
  })

  test("buffers of any other length are not kept", () => {
    const foreign = Buffer.allocUnsafeSlow(100)
    recycleChunk(foreign)
    for (const many of [1, SMALL + 1]) {
      const { made } = output()
      raw(made, many)
      expect(made.take()[0]!.buffer).not.toBe(foreign)
    }
  })
})

describe("what the host is told", () => {
  test("the first octets since the last take", () => {
    const { made, take } = output()
    made.uint32Frame(8, 1, 1)
    expect([take(), made.isEmpty]).toEqual([["output"], false])
    raw(made, 5000)
    made.data(1, octets(1), 0, 1, false)
    expect(take()).toEqual([])
    made.take()
    expect(made.isEmpty).toBe(true)
    raw(made, 1)
    expect(take()).toEqual(["output"])
  })

  test("octets as they are that make it much, and each that follow", () => {
    const { made, take } = output()
    raw(made, MUCH - 1)
    expect(take()).toEqual(["output"])
    raw(made, 1)
    expect(take()).toEqual(["much"])
    raw(made, 1)
    expect(take()).toEqual(["much"])
  })

  test("DATA that makes it much, and each that follows", () => {
    const { made, take } = output()
    raw(made, MUCH - 9 - 2)
    take()
    made.data(1, octets(1), 0, 1, false)
    expect(take()).toEqual([])
    made.take()
    raw(made, MUCH - 9 - 1)
    take()
    made.data(1, octets(1), 0, 1, false)
    expect(take()).toEqual(["much"])
    made.data(1, octets(1), 0, 1, false)
    expect(take()).toEqual(["much"])
  })

  test("frames other than DATA do not", () => {
    const { made, take } = output()
    raw(made, MUCH - 1)
    take()
    made.uint32Frame(8, 1, 1)
    expect(take()).toEqual([])
  })

  test("the output of nobody says nothing", () => {
    NO_OUTPUT.data(1, Buffer.alloc(MUCH), 0, MUCH, false)
    expect(NO_OUTPUT.isEmpty).toBe(false)
    NO_OUTPUT.take()
  })
})

describe("text", () => {
  test.each<[name: string, before: number, text: string]>([
    ["of an octet a character", 0, "a\xe9\0\xff"],
    ["behind others", 10, "ab"],
    ["that its chunk has no room for", 4090, "0123456789"],
    ["longer than a small chunk", 0, "x".repeat(5000)],
    ["longer than the largest chunk", 3, "y".repeat(70_000)],
  ])("%s", (_name, before, text) => {
    const { made } = output()
    made.raw(Buffer.alloc(before, "-"))
    made.text(text)
    expect(made.waitingOctets).toBe(before + text.length)
    const chunks = made.take().map(({ buffer, length }) => buffer.toString("latin1", 0, length))
    expect(chunks.join("")).toBe("-".repeat(before) + text)
    expect(made.waitingOctets).toBe(0)
  })

  test("a part of octets", () => {
    const { made } = output()
    made.raw(Buffer.from("0123456789"), 2, 5)
    expect(made.take().map(({ buffer, length }) => buffer.toString("latin1", 0, length))).toEqual(["234"])
  })
})

describe("what is unsent", () => {
  test("is what waits here and what the socket holds", () => {
    const { made } = output()
    raw(made, 100)
    expect(made.unsentOctets).toBe(100)
    made.take()
    raw(made, 20)
    expect(made.unsentOctets).toBe(120)
    made.sent(60)
    expect(made.unsentOctets).toBe(60)
    made.sent(40)
    expect(made.unsentOctets).toBe(20)
  })

  test("control frames count until the kernel has all that was taken with them", () => {
    const { made } = output()
    made.frame(6, 0, 0, octets(8))
    made.uint32Frame(3, 1, 1)
    made.headers(1, octets(10), false, 5)
    made.data(1, octets(1), 0, 1, false)
    raw(made, 1)
    expect(made.controlFrames).toBe(3)
    const taken = octetsOf(made.take()).length
    made.uint32Frame(3, 3, 1)
    expect(made.controlFrames).toBe(4)
    made.sent(taken - 1)
    expect(made.controlFrames).toBe(4)
    made.sent(1)
    expect(made.controlFrames).toBe(1)
    // The rest was not taken yet, so nothing of it can have been sent.
    made.sent(0)
    expect(made.controlFrames).toBe(1)
    made.sent(octetsOf(made.take()).length)
    expect([made.controlFrames, made.unsentOctets]).toEqual([0, 0])
  })
})
