import { describe, expect, test } from "vitest"
import { SharedNumbers } from "../balancer/thread/shared-numbers.ts"
import { defaultCluster } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import { SharedCounts } from "../control/shared-counts.ts"
import { BOUNDS, makeBreakers } from "./breakers.ts"

const NONE: ClusterConfig["limits"] = {
  streams: null,
  waitingStreams: null,
  connections: null,
  retries: null,
}

/** The breakers of a cluster in two data threads. */
function threads(limits: Partial<ClusterConfig["limits"]>) {
  const counts = new SharedCounts(2)
  counts.addLimits(["other", "test"])
  const said: string[] = []
  const make = (index: number) => {
    const numbers = new SharedNumbers(counts.memory, index)
    const config = { ...defaultCluster("test"), limits: { ...NONE, ...limits } }
    return makeBreakers(
      config,
      (name) => numbers.limitsOf(name),
      (counter) => void said.push(counter),
    )!
  }
  return { one: make(0), other: make(1), counts, said }
}

test("a cluster without bounds has none", () => {
  expect(
    makeBreakers(
      defaultCluster("test"),
      () => [],
      () => {},
    ),
  ).toBeNull()
})

describe("bounds over all threads", () => {
  test("of streams: what is over is refused by name, until one has left; a live one never", () => {
    const { one, other, said } = threads({ streams: 2 })
    expect([one.enter(false), other.enter(false)]).toEqual([null, null])
    expect([one.enter(false), other.enter(false)]).toEqual(
      Array(2).fill("limits.streams: 2 are there already"),
    )
    expect(said).toEqual(["cluster_streams_exceeded", "cluster_streams_exceeded"])
    expect(one.enter(true)).toBeNull()
    for (let i = 0; i < 2; i++) one.leave({})
    expect(other.enter(false)).toBeNull()
  })

  test("of each of many clusters by itself, and its queue's, from when it is there", () => {
    const counts = new SharedCounts(2)
    const numbers = [0, 1].map((index) => new SharedNumbers(counts.memory, index))
    const names = Array.from({ length: 1000 }, (_, at) => `c${at}`)
    for (const name of names) {
      counts.addLimits([name])
      for (const thread of numbers) {
        thread.use(counts.memory)
        for (const count of thread.limitsOf(name)) count.tryAdd(2)
      }
    }
    const open = names.flatMap((name) => numbers[0]!.limitsOf(name).map((count) => count.open))
    expect(new Set(open)).toEqual(new Set([2]))
    expect(open).toHaveLength(1000 * (BOUNDS.length + 1))
  })

  test("of waiting streams", () => {
    const { one, other, said } = threads({ waitingStreams: 1 })
    expect([one.tryWait(), other.tryWait()]).toEqual([null, "limits.waitingStreams: 1 are there already"])
    one.doneWaiting()
    expect([other.tryWait(), said]).toEqual([null, ["cluster_waiting_streams_exceeded"]])
  })

  test("of connections: an endpoint without any has one", () => {
    const { one, other, said } = threads({ connections: 1 })
    expect([one.tryConnect(true), other.tryConnect(false)]).toEqual([
      null,
      "limits.connections: 1 are there already",
    ])
    expect([other.tryConnect(true), said]).toEqual([null, ["cluster_connections_exceeded"]])
    for (const each of [one, other]) each.disconnected()
    expect(one.tryConnect(false)).toBeNull()
  })

  test("of retries: those under way", () => {
    const { one, other } = threads({ retries: 1 })
    const leg = {}
    expect(one.hasRetryLeft).toBe(true)
    one.retries(leg)
    expect([one.hasRetryLeft, other.hasRetryLeft]).toEqual([false, false])
    one.leave({})
    expect(other.hasRetryLeft).toBe(false)
    one.leave(leg)
    one.leave(leg)
    expect([one.hasRetryLeft, other.hasRetryLeft]).toEqual([true, true])
    other.retries({})
    expect(one.hasRetryLeft).toBe(false)
  })

  test("what a thread that died held is given back", () => {
    const { one, other, counts } = threads({ streams: 1 })
    one.enter(false)
    expect(other.enter(false)).not.toBeNull()
    counts.subtract(0)
    expect(other.enter(false)).toBeNull()
  })
})
