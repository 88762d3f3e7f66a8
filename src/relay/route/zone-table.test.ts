import { describe, expect, test } from "vitest"
import { seededRandom } from "../../base/random.ts"
import { ZoneTable, zoneKey, zoneOctets } from "./zone-table.ts"

const seeds = () => 0.4

/** Tables of several threads over one memory. */
function tables(threads: number, octets = 64 * 1024): ZoneTable[] {
  const memory = new SharedArrayBuffer(zoneOctets(octets, threads))
  return Array.from({ length: threads }, (_, thread) => new ZoneTable(memory, thread, threads, seeds))
}

test("the bucket leaks at its rate, over all threads", () => {
  const [one, other] = tables(2) as [ZoneTable, ZoneTable]
  const rate = 10_000
  expect(one.excess("a", rate, 1000, true)).toBe(0)
  expect(other.excess("a", rate, 1000, true)).toBe(1000)
  expect(one.excess("a", rate, 1050, false)).toBe(1500)
  expect(one.excess("a", rate, 1050, false)).toBe(1500)
  expect(other.excess("a", rate, 1100, true)).toBe(1000)
  expect(other.excess("a", rate, 9000, true)).toBe(0)
  expect(one.excess("b", rate, 1000, false)).toBe(0)
})

test("a clock that is set back neither fills nor empties it", () => {
  const [table] = tables(1) as [ZoneTable]
  for (const expected of [0, 1000, 2000]) expect(table.excess("a", 1000, 500_000, true)).toBe(expected)
  expect(table.excess("a", 1000, 499_000, false)).toBe(3000)
  expect(table.excess("a", 1000, 100_000, false)).toBe(3000)
})

test.each([
  ["a clock that is set back by an hour", 10_000_000, 10_000_000 - 3_600_000],
  ["a clock that is set back by two seconds", 10_000_000, 9_998_000],
  ["thirty days without a request", 10_000_000, 10_000_000 + 30 * 86_400_000],
])("%s does not hold who was at the limit for longer than the rate says", (_, beforeMs, afterMs) => {
  const [table] = tables(1) as [ZoneTable]
  for (const expected of [0, 1000, 2000]) expect(table.excess("a", 1000, beforeMs, true)).toBe(expected)
  expect(table.excess("a", 1000, afterMs, false)).toBe(3000)
  expect(table.excess("a", 1000, afterMs + 3000, false)).toBe(0)
})

describe("units that are taken", () => {
  test("leak at their rate, over all threads, and none is lost in between", () => {
    const [one, other] = tables(2) as [ZoneTable, ZoneTable]
    expect(one.take("a", 1000, 2000, 0, 0)).toBe(0)
    expect(other.take("a", 1000, 2000, 0, 100)).toBe(400)
    expect(one.take("a", 1000, 2000, 800, 100)).toBe(0)
    expect(one.take("a", 1000, 2000, 800, 100)).toBe(500)
    one.giveBack("a", 1000)
    expect(one.take("a", 1000, 2000, 800, 100)).toBe(0)
    // Half a unit a millisecond, asked each millisecond.
    expect(one.take("b", 10, 500, 0, 0)).toBe(0)
    for (let ms = 1; ms < 20; ms++) expect(one.take("b", 10, 500, 0, ms)).toBeGreaterThan(0)
    expect(one.take("b", 10, 500, 0, 20)).toBe(0)
  })

  test("go on leaking where the clock was set back", () => {
    const [table] = tables(1) as [ZoneTable]
    expect(table.take("a", 1000, 1000, 0, 500_000)).toBe(0)
    expect(table.take("a", 1000, 1000, 0, 100_000)).toBe(1000)
    expect(table.take("a", 1000, 1000, 0, 101_000)).toBe(0)
  })
})

test("streams are counted over all threads, and those of a thread that died are not", () => {
  const [one, other] = tables(2) as [ZoneTable, ZoneTable]
  expect(one.tryAdd("a", 2, 0)).toBe(true)
  expect(other.tryAdd("a", 2, 0)).toBe(true)
  expect(one.tryAdd("a", 2, 0)).toBe(false)
  one.subtract("a")
  one.subtract("a")
  expect(one.tryAdd("a", 2, 0)).toBe(true)
  one.forget(1)
  expect(one.tryAdd("a", 2, 0)).toBe(true)
  expect(one.tryAdd("a", 2, 0)).toBe(false)
})

test("a full bucket gives up what was used longest ago, never what counts streams", () => {
  const [table] = tables(1, 16) as [ZoneTable]
  for (let at = 0; at < 8; at++) expect(table.tryAdd(`stream ${at}`, 1, at)).toBe(true)
  expect(table.tryAdd("one more", 1, 9)).toBe(false)
  table.subtract("stream 5")
  expect(table.tryAdd("one more", 1, 9)).toBe(true)
  expect(table.tryAdd("stream 0", 1, 9)).toBe(false)
})

