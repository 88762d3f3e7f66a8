import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { FrameType } from "./frame/types.ts"
import { FrameReader } from "./frame-reader.ts"

const MAX = 20_000

function frame(payload: number, type: number = FrameType.PING, fill = 7): Buffer {
  const octets = Buffer.alloc(9 + payload, fill)
  octets.writeUIntBE(payload, 0, 3)
  octets[3] = type
  return octets
}

/** Reads octets in pieces, each through a buffer that is overwritten afterwards. */
class Reading {
  readonly frames: Buffer[] = []
  /** The buffers that frames were handed on in. */
  readonly rooms: Buffer[] = []
  /** The room that each stream has, and who asked. */
  room = Number.POSITIVE_INFINITY
  readonly asked: number[] = []
  /** The sink says false after so many frames. */
  stopsAfter = Number.POSITIVE_INFINITY
  readonly reader = new FrameReader(MAX, {
    onFrame: (octets, start, end) => {
      this.frames.push(Buffer.from(octets.subarray(start, end)))
      this.rooms.push(octets)
      return this.frames.length < this.stopsAfter
    },
    dataRoom: (streamId) => {
      this.asked.push(streamId)
      return this.room
    },
  })

  read(...pieces: Buffer[]): boolean[] {
    return pieces.map((piece) => {
      // Octets stand around what was read.
      const shared = Buffer.concat([Buffer.alloc(3, 0xee), piece, Buffer.alloc(3, 0xee)])
      const isRead = this.reader.read(shared, 3, 3 + piece.length)
      shared.fill(0xdd)
      return isRead
    })
  }
}

const cut = (octets: Buffer, ...at: number[]): Buffer[] =>
  [0, ...at].map((start, index) => octets.subarray(start, at[index] ?? octets.length))

describe("frames come out as they went in", () => {
  // Around the sizes of the rooms that straddling frames are copied to.
  const sizes = [0, 1, 8, 1014, 1015, 1016, 16_384, 16_385, MAX]
  test.each(sizes)("of %i octets, cut anywhere", (size) => {
    const octets = Buffer.concat([frame(3), frame(size, FrameType.HEADERS, 0x5a), frame(0, FrameType.PING)])
    const cuts = [
      1,
      5,
      8,
      9,
      10,
      11,
      12,
      13,
      16,
      20,
      21,
      22,
      23,
      12 + 9 + (size >> 1),
      12 + 9 + size,
      octets.length - 1,
    ]
    for (const at of cuts.filter((one) => one > 0 && one < octets.length)) {
      const reading = new Reading()
      expect(reading.read(...cut(octets, at))).toEqual([true, true])
      expect(reading.frames).toEqual([frame(3), frame(size, FrameType.HEADERS, 0x5a), frame(0)])
    }
  })

  test("octet by octet, and in threes", () => {
    const octets = Buffer.concat([frame(5), frame(0), frame(30, FrameType.DATA, 1), frame(1)])
    for (const step of [1, 3]) {
      const reading = new Reading()
      for (let at = 0; at < octets.length; at += step) reading.read(octets.subarray(at, at + step))
      expect(reading.frames).toEqual([frame(5), frame(0), frame(30, FrameType.DATA, 1), frame(1)])
    }
  })

  test("lengths take three octets", () => {
    const reading = new Reading()
    const large = new FrameReader(2 ** 24 - 1, {
      onFrame: (octets, start, end) => reading.frames.push(octets.subarray(start, end)) > 0,
      dataRoom: () => 0,
    })
    const octets = frame(0x01_02_03)
    large.read(octets, 0, octets.length)
    large.read(octets, 0, 100)
    large.read(octets, 100, octets.length)
    expect(reading.frames.map(({ length }) => length)).toEqual([9 + 0x01_02_03, 9 + 0x01_02_03])
  })

  test("nothing comes of nothing, before a frame or within one", () => {
    const reading = new Reading()
    expect([reading.read(Buffer.alloc(0)), reading.frames]).toEqual([[true], []])
    const [first, second] = cut(frame(5), 4)
    reading.read(first!)
    expect(reading.reader.read(Buffer.alloc(3), 0, 0)).toBe(true)
    expect([reading.read(second!), reading.frames]).toEqual([[true], [frame(5)]])
  })

  test("many that straddle reads at once", () => {
    for (const size of [50, 2000, 16_385]) {
      const readings = Array.from({ length: 100 }, () => new Reading())
      for (const [at, reading] of readings.entries())
        reading.read(frame(size, FrameType.PING, at).subarray(0, 30))
      for (const [at, reading] of readings.entries())
        reading.read(frame(size, FrameType.PING, at).subarray(30))
      expect(readings.map(({ frames }) => frames)).toEqual(
        readings.map((_, at) => [frame(size, FrameType.PING, at)]),
      )
    }
  })
})

