import fc from "fast-check"
import { expect, test } from "vitest"
import { IdMap } from "./id-map.ts"

const ascending = (a: number, b: number): number => a - b

test("an id map holds what a Map holds, through any run of sets and deletes", () => {
  const step = fc.record({ id: fc.integer({ min: 1, max: 300 }), isSet: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const map = new IdMap<number>()
      const model = new Map<number, number>()
      for (const [index, { id, isSet }] of steps.entries()) {
        if (isSet) {
          map.set(id, index)
          model.set(id, index)
        } else {
          map.delete(id)
          model.delete(id)
        }
        expect(map.size).toBe(model.size)
      }
      for (let id = 1; id <= 300; id++) expect(map.get(id)).toBe(model.get(id))
      expect(map.values().toSorted(ascending)).toEqual([...model.values()].toSorted(ascending))
    }),
  )
})

test("ids far apart, as old streams and new ones are, do not disturb each other", () => {
  const map = new IdMap<string>()
  const ids = [1, 2 ** 31 - 1, 1_000_001, 2 ** 30 + 1, 9, 17, 25]
  for (const id of ids) map.set(id, `stream ${id}`)
  map.delete(9)
  for (const id of ids) expect(map.get(id)).toBe(id === 9 ? undefined : `stream ${id}`)
})
