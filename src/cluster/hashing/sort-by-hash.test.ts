import { expect, test } from "vitest"
import { seededRandom } from "../../base/random.ts"
import { atOnce } from "../../base/steps.ts"
import { sortByHash } from "./sort-by-hash.ts"

const random = seededRandom(1)
const BOUNDS = [1, 2, 2 ** 11, 2 ** 12, 2 ** 22, 2 ** 32]

test.for([0, 1, 2, 4095, 4096, 10_000].flatMap((count) => BOUNDS.map((bound) => [count, bound] as const)))(
  "%i hashes below %i, those that tie in their order",
  ([count, bound]) => {
    const given = Array.from({ length: count }, (_, at) => [Math.floor(random() * bound), at] as const)
    const hashes = Uint32Array.from(given, ([hash]) => hash)
    const { values } = atOnce(sortByHash({ hashes, values: Uint32Array.from(given, ([, at]) => at) }))
    expect([...values]).toEqual(given.toSorted(([one], [other]) => one - other).map(([, at]) => at))
  },
)

test("the hashes go with their values, the greatest of all among them", () => {
  const hashes = Uint32Array.of(0xffff_ffff, 0, 0x8000_0000, 1)
  const sorted = atOnce(sortByHash({ hashes, values: Uint32Array.of(7, 8, 9, 10) }))
  expect([...sorted.hashes]).toEqual([0, 1, 0x8000_0000, 0xffff_ffff])
  expect([...sorted.values]).toEqual([8, 10, 9, 7])
})
