import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { ReplayBuffer } from "./replay-buffer.ts"
import { ReplayRing } from "./replay-ring.ts"

const RING = 1024 * 1024

const add = (buffer: ReplayBuffer, text: string | Buffer, isSent: boolean): void => {
  const octets = Buffer.from(text)
  buffer.add(octets, 0, octets.length, isSent)
}

function heldBy(buffer: ReplayBuffer): string {
  const held = buffer.restart()
  return held === null ? "" : held.buffer.toString("latin1", held.start, held.start + held.length)
}

const make = (ring = new ReplayRing(), budget = new BufferBudget(defaultLimits)) => ({
  ring,
  budget,
  buffer: new ReplayBuffer({ replayRing: ring, budget }),
})

const fill = (ring: ReplayRing, octets: number): void => {
  const piece = Buffer.alloc(4092)
  for (let put = 0; put < octets; put += 4096) ring.put(piece, 0, piece.length)
}

describe("request octets kept for a retry", () => {
  test.each([
    ["one piece, sent at once", [["hello", true]]],
    [
      "pieces sent at once",
      [
        ["hel", true],
        ["lo", true],
      ],
    ],
    [
      "pieces held, then sent",
      [
        ["hel", false],
        ["lo", true],
      ],
    ],
    [
      "an empty piece first",
      [
        ["", true],
        ["hello", true],
      ],
    ],
    ["a first piece too large for the ring", [[`hello${" ".repeat(5000)}`, true]]],
  ] as [string, [string, boolean][]][])("%s", (_what, pieces) => {
    const { buffer } = make()
    for (const [text, isSent] of pieces) add(buffer, text, isSent)
    expect(buffer.isReplayable).toBe(true)
    expect(heldBy(buffer).trimEnd()).toBe("hello")
    // And once more, for a third endpoint.
    expect(heldBy(buffer).trimEnd()).toBe("hello")
  })

  test("up to 65,536 octets that were sent; past that the call may not be repeated", () => {
    const { buffer } = make()
    add(buffer, Buffer.alloc(65_536), true)
    expect(buffer.isReplayable).toBe(true)
    add(buffer, "x", true)
    expect([buffer.isReplayable, buffer.heldOctets]).toEqual([false, 0])
  })

  test("wherever in what was read they stand", () => {
    const { buffer } = make()
    buffer.add(Buffer.alloc(200_000), 100_000, 100_005, true)
    expect(buffer.isReplayable).toBe(true)
  })

  test("none more behind an end without octets", () => {
    const { budget, buffer } = make()
    add(buffer, "hello", true)
    add(buffer, "", true)
    expect([buffer.heldOctets, budget.octets, heldBy(buffer)]).toEqual([0, 0, "hello"])
  })

  test("as much as the client's window where nothing could be sent yet", () => {
    const { buffer } = make()
    for (let i = 0; i < 16; i++) add(buffer, Buffer.alloc(16_384), false)
    expect([buffer.isReplayable, buffer.heldOctets]).toEqual([true, 262_144])
  })

  test("a piece that others pushed out of the ring makes the call unrepeatable", () => {
    const { ring, buffer } = make()
    add(buffer, "hello", true)
    fill(ring, RING - 8192)
    expect(buffer.isReplayable).toBe(true)
    fill(ring, 8192)
    expect(buffer.isReplayable).toBe(false)
  })

  test("what others pushed out before it was to be kept cannot be sent without it", () => {
    const { ring, buffer } = make()
    add(buffer, "hello", true)
    fill(ring, RING)
    buffer.keep()
    expect(buffer.isReplayable).toBe(false)
  })

  test("once a retry is due, nobody pushes it out", () => {
    const { ring, buffer } = make()
    add(buffer, "hello", true)
    buffer.keep()
    fill(ring, 3 * RING)
    add(buffer, ", world", false)
    expect(buffer.isReplayable).toBe(true)
    expect(heldBy(buffer)).toBe("hello, world")
  })

  test("what is held counts for the process's budget until it is let go", () => {
    const { budget, buffer } = make()
    add(buffer, "hello", false)
    expect(budget.octets).toBe(5)
    buffer.forget()
    buffer.forget()
    expect(budget.octets).toBe(0)
  })
})

