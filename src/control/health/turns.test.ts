import { expect, test } from "vitest"
import { Turns } from "./turns.ts"

test("so many at once, the others in order", async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const all = [1, 2, 3, 4].map(async (each) => {
    ends[each] = await turns.take()
    begun.push(each)
  })
  await Promise.all(all.slice(0, 2))
  expect(begun).toEqual([1, 2])
  ends[2]!()
  await all[2]
  // Given back twice is once.
  ends[2]!()
  expect(begun).toEqual([1, 2, 3])
  ends[1]!()
  await all[3]
  expect(begun).toEqual([1, 2, 3, 4])
})