test.each([
  [{ name: "a", octets: 10, rate: null }, "streams 10 a"],
  [{ name: "a", octets: 10, rate: 0 }, "requests 10 a"],
  [{ name: "a", octets: 10, rate: null, ofMessages: true as const }, "messages 10 a"],
])("a zone of %j is the same as another of that name, size and kind: %s", (zone, key) =>
  expect(zoneKey(zone)).toBe(key),
)

test.each([
  // A head of 4 cells; buckets of a lock and 8 entries of 4 cells and one for each thread.
  [0, 1, 4 * (4 + 41)],
  [4 * (4 + 2 * 41) - 4, 1, 4 * (4 + 41)],
  [4 * (4 + 2 * 41), 1, 4 * (4 + 2 * 41)],
  [64 * 1024, 2, 4 * (4 + 334 * 49)],
  [1024 * 1024, 4, 4 * (4 + 4032 * 65)],
])("a zone of %i octets for %i threads takes %i", (octets, threads, taken) => {
  expect(zoneOctets(octets, threads)).toBe(taken)
})

describe("the seeds", () => {
  const used = (first: number, second: number): number[] => {
    const memory = new SharedArrayBuffer(zoneOctets(8192, 1))
    const numbers = [first, second]
    new ZoneTable(memory, 0, 1, () => numbers.shift()!).tryAdd("a key", 1, 7)
    return [...new Int32Array(memory)]
  }

  test("are 32 bits each, odd, and in the memory's first cells", () => {
    expect(used(0.75, 0.25).slice(0, 4)).toEqual([-1_073_741_823, 1_073_741_825, 0, 0])
    expect(used(0, 0).slice(0, 2)).toEqual([1, 1])
  })

  test("both decide where and as what a key is kept", () => {
    const without = ([, , ...cells]: number[]): number[] => cells
    const one = without(used(0.75, 0.25))
    expect(without(used(0.75, 0.25))).toEqual(one)
    expect(without(used(0.75, 0.5))).not.toEqual(one)
    expect(without(used(0.5, 0.25))).not.toEqual(one)
  })

  test("of memory that is in use stay, and so its keys are found", () => {
    const memory = new SharedArrayBuffer(zoneOctets(8192, 2))
    const one = new ZoneTable(memory, 0, 2, () => 0.1)
    const other = new ZoneTable(memory, 1, 2, () => 0.9)
    expect(one.tryAdd("a", 1, 0)).toBe(true)
    expect(other.tryAdd("a", 1, 0)).toBe(false)
  })
})

test("to look leaves no trace, nor does giving back what was not taken", () => {
  const memory = new SharedArrayBuffer(zoneOctets(64 * 1024, 1))
  const table = new ZoneTable(memory, 0, 1, seeds)
  const before = [...new Int32Array(memory)]
  for (let at = 0; at < 500; at++) {
    expect(table.excess(`key ${at}`, 1000, 5, false)).toBe(0)
    table.subtract(`key ${at}`)
  }
  expect([...new Int32Array(memory)]).toEqual(before)
})

test("what is passed of a second leaks whole thousandths", () => {
  const [table] = tables(1) as [ZoneTable]
  table.excess("a", 1500, 0, true)
  expect(table.excess("a", 1500, 1, false)).toBe(999)
})

test("time counts from the last request that was counted, unless the clock was set back", () => {
  const [table] = tables(1) as [ZoneTable]
  expect(table.excess("a", 1000, 0, true)).toBe(0)
  expect(table.excess("a", 1000, 1000, true)).toBe(0)
  expect(table.excess("a", 1000, 1500, true)).toBe(500)
  expect(table.excess("a", 1000, 1400, true)).toBe(1500)
  expect(table.excess("a", 1000, 2500, false)).toBe(1500)
  // By more than a second it was set, and is not that of a thread that is a little behind.
  expect(table.excess("a", 1000, 1500 - 1000, false)).toBe(2500)
  expect(table.excess("a", 1000, 1500, false)).toBe(2500)
  expect(table.excess("a", 1000, 1500 - 1001, false)).toBe(2500)
  expect(table.excess("a", 1000, 1500, false)).toBe(1499)
})

test("time may pass the end of 32 bits", () => {
  const [table] = tables(1) as [ZoneTable]
  for (const edge of [2 ** 31, 2 ** 32]) {
    table.excess(`${edge}`, 1000, edge - 100, true)
    expect(table.excess(`${edge}`, 1000, edge + 200, false)).toBe(700)
  }
})

