import { describe, expect, test } from "vitest"
import { atOnce } from "../../base/steps.ts"
import { boundedLoad, HashRing, MaglevTable, type PlacedEndpoint, type Placement } from "./consistent-hash.ts"
import { xxHash64 } from "./xx-hash64.ts"

const endpointsOf = (weights: readonly number[]): PlacedEndpoint[] =>
  weights.map((weight, index) => ({ address: `10.0.0.${index + 1}:3000`, weight }))

const KEYS = Array.from({ length: 20_000 }, (_, index) => xxHash64(Buffer.from(`session-${index}`)))

const ownerOf = (placement: Placement, key: (typeof KEYS)[number]): number =>
  placement.at(placement.find(key))

const sharesOf = (placement: Placement, count: number): number[] => {
  const shares = Array<number>(count).fill(0)
  for (const key of KEYS) shares[ownerOf(placement, key)]! += 1 / KEYS.length
  return shares
}

describe.for([
  // A ring of 1,024 points is as uneven as that, and gets more points for each endpoint when one leaves.
  { name: "ring", make: (e: PlacedEndpoint[]) => atOnce(HashRing.make(e)), evenness: 0.25, strays: 0.12 },
  {
    name: "Maglev",
    make: (e: PlacedEndpoint[]) => atOnce(MaglevTable.make(e)),
    evenness: 0.05,
    strays: 0.03,
  },
])("$name", ({ make, evenness, strays }) => {
  test.for([[[1, 1, 1, 1]], [[1, 2, 3]], [[100, 1]], [[7]]])("shares as weights %o", ([weights]) => {
    const total = weights!.reduce((sum, weight) => sum + weight)
    sharesOf(make(endpointsOf(weights!)), weights!.length).forEach((share, index) => {
      expect(Math.abs(share - weights![index]! / total)).toBeLessThan(evenness * Math.max(share, 0.1))
    })
  })

  test("without endpoints there is no place", () => {
    expect(make([]).size).toBe(0)
  })

  test("the order of the list does not matter", () => {
    const endpoints = endpointsOf([1, 2, 3, 4])
    const turned = endpoints.toReversed()
    const one = make(endpoints)
    const other = make(turned)
    for (const key of KEYS.slice(0, 500))
      expect(turned[ownerOf(other, key)]).toBe(endpoints[ownerOf(one, key)])
  })

  test("when an endpoint leaves, hardly a key moves but its own", () => {
    const endpoints = endpointsOf(Array<number>(10).fill(1))
    const all = make(endpoints)
    const fewer = make(endpoints.slice(0, 9))
    const moved = KEYS.filter((key) => ownerOf(all, key) !== 9 && ownerOf(all, key) !== ownerOf(fewer, key))
    expect(moved.length / KEYS.length).toBeLessThanOrEqual(strays)
  })

  test("the places go round, and lead to every endpoint", () => {
    const placement = make(endpointsOf([1, 1, 1]))
    const from = placement.find(KEYS[0]!)
    const met = new Set(Array.from({ length: placement.size }, (_, step) => placement.at(from + step)))
    expect(met).toEqual(new Set([0, 1, 2]))
  })
})

test("a key finds the first point of the ring that is not below it, and the first of all behind the last", () => {
  const ring = atOnce(HashRing.make(endpointsOf([1])))
  expect(ring.size).toBe(1024)
  const points = Array.from({ length: 1024 }, (_, i) => xxHash64(Buffer.from(`10.0.0.1:3000_${i}`)))
  points.sort((a, b) => a.hi - b.hi || a.lo - b.lo)
  points.forEach((point, place) => {
    expect(ring.find(point)).toBe(place)
  })
  const { hi, lo } = points[7]!
  expect(ring.find({ hi, lo: lo + 1 })).toBe(8)
  expect(ring.find({ hi: 0xffff_ffff, lo: 0xffff_ffff })).toBe(0)
})

test.for([
  [0, 1, 4, 1.25, 1],
  [7, 1, 4, 1.25, 3],
  [100, 2, 4, 1.25, 64],
  [99, 1, 10, 1, 10],
])(
  "of %i streams an endpoint of weight %i of %i may have, at factor %d, %i",
  ([n, w, total, factor, most]) => {
    expect(boundedLoad(n!, w!, total!, factor!)).toBe(most)
  },
)
