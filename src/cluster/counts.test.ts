import { expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import { OwnStreamCounts } from "./counts.ts"

const cluster = (name: string, ...ports: number[]) => ({
  ...defaultCluster(name),
  endpoints: ports.map((port) => defaultEndpoint(parseAddress(`127.0.0.1:${port}`, null)!)),
})

test("an endpoint keeps its count for as long as it stays, and while it has streams", () => {
  const counts = new OwnStreamCounts()
  const [one, two] = counts.countsOf(cluster("a", 1, 2)) as [never, never]
  expect(counts.countsOf(cluster("a", 2, 1))).toEqual([two, one])
  expect(counts.countsOf(cluster("a", 2))[0]).toBe(two)
  expect(counts.countsOf(cluster("b", 1))[0]).not.toBe(one)
})

test("an endpoint that is gone is forgotten with its last stream", () => {
  const counts = new OwnStreamCounts()
  const [one, two] = counts.countsOf(cluster("a", 1, 2))
  one!.tryAdd(1)
  counts.retain([])
  expect(counts.countsOf(cluster("a", 1))[0]).toBe(one)
  expect(counts.countsOf(cluster("a", 2))[0]).not.toBe(two)
  one!.subtract()
  counts.retain([])
  expect(counts.countsOf(cluster("a", 1))[0]).not.toBe(one)
})

test("one more is refused where there are as many as there may be", () => {
  const [count] = new OwnStreamCounts().countsOf(cluster("a", 1))
  expect([count!.tryAdd(1), count!.tryAdd(1), count!.open]).toEqual([true, false, 1])
})
