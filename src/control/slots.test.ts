import { describe, expect, test } from "vitest"
import { SharedNumbers } from "../balancer/thread/shared-numbers.ts"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import { Slots } from "./slots.ts"

/** Clusters as `a: 1 2, b: 1`: names, and the ports of their endpoints. */
function clustersOf(text: string): ClusterConfig[] {
  return text.split(", ").map((cluster) => {
    const [name, ports] = cluster.split(": ") as [string, string]
    const endpoints = ports
      .split(" ")
      .map((port) => defaultEndpoint(parseAddress(`127.0.0.1:${port}`, null)!))
    return { ...defaultCluster(name), endpoints }
  })
}

const FOREVER = Number.POSITIVE_INFINITY

/** The count of the first endpoint of `cluster`, as thread `index` has it. */
function countOf(slots: Slots, clusters: readonly ClusterConfig[], index: number) {
  const places = slots.assign(clusters, 0)
  const numbers = new SharedNumbers(slots.memory, index, places)
  return numbers.countsOf(clusters[0]!)[0]!
}

describe("an endpoint's place in shared memory", () => {
  test.for([
    ["stays while the endpoint stays", "a: 1 2", "a: 2 3", { a: [1, 2] }],
    ["is another in another cluster", "a: 1", "a: 1, b: 1", { a: [0], b: [1] }],
    ["is another for one that is named twice", "a: 1 1", "a: 1 1 2", { a: [0, 1, 2] }],
  ] as const)("%s", ([, before, after, expected]) => {
    const slots = new Slots(1)
    slots.assign(clustersOf(before), 0)
    expect(slots.assign(clustersOf(after), 0)).toEqual(expected)
  })

  test("is given away when all threads know and no stream is left, not before", () => {
    const slots = new Slots(2)
    const before = clustersOf("a: 1")
    const count = countOf(slots, before, 1)
    count.tryAdd(FOREVER)
    const after = clustersOf("a: 2")
    expect(slots.assign(after, 0)).toEqual({ a: [1] })
    slots.retain(after, 1)
    // All know; a stream is left.
    expect(slots.assign(clustersOf("a: 2 3"), 1)).toEqual({ a: [1, 2] })
    count.subtract()
    // None is left; a thread has not heard of it.
    expect(slots.assign(clustersOf("a: 2 3 4"), 0)).toEqual({ a: [1, 2, 3] })
    expect(slots.assign(clustersOf("a: 2 3 4 5"), 1)).toEqual({ a: [1, 2, 3, 0] })
  })

  test("that a reload gave and then abandoned is free again", () => {
    const slots = new Slots(1)
    const before = clustersOf("a: 1")
    slots.assign(before, 0)
    slots.assign(clustersOf("a: 1 2"), 0)
    slots.retain(before, 0)
    expect(slots.assign(clustersOf("a: 1 3"), 0)).toEqual({ a: [0, 1] })
  })

  test("is found among more endpoints than a segment holds", () => {
    const slots = new Slots(2)
    const many = clustersOf(`a: ${Array.from({ length: 5000 }, (_, index) => index + 1).join(" ")}`)
    const places = slots.assign(many, 0)
    const numbers = new SharedNumbers(slots.memory, 0, places)
    const counts = numbers.countsOf(many[0]!)
    for (const index of [0, 4095, 4096, 4999]) counts[index]!.tryAdd(FOREVER)
    expect(counts.filter(({ open }) => open === 1)).toHaveLength(4)
    expect(slots.streamsOpen).toBe(4)
  })
})

test("the streams of a thread that died are taken out of the totals, those of others stay", () => {
  const slots = new Slots(2)
  const clusters = clustersOf("a: 1 2")
  const [first, second] = [countOf(slots, clusters, 0), countOf(slots, clusters, 1)]
  for (let i = 0; i < 3; i++) first.tryAdd(FOREVER)
  second.tryAdd(FOREVER)
  expect([first.open, second.open, slots.streamsOpen]).toEqual([4, 4, 4])
  slots.subtract(0)
  expect([second.open, slots.streamsOpen]).toEqual([1, 1])
  // The one that takes its place counts from nothing.
  slots.subtract(0)
  expect(second.open).toBe(1)
})
