import { expect, test } from "vitest"
import { ZoneTable, zoneOctets } from "./zone-table.ts"

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
  expect(table.excess("a", 1000, 100_000, false)).toBe(2999)
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