describe("a frame that is longer than allowed", () => {
  test.each([
    ["the most", MAX, true],
    ["one more", MAX + 1, false],
  ])("%s, wherever its head is cut", (_, size, isAllowed) => {
    const octets = frame(size)
    for (const at of [1, 8, 9]) {
      const reading = new Reading()
      expect(reading.read(...cut(octets.subarray(0, 20), at)).at(-1)).toBe(isAllowed)
      expect(reading.frames).toEqual([])
    }
    expect(new Reading().read(octets.subarray(0, 9))).toEqual([isAllowed])
  })

  test("also where it is read from a buffer's start", () => {
    for (const at of [1, 8]) {
      const octets = Buffer.concat([frame(MAX + 1).subarray(0, 9), Buffer.alloc(30)])
      const frames: number[] = []
      const reader = new FrameReader(MAX, {
        onFrame: (_, start, end) => frames.push(end - start) > 0,
        dataRoom: () => 0,
      })
      const rest = Buffer.from(octets.subarray(at))
      expect([reader.read(octets, 0, at), reader.read(rest, 0, rest.length)]).toEqual([true, false])
      expect(frames).toEqual([])
    }
  })

  test("what stands before it is handed on", () => {
    const reading = new Reading()
    expect(reading.read(Buffer.concat([frame(2), frame(MAX + 1).subarray(0, 9)]))).toEqual([false])
    expect(reading.frames).toEqual([frame(2)])
  })
})

describe("DATA behind DATA of its stream joins it", () => {
  const data = (id: number, payload: string, flags = 0) =>
    dsl.frame(FrameType.DATA, flags, id, Buffer.from(payload))
  const ID = 0x01_02_03_04
  const large = "x".repeat(16_383)

  const rows: [string, Buffer[], Buffer[]][] = [
    ["two", [data(ID, "ab"), data(ID, "c")], [data(ID, "abc")]],
    ["many", "abcdefghijk".split("").map((each) => data(ID, each)), [data(ID, "abcdefghijk")]],
    [
      "of streams in turn, each its own",
      [data(1, "a"), data(1, "b"), data(3, "c"), data(3, "d"), data(1, "e")],
      [data(1, "ab"), data(3, "cd"), data(1, "e")],
    ],
    [
      "what follows is read as ever",
      [data(1, "a"), data(1, "b"), frame(3), data(1, "c")],
      [data(1, "ab"), frame(3), data(1, "c")],
    ],
    [
      "lengths of two octets",
      [data(1, "a".repeat(255)), data(1, "b".repeat(300))],
      [data(1, "a".repeat(255) + "b".repeat(300))],
    ],
    ["up to 16,384 octets", [data(1, large), data(1, "y")], [data(1, `${large}y`)]],
    ["not past them", [data(1, large), data(1, "yz"), data(1, "z")], [data(1, large), data(1, "yzz")]],
    [
      "one of 16,384 octets is whole",
      [data(1, `${large}y`), data(1, "z")],
      [data(1, `${large}y`), data(1, "z")],
    ],
  ]
  test.each(rows)("%s", (_, frames, expected) => {
    const reading = new Reading()
    expect([reading.read(Buffer.concat(frames)), reading.frames]).toEqual([[true], expected])
  })

  const apart: [string, Buffer, Buffer][] = [
    ["another stream, by the first octet", data(ID, "a"), data(ID + 0x01_00_00_00, "b")],
    ["by the second", data(ID, "a"), data(ID + 0x01_00_00, "b")],
    ["by the third", data(ID, "a"), data(ID + 0x01_00, "b")],
    ["by the last", data(ID, "a"), data(ID + 1, "b")],
    ["the second ends its stream", data(1, "a"), data(1, "b", 1)],
    ["the first does, which its reader refuses", data(1, "a", 1), data(1, "b")],
    ["the second is padded", data(1, "a"), data(1, "\0b", 8)],
    ["the first is", data(1, "\0a", 8), data(1, "b")],
    [
      "the second is of another type",
      data(1, "a"),
      dsl.frame(FrameType.CONTINUATION, 0, 1, Buffer.from("b")),
    ],
    ["the first is", dsl.frame(FrameType.CONTINUATION, 0, 1, Buffer.from("b")), data(1, "a")],
    ["the second is empty: a flood of those has a limit", data(1, "a"), data(1, "")],
    ["the first is", data(1, ""), data(1, "b")],
  ]
  test.each(apart)("not: %s", (_, first, second) => {
    const reading = new Reading()
    // Behind it another, so that the second is not the last.
    reading.read(Buffer.concat([first, second, frame(1)]))
    expect(reading.frames).toEqual([first, second, frame(1)])
  })

  test.each([
    [3, [data(7, "abc"), data(7, "d")]],
    [2, [data(7, "ab"), data(7, "cd")]],
    [1, [data(7, "a"), data(7, "b"), data(7, "c"), data(7, "d")]],
    [0, [data(7, "a"), data(7, "b"), data(7, "c"), data(7, "d")]],
    [-5, [data(7, "a"), data(7, "b"), data(7, "c"), data(7, "d")]],
  ])("as far as its stream has room: %i octets", (room, expected) => {
    const reading = new Reading()
    reading.room = room
    reading.read(Buffer.concat("abcd".split("").map((each) => data(7, each))))
    expect(reading.frames).toEqual(expected)
    expect(new Set(reading.asked)).toEqual(new Set([7]))
  })

  test("what is not whole is held, wherever it is cut", () => {
    const octets = Buffer.concat([data(1, "ab"), data(1, "cd"), data(1, "ef")])
    for (let at = 1; at < octets.length; at++) {
      const reading = new Reading()
      expect(reading.read(...cut(octets, at))).toEqual([true, true])
      const payloads = reading.frames.map((each) => each.subarray(9).toString())
      expect([at, payloads.join("")]).toEqual([at, "abcdef"])
      for (const each of reading.frames) expect(each.readUIntBE(0, 3)).toBe(each.length - 9)
    }
  })

  test("one that is longer than allowed is found behind it", () => {
    const reading = new Reading()
    expect(
      reading.read(Buffer.concat([data(1, "a"), data(1, "b"), frame(MAX + 1, FrameType.DATA, 0)])),
    ).toEqual([false])
    expect(reading.frames).toEqual([data(1, "ab")])
  })

  test("a sink that says false is handed nothing more", () => {
    const reading = new Reading()
    reading.stopsAfter = 1
    reading.read(Buffer.concat([data(1, "a"), data(1, "b"), data(3, "c")]))
    expect(reading.frames).toEqual([data(1, "ab")])
  })
})

