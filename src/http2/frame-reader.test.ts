import { describe, expect, test } from "vitest"
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
  /** The sink says false after so many frames. */
  stopsAfter = Number.POSITIVE_INFINITY
  readonly reader = new FrameReader(MAX, {
    onFrame: (octets, start, end) => {
      this.frames.push(Buffer.from(octets.subarray(start, end)))
      this.rooms.push(octets)
      return this.frames.length < this.stopsAfter
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
      const reader = new FrameReader(MAX, { onFrame: (_, start, end) => frames.push(end - start) > 0 })
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