describe("memory is short", () => {
  const tight = () =>
    new BufferBudget({ ...defaultLimits, bufferedOctetsMax: 100, bufferedWithholdPercent: 80 })

  test("what is sent then is not kept; what waits to be sent is", () => {
    const budget = tight()
    budget.add(80)
    const { buffer } = make(new ReplayRing(), budget)
    add(buffer, "hello", true)
    expect([buffer.isReplayable, buffer.heldOctets]).toEqual([false, 0])
    const { buffer: waiting } = make(new ReplayRing(), budget)
    add(waiting, "hello", false)
    expect([waiting.isReplayable, waiting.heldOctets]).toEqual([true, 5])
  })

  test("sent octets that are held go, and take their count with them", () => {
    const budget = tight()
    const { buffer } = make(new ReplayRing(), budget)
    add(buffer, "hel", true)
    add(buffer, "lo", true)
    expect([buffer.heldOctets, budget.octets]).toEqual([5, 5])
    budget.add(80)
    expect([buffer.isReplayable, buffer.heldOctets, budget.octets]).toEqual([false, 0, 80])
  })

  test.each<[string, (buffer: ReplayBuffer) => void]>([
    ["octets that no leg has sent", () => {}],
    ["those of a call that is to be repeated", (buffer) => buffer.keep()],
  ])("%s stay", (_, before) => {
    const budget = tight()
    const { buffer } = make(new ReplayRing(), budget)
    add(buffer, "hello", false)
    before(buffer)
    budget.add(80)
    expect([buffer.isReplayable, buffer.heldOctets]).toEqual([true, 5])
  })

  test("once another leg has sent them they are held just in case", () => {
    const budget = tight()
    const { buffer } = make(new ReplayRing(), budget)
    add(buffer, "hel", true)
    add(buffer, "lo", true)
    buffer.keep()
    budget.add(80)
    expect(heldBy(buffer)).toBe("hello")
    budget.add(1)
    expect(buffer.isReplayable).toBe(true)
    buffer.release()
    budget.add(1)
    expect(buffer.isReplayable).toBe(false)
  })

  test("what is forgotten is asked for no more", () => {
    const budget = tight()
    const { buffer } = make(new ReplayRing(), budget)
    add(buffer, "hel", true)
    add(buffer, "lo", true)
    buffer.forget()
    let asked = 0
    buffer.reclaim = () => void asked++
    budget.add(80)
    expect(asked).toBe(0)
  })
})

describe("a piece in the ring", () => {
  test("only the first of a call is there: the next makes it a queue, of both, in order", () => {
    const { ring, budget, buffer } = make()
    add(buffer, "hel", true)
    expect([buffer.heldOctets, budget.octets]).toEqual([0, 0])
    add(buffer, "lo", true)
    expect([buffer.heldOctets, budget.octets]).toEqual([5, 5])
    fill(ring, 2 * RING)
    expect([buffer.isReplayable, heldBy(buffer)]).toEqual([true, "hello"])
  })

  test("that was overwritten before the next came leaves nothing to repeat", () => {
    const { ring, budget, buffer } = make()
    add(buffer, "hel", true)
    fill(ring, 2 * RING)
    add(buffer, "lo", true)
    expect([buffer.isReplayable, buffer.heldOctets, budget.octets]).toEqual([false, 0, 0])
  })

  test("a call that may not be repeated keeps nothing that comes later", () => {
    const { budget, buffer } = make()
    buffer.forget()
    add(buffer, "hello", false)
    expect([buffer.isReplayable, buffer.heldOctets, budget.octets]).toEqual([false, 0, 0])
  })

  test("a slice of a larger buffer is what is kept", () => {
    const { budget, buffer } = make()
    buffer.add(Buffer.from("xxhelloxx"), 2, 7, false)
    expect([heldBy(buffer), budget.octets]).toEqual(["hello", 5])
  })
})

describe("credit for the client", () => {
  test("is settled while a leg has sent as much as it was given for", () => {
    const { buffer } = make()
    add(buffer, "0123456789", false)
    const settled = [buffer.isCreditSettled]
    buffer.sent(4)
    settled.push(buffer.isCreditSettled)
    buffer.restart()
    settled.push(buffer.isCreditSettled)
    buffer.sent(4)
    settled.push(buffer.isCreditSettled)
    expect(settled).toEqual([true, true, false, true])
  })

  test("each octet once, however often it is sent", () => {
    const { buffer } = make()
    add(buffer, "0123456789", false)
    buffer.restart()
    expect([buffer.sent(4), buffer.sent(3)]).toEqual([4, 3])
    buffer.restart()
    expect([buffer.sent(5), buffer.sent(5), buffer.sent(2)]).toEqual([0, 3, 2])
  })
})

test("the ring gives back what was put, or says that it is gone; never something else", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4096 }), { minLength: 1, maxLength: 1500 }), (lengths) => {
      const ring = new ReplayRing()
      const put = lengths.map((length, index) => ({
        length,
        index,
        where: ring.put(Buffer.alloc(length, index), 0, length),
      }))
      let kept = 0
      for (const { length, index, where } of put) {
        const piece = ring.get(where)
        if (piece === null) continue
        kept += 4 + length
        expect(piece.equals(Buffer.alloc(length, index))).toBe(true)
      }
      const all = put.reduce((sum, { length }) => sum + 4 + length, 0)
      expect(kept).toBeGreaterThanOrEqual(Math.min(all, RING - 3 * 4100))
    }),
    { numRuns: 50 },
  )
})
