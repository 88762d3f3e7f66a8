import { expect, test } from "vitest"
import { CELL_OCTETS_MAX, CellSize, LogCells } from "./log-cells.ts"

/** Takes so many cells. */
function takeFrom(cells: CellSize, many: number): { octets: Buffer; at: number }[] {
  return Array.from({ length: many }, () => {
    const { octets } = cells
    return { octets, at: cells.take() }
  })
}

test("no two cells overlap, and those that are given back are taken again", () => {
  const cells = new CellSize(256)
  const taken = takeFrom(cells, 300)
  const pieces = [...new Set(taken.map(({ octets }) => octets))]
  const places = new Set(taken.map(({ octets, at }) => `${pieces.indexOf(octets)} ${at}`))
  expect(taken.every(({ octets, at }) => at % cells.size === 0 && at + cells.size <= octets.length)).toBe(
    true,
  )
  expect([pieces.length, places.size, cells.used]).toEqual([3, 300, 300])
  for (const { octets, at } of taken.slice(100, 110)) cells.give(octets, at)
  const again = takeFrom(cells, 10)
  expect(new Set(again.map(({ octets }) => octets)).size).toBe(1)
  expect(cells.used).toBe(300)
})

test("a piece of which none is used is let go, but for one", () => {
  const cells = new CellSize(256)
  const taken = takeFrom(cells, 300)
  const pieces = new Set(taken.map(({ octets }) => octets))
  for (const { octets, at } of taken) cells.give(octets, at)
  expect(cells.used).toBe(0)
  const again = new Set(takeFrom(cells, 300).map(({ octets }) => octets))
  expect([...again].filter((octets) => pieces.has(octets)).length).toBe(1)
})

test("a log has the least room that holds it", () => {
  const cells = new LogCells()
  expect([1, 128, 129, 256, 257, CELL_OCTETS_MAX, 513].map((octets) => cells.fitting(octets)?.size)).toEqual([
    128,
    128,
    256,
    256,
    512,
    512,
    undefined,
  ])
})
