import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Counters } from "../../../base/counters.ts"
import { defaultLimits } from "../../../base/limits.ts"
import { BufferBudget } from "../../../http2/buffer-budget.ts"
import { LogCells } from "./log-cells.ts"
import { MessageLog } from "./message-log.ts"

function message(text: string): Buffer {
  const octets = Buffer.alloc(5 + text.length)
  octets.writeUInt32BE(text.length, 1)
  octets.write(text, 5)
  return octets
}

/** `keep`: as much as is kept for long. */
function empty(keep = 1000) {
  const budget = new BufferBudget(defaultLimits)
  const logCells = new LogCells()
  const log = new MessageLog({ budget, logCells, counters: new Counters() })
  const push = (octets: Buffer, start: number, end: number): void => log.push(octets, start, end, keep)
  return { budget, logCells, log, push }
}

function bed(...texts: string[]) {
  const { push, ...rest } = empty()
  const all = Buffer.concat(texts.map(message))
  push(Buffer.concat([Buffer.from("###"), all]), 3, 3 + all.length)
  return { ...rest, push, all }
}

describe("the log of client messages", () => {
  test("the oldest leave first, none that was not sent, and what is left is counted", () => {
    const { log, budget, all } = bed("one", "two", "three")
    log.trim(0, 20, 9)
    // Of three messages of 8, 8 and 10 octets two end at or before octet 20.
    expect([log.start, log.startOctet, log.length, budget.octets]).toEqual([2, 16, 10, 10])
    expect(log.from(16)!.equals(all.subarray(16))).toBe(true)
    log.trim(0, 26, 9)
    expect([log.start, log.length, budget.octets]).toEqual([3, 0, 0])
  })

  test("as many stay as may", () => {
    const { log } = bed("one", "two", "three")
    log.trim(18, 26, 9)
    expect(log.start).toBe(1)
    log.trim(17, 26, 1)
    expect(log.start).toBe(1)
  })

  test.for<[octet: number, whole: number]>([
    [0, 0],
    [7, 0],
    [8, 1],
    [16, 2],
    [25, 2],
    [26, 3],
  ])("until octet %d there are %d whole messages", ([octet, whole]) => {
    expect(bed("one", "two", "three").log.wholeUntil(octet)).toBe(whole)
  })

  test("once some have left, of those that are here", () => {
    const { log, all } = bed("one", "two", "three")
    log.trim(0, 8, 9)
    expect([7, 8, 15, 16, 26].map((octet) => log.wholeUntil(octet))).toEqual([0, 0, 0, 1, 2])
    expect([1, 2, 3].map((at) => log.octetOf(at))).toEqual([8, 16, 26])
    expect(log.from(8)!.equals(all.subarray(8))).toBe(true)
    expect(log.from(16)!.equals(all.subarray(16))).toBe(true)
    log.trimTo(2, 26)
    expect([log.start, log.startOctet, log.length]).toEqual([2, 16, 10])
    log.trimTo(9, 26)
    expect([log.start, log.startOctet, log.length, log.from(26)]).toEqual([3, 26, 0, null])
  })

  test("a message that is not whole stays", () => {
    const { log, push } = bed("one")
    const two = message("two")
    push(two, 0, 4)
    log.trimTo(9, 99)
    expect([log.start, log.length, log.wholeUntil(99)]).toEqual([1, 4, 0])
    push(two, 4, 7)
    log.trimTo(9, 99)
    expect([log.start, log.length, log.wholeUntil(99)]).toEqual([1, 7, 0])
    push(two, 7, 8)
    expect([log.wholeUntil(99), log.octetOf(2)]).toEqual([1, 16])
  })

  test("all of it goes, and what comes begins where it is said to", () => {
    const { log, budget, push } = bed("one", "two")
    log.clear(5, 70)
    expect([log.start, log.startOctet, log.length, budget.octets, log.from(70)]).toEqual([5, 70, 0, 0, null])
    const next = message("next")
    push(next, 0, next.length)
    expect([log.octetOf(5), log.octetOf(6)]).toEqual([70, 79])
    expect(log.from(70)!.equals(next)).toBe(true)
  })

  test("where each message begins, the next to come too", () => {
    const { log } = bed("one", "two", "three")
    expect([0, 1, 2, 3].map((at) => log.octetOf(at))).toEqual([0, 8, 16, 26])
    expect(log.from(26)).toBeNull()
  })

  test("whatever comes and goes, it holds what a plain copy would", () => {
    const step = fc.record({ size: fc.nat(300), keep: fc.nat(400), part: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(1000), (steps, usual) => {
        const { log, budget, push, logCells } = empty(usual)
        let copy = Buffer.alloc(0)
        let gone = 0
        for (const [at, { size, keep, part }] of steps.entries()) {
          const octets = message(String.fromCharCode(97 + (at % 26)).repeat(size))
          push(octets, 0, Math.min(part, octets.length))
          push(octets, Math.min(part, octets.length), octets.length)
          copy = Buffer.concat([copy, octets])
          log.trim(keep, gone + copy.length, Number.POSITIVE_INFINITY)
          copy = copy.subarray(log.startOctet - gone)
          gone = log.startOctet
          expect(log.length).toBeLessThanOrEqual(keep)
          expect(log.length).toBe(copy.length)
          expect(budget.octets).toBe(copy.length)
          expect(log.octetOf(at + 1)).toBe(gone + copy.length)
          // What is looked at stands in one piece from then on.
          if (part % 2 === 0) expect(log.from(gone) ?? Buffer.alloc(0)).toEqual(Buffer.from(copy))
        }
        expect(log.from(gone) ?? Buffer.alloc(0)).toEqual(Buffer.from(copy))
        log.clear(0, 0)
        expect([budget.octets, logCells.used]).toEqual([0, 0])
      }),
    )
  })

  test("small ones are in cells of one piece of memory, each in its own, which it gives back as it grows or ends", () => {
    const context = {
      budget: new BufferBudget(defaultLimits),
      logCells: new LogCells(),
      counters: new Counters(),
    }
    const logs = ["a", "b", "c"].map((letter) => {
      const log = new MessageLog(context)
      log.push(message(letter.repeat(507)), 0, 512, 2000)
      return log
    })
    const [a, b, c] = logs.map((log) => log.from(0)!)
    expect(a!.buffer).toBe(b!.buffer)
    expect([a, b, c].map((octets) => octets!.toString("latin1", 5))).toEqual(
      ["a", "b", "c"].map((letter) => letter.repeat(507)),
    )
    expect(context.logCells.used).toBe(3)
    logs[1]!.push(message(""), 0, 5, 2000)
    expect(context.logCells.used).toBe(2)
    expect(logs[1]!.from(0)!.buffer).not.toBe(a!.buffer)
    expect(logs[1]!.from(512)).toEqual(message(""))
    for (const log of logs) log.clear(0, 0)
    for (const log of logs) log.clear(0, 0)
    expect(context.logCells.used).toBe(0)
  })

  test("one that grows has a larger cell, with what was in it", () => {
    const { log, logCells, push } = empty()
    for (const letter of ["a", "b", "c"]) push(message(letter.repeat(95)), 0, 100)
    expect(logCells.used).toBe(1)
    const expected = ["a", "b", "c"].map((letter) => message(letter.repeat(95)))
    expect(log.from(0)).toEqual(Buffer.concat(expected))
    // The front has left, and what comes stands round the end.
    log.trimTo(2, 200)
    for (const letter of ["d", "e", "f"]) push(message(letter.repeat(95)), 0, 100)
    const rest = ["c", "d", "e", "f"].map((letter) => message(letter.repeat(95)))
    expect(log.from(200)).toEqual(Buffer.concat(rest))
    expect(logCells.used).toBe(1)
  })

  test("one that is given up is obtained again, as new", () => {
    const { log, budget, logCells, push } = empty()
    push(message("one"), 0, 8)
    log.recycle()
    expect([budget.octets, logCells.used]).toEqual([0, 0])
    const again = MessageLog.obtain({ budget, logCells, counters: new Counters() }, 7, 70)
    expect(again).toBe(log)
    expect([again.start, again.startOctet, again.length, again.from(70)]).toEqual([7, 70, 0, null])
  })

  test("room of its own is no larger than what is kept for long, where that fits", () => {
    const { log, push } = empty(1000)
    push(message("x".repeat(595)), 0, 600)
    push(message("y".repeat(395)), 0, 400)
    expect(log.from(0)!.buffer.byteLength).toBe(1000)
    push(message(""), 0, 5)
    expect(log.from(0)!.buffer.byteLength).toBe(1005 + 251)
  })
})