describe("a sink that says false is handed nothing more of what was read", () => {
  test("in the middle of a read", () => {
    const reading = new Reading()
    reading.stopsAfter = 1
    expect(reading.read(Buffer.concat([frame(2), frame(3), frame(4).subarray(0, 5)]))).toEqual([true])
    expect([reading.frames, reading.reader.holdsControlFrame]).toEqual([[frame(2)], false])
  })

  test("by a frame that straddles reads", () => {
    const reading = new Reading()
    reading.stopsAfter = 1
    expect(reading.read(...cut(Buffer.concat([frame(2), frame(3)]), 5))).toEqual([true, true])
    expect([reading.frames, reading.reader.holdsControlFrame]).toEqual([[frame(2)], false])
  })
})

describe("a control frame is held", () => {
  test.each([
    ["nothing has begun", Buffer.alloc(0), false],
    ["one octet has come", frame(5).subarray(0, 1), true],
    ["a head has begun: it may be one", frame(5, FrameType.DATA).subarray(0, 8), true],
    ["a head is whole, of DATA", frame(5, FrameType.DATA).subarray(0, 9), false],
    ["DATA has begun", frame(5, FrameType.DATA).subarray(0, 12), false],
    ["a head is whole, of PING", frame(5).subarray(0, 9), true],
    ["PING has begun", frame(5).subarray(0, 12), true],
    // The octet behind the type is a flag, and one of DATA's number.
    ["HEADERS have begun", frame(5, FrameType.HEADERS, 0).subarray(0, 12), true],
    ["DATA with flags has begun", frame(5, FrameType.DATA, 9).subarray(0, 12), false],
    ["one was whole", frame(5), false],
  ])("when %s", (_, octets, holds) => {
    const reading = new Reading()
    reading.read(octets)
    expect(reading.reader.holdsControlFrame).toBe(holds)
  })

  test("until it is whole", () => {
    const reading = new Reading()
    const [first, second] = cut(frame(5), 4)
    reading.read(first!)
    expect(reading.reader.holdsControlFrame).toBe(true)
    reading.read(second!)
    expect(reading.reader.holdsControlFrame).toBe(false)
  })
})

describe("the room of straddling frames is used again", () => {
  test.each([
    ["small ones", 1015, true],
    ["those of a default frame's size", 1016, true],
    ["up to that size", 16_384, true],
    ["not larger ones", 16_385, false],
  ])("%s", (_, size, isSame) => {
    const reading = new Reading()
    for (let round = 0; round < 2; round++) reading.read(...cut(frame(size), 20))
    const [first, second] = reading.rooms
    expect(first === second).toBe(isSame)
  })

  test("a larger one is no room for a smaller one", () => {
    const reading = new Reading()
    for (const size of [16_385, 2000, 1016, 1015, 20]) reading.read(...cut(frame(size), 20))
    expect(reading.rooms.map(({ length }) => length)).toEqual([
      9 + 16_385,
      9 + 16_384,
      9 + 16_384,
      1024,
      1024,
    ])
  })

  test("also where only the head had begun, and never while a frame is in it", () => {
    const reading = new Reading()
    reading.read(...cut(frame(2000), 5))
    reading.read(...cut(frame(2000), 5))
    expect(reading.rooms[0]).toBe(reading.rooms[1])
    const other = new Reading()
    const [first, second] = cut(frame(2000, FrameType.PING, 1), 20)
    reading.read(first!)
    other.read(...cut(frame(2000, FrameType.PING, 2), 20))
    reading.read(second!)
    expect([reading.frames[2], other.frames[0]]).toEqual([
      frame(2000, FrameType.PING, 1),
      frame(2000, FrameType.PING, 2),
    ])
  })
})