test("of many keys each is counted by itself, by each thread, and forgotten with it", () => {
  const [one, other] = tables(2) as [ZoneTable, ZoneTable]
  const keys = Array.from({ length: 500 }, (_, at) => `client ${at}`)
  for (const key of keys) {
    expect(one.tryAdd(key, 3, 1)).toBe(true)
    expect(other.tryAdd(key, 3, 1)).toBe(true)
    expect(other.tryAdd(key, 3, 1)).toBe(true)
  }
  for (const key of keys) expect(one.tryAdd(key, 3, 1)).toBe(false)
  for (const key of keys) other.subtract(key)
  for (const key of keys) expect([one.tryAdd(key, 3, 1), one.tryAdd(key, 3, 1)]).toEqual([true, false])
  one.forget(0)
  for (const key of keys) expect([1, 2, 3].map(() => other.tryAdd(key, 3, 1))).toEqual([true, true, false])
})

test("a thread gives back its own alone", () => {
  const [one, other] = tables(2) as [ZoneTable, ZoneTable]
  one.tryAdd("a", 1, 0)
  other.subtract("a")
  expect(other.tryAdd("a", 1, 0)).toBe(false)
})

test("keys that differ in one character, or in length, spread over all buckets", () => {
  const octets = 4 * (4 + 64 * 41)
  const names = [
    (at: number) => `${at}`,
    (at: number) => "x".repeat(at + 1),
    (at: number) => String.fromCharCode(at),
  ]
  for (const name of names) {
    const memory = new SharedArrayBuffer(zoneOctets(octets, 1))
    const table = new ZoneTable(memory, 0, 1, seeds)
    for (let at = 0; at < 256; at++) table.tryAdd(name(at), 1, 0)
    const cells = new Int32Array(memory)
    const used = Array.from({ length: 64 }, (_, bucket) => cells[4 + bucket * 41 + 2] !== 0)
    // Of 64 buckets 4 keys each leave 1 or 2 empty.
    expect(used.filter(Boolean).length).toBeGreaterThan(56)
  }
})

test("a bucket that its owner has left locked is taken over", () => {
  const memory = new SharedArrayBuffer(zoneOctets(0, 1))
  const table = new ZoneTable(memory, 0, 1, seeds)
  const cells = new Int32Array(memory)
  cells[4] = 1
  expect(table.tryAdd("a", 1, 0)).toBe(true)
  expect(cells[4]).toBe(0)
})

test("of a bucket full of streams no request's excess is known, and nothing is written", () => {
  const memory = new SharedArrayBuffer(zoneOctets(0, 1))
  const table = new ZoneTable(memory, 0, 1, seeds)
  for (let at = 0; at < 8; at++) table.tryAdd(`stream ${at}`, 1, at)
  const before = [...new Int32Array(memory)]
  expect(table.excess("a", 1000, 5, true)).toBe(0)
  expect(table.excess("a", 1000, 5, true)).toBe(0)
  expect([...new Int32Array(memory)]).toEqual(before)
})

test.each([0, 2 ** 31 - 300, 2 ** 31 + 5, 2 ** 32 - 300])(
  "full buckets give up what was used longest ago, from %i ms on",
  (base) => {
    const [table] = tables(1, 0) as [ZoneTable]
    const random = seededRandom(1)
    // In the order of use, the latest last.
    const known = new Map<string, { excess: number; atMs: number }>()
    for (let step = 1; step < 600; step++) {
      const key = `${Math.floor(random() * 12)}`
      const nowMs = base + step
      const last = known.get(key)
      const excess = last === undefined ? 0 : Math.max(0, last.excess - (nowMs - last.atMs) * 20 + 1000)
      expect(table.excess(key, 20_000, nowMs, true)).toBe(excess)
      known.delete(key)
      known.set(key, { excess, atMs: nowMs })
      if (known.size > 8) known.delete(known.keys().next().value!)
    }
  },
)

test("streams take the place of what was used longest ago, too", () => {
  const [table] = tables(1, 0) as [ZoneTable]
  for (let at = 0; at < 8; at++) {
    table.tryAdd(`${at}`, 1, 100 + ((at * 3) % 8))
    table.subtract(`${at}`)
  }
  // In the order of their times: 0, 3, 6, 1, 4, 7, 2, 5.
  table.tryAdd("0", 1, 120)
  expect(table.tryAdd("new", 1, 121)).toBe(true)
  expect([1, 2, 4, 5, 6, 7].every((at) => table.tryAdd(`${at}`, 1, 122))).toBe(true)
  expect(table.tryAdd("3", 1, 123)).toBe(false)
})
