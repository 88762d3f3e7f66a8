import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultLimits } from "../base/limits.ts"
import type { Steps } from "../base/steps.ts"
import { Cluster } from "../cluster/cluster.ts"
import { OwnStreamCounts } from "../cluster/counts.ts"
import { type EndpointState, layOver } from "../cluster/state.ts"
import { defaultCluster } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import { ClusterUpdates } from "./cluster-updates.ts"

/** `many` endpoints on ports from `port` on. */
const statesOf = (port: number, many: number, firstSlot = 0): EndpointState[] =>
  Array.from({ length: many }, (_, at) => {
    const address = `10.0.${at >> 8}.${at & 255}:${port}`
    const known = { address, origin: 0, weight: 1, zone: null, priority: 0, drain: false }
    return layOver(known, firstSlot + at, [], undefined)
  })

const clusterOf = (config: ClusterConfig, states: readonly EndpointState[]) =>
  new Cluster<LegConnection>(config, states, {
    clock: new ManualClock(),
    random: () => 0.5,
    limits: defaultLimits,
    log: { info() {}, warn() {} },
    counts: new OwnStreamCounts(),
    connect: () => {
      throw new Error("no stream connects here")
    },
    onLimit() {},
  })

/** One cluster, and a clock by which each step takes a slice: so a turn has one step. */
function bed() {
  let nowMs = 0
  const cluster = clusterOf(defaultCluster("a"), statesOf(1, 2))
  const told: number[] = []
  const updates = new ClusterUpdates({
    clock: { now: () => nowMs++ },
    orders: {
      rehome: () => void told.push(-1),
      *told(_name, states): Steps {
        yield
        told.push(states.length)
      },
    },
    find: (name) => (name === "a" ? cluster : undefined),
  })
  /** The port at which the next stream is. */
  const port = (): string => cluster.pick(cluster.snapshot, null)!.address.split(":")[1]!
  return { updates, cluster, told, port }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("states of clusters", () => {
  test("of thousands of endpoints come in force whole, and what was before serves until then", async () => {
    const { updates, cluster, told, port } = bed()
    const seen = new Set<string>()
    let turns = 0
    let isDone = false
    void updates.apply("a", statesOf(2, 10_000, 2)).then(() => (isDone = true))
    while (!isDone) {
      const ports = [port(), port(), port()]
      const sizes = [...cluster.endpoints].length
      seen.add(`${new Set(ports).size === 1 ? ports[0] : "mixed"} of ${sizes}`)
      turns++
      await turn()
    }
    expect([...seen]).toEqual(["1 of 2", "2 of 10000"])
    expect(turns).toBeGreaterThan(10_000 / 32)
    expect(told).toEqual([-1, 10_000])
  })

  test("of a few endpoints are in force at once", () => {
    const { updates, port } = bed()
    void updates.apply("a", statesOf(2, 3, 2))
    expect(port()).toBe("2")
  })

  test("wait for one that is on its way, and only the newest comes after it", async () => {
    const { updates, cluster, told } = bed()
    const sizes: number[] = []
    const all = [500, 600, 700, 3].map((many, at) =>
      updates.apply("a", statesOf(at + 2, many)).then(() => sizes.push([...cluster.endpoints].length)),
    )
    await Promise.all(all)
    expect(told.filter((size) => size > 0)).toEqual([500, 3])
    expect(sizes).toEqual([3, 3, 3, 3])
    await updates.idle()
  })

  test("of a cluster that is not there are nothing", async () => {
    const { updates, told } = bed()
    await updates.apply("b", statesOf(2, 3))
    expect(told).toEqual([])
  })

  test("wait for what a reload has left to do", async () => {
    const { updates, port } = bed()
    const done: string[] = []
    function* work(): Steps {
      for (const name of ["one", "two"]) {
        done.push(name)
        yield
      }
    }
    void updates.settle(work())
    expect(done).toEqual(["one"])
    const applied = updates.apply("a", statesOf(2, 3, 2)).then(() => done.push("applied"))
    expect(port()).toBe("1")
    await updates.idle()
    await applied
    expect([done, port()]).toEqual([["one", "two", "applied"], "2"])
  })
})

test.for([
  { name: "maglev", key: "k", balanceFactorPercent: null },
  { name: "ring_hash", key: "k", balanceFactorPercent: null },
  { name: "nginx_hash", key: "k" },
  { name: "nginx_consistent_hash", key: "k" },
] as const)("$name places by the weights of the state that comes in force", (policy) => {
  const heavier = statesOf(1, 9).map((state) => ({ ...state, weight: 1 + (state.slot % 3) }))
  const placesOf = (cluster: Cluster<LegConnection>) =>
    Array.from({ length: 300 }, (_, key) => {
      const subject = { render: () => `key ${key}` }
      return cluster.pick(cluster.snapshot, null, subject)!.address
    })
  const config = { ...defaultCluster("a"), policy }
  const changed = clusterOf(config, statesOf(1, 9))
  const before = placesOf(changed)
  changed.apply(heavier)
  expect(placesOf(changed)).toEqual(placesOf(clusterOf(config, heavier)))
  expect(placesOf(changed)).not.toEqual(before)
})
