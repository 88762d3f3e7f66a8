import fc from "fast-check"
import { expect, test } from "vitest"
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
