import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { IdMap } from "./id-map.ts"

interface Entry {
  id: number
  index: number
}

const byIndex = (a: Entry, b: Entry): number => a.index - b.index

test("an id map holds what a Map holds, through any run of sets and deletes", () => {
  const step = fc.record({ id: fc.integer({ min: 1, max: 300 }), isSet: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const map = new IdMap<Entry>()
      const model = new Map<number, Entry>()
      for (const [index, { id, isSet }] of steps.entries()) {
        if (isSet) {
          const entry = { id, index }
          map.set(entry)
          model.set(id, entry)
        } else {
          map.delete(id)
          model.delete(id)
        }
        expect(map.size).toBe(model.size)
      }
      for (let id = 1; id <= 300; id++) expect(map.get(id)).toBe(model.get(id))
      expect(map.values().toSorted(byIndex)).toEqual([...model.values()].toSorted(byIndex))
    }),
  )
})

test("ids far apart, as old streams and new ones are, do not disturb each other", () => {
  const map = new IdMap<{ id: number }>()
  const streams = [1, 2 ** 31 - 1, 1_000_001, 2 ** 30 + 1, 9, 17, 25].map((id) => ({ id }))
  for (const stream of streams) map.set(stream)
  map.delete(9)
  for (const stream of streams) expect(map.get(stream.id)).toBe(stream.id === 9 ? undefined : stream)
})

describe("ids that want the same place", () => {
  // Eight apart they do, in a map of eight places.
  const at = (place: number, round: number): { id: number } => ({ id: place + 8 * (round + 1) })

  function filled(entries: readonly { id: number }[]): IdMap<{ id: number }> {
    const map = new IdMap<{ id: number }>()
    for (const entry of entries) map.set(entry)
    return map
  }

  test.each([
    ["one after the other", [at(0, 0), at(0, 1), at(0, 2)]],
    ["round the end of the map", [at(7, 0), at(7, 1), at(7, 2)]],
    ["between those that are at home", [at(6, 0), at(6, 1), at(7, 0)]],
    ["and those that they push away", [at(7, 0), at(7, 1), at(0, 0)]],
  ])("%s: whichever is deleted, the others stay", (_, entries) => {
    for (const gone of entries) {
      const map = filled(entries)
      map.delete(gone.id)
      map.delete(gone.id)
      for (const entry of entries) expect(map.get(entry.id)).toBe(entry === gone ? undefined : entry)
      expect([map.size, map.values().length]).toEqual([2, 2])
      map.set(gone)
      for (const entry of entries) expect(map.get(entry.id)).toBe(entry)
      expect(map.size).toBe(3)
    }
  })

  test("one that is at home does not move into a hole before it", () => {
    const [first, second, home] = [at(1, 0), at(1, 1), at(3, 0)]
    const map = filled([first, second, home])
    map.delete(first.id)
    expect([map.get(second.id), map.get(home.id)]).toEqual([second, home])
    map.delete(second.id)
    expect([map.get(second.id), map.get(home.id), map.size]).toEqual([undefined, home, 1])
  })

  test("an id that is not there is not found among them, nor deleted", () => {
    const map = filled([at(5, 0), at(5, 1)])
    map.delete(at(5, 2).id)
    expect([map.get(at(5, 2).id), map.get(at(6, 0).id), map.size]).toEqual([undefined, undefined, 2])
  })

  test("another value of an id takes its place", () => {
    const map = filled([at(5, 0), at(5, 1)])
    const other = { id: at(5, 1).id }
    map.set(other)
    expect([map.get(other.id), map.size, map.values().length]).toEqual([other, 2, 2])
  })
})

test("thousands come and go, and all that are there are found", () => {
  const map = new IdMap<{ id: number }>()
  const entries = Array.from({ length: 3000 }, (_, at) => ({ id: 1 + 2 * at }))
  for (const entry of entries) map.set(entry)
  expect([map.size, map.values().length]).toEqual([3000, 3000])
  for (const entry of entries.slice(0, 2995)) map.delete(entry.id)
  expect(new Set(map.values())).toEqual(new Set(entries.slice(2995)))
  for (const entry of entries.slice(2995)) expect(map.get(entry.id)).toBe(entry)
  for (const entry of entries.slice(0, 100)) map.set(entry)
  expect(map.size).toBe(105)
})
