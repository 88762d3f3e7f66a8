import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultCluster, defaultEndpoint, discoveredEndpoint } from "../../config/defaults.ts"
import type { ClusterConfig, EndpointConfig } from "../../config/model.ts"
import { ClusterDiscovery } from "./cluster-discovery.ts"
import { Discovery } from "./discovery.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

class FakeSource implements DiscoverySource {
  readonly name: string
  listener!: DiscoveryListener
  refreshed = 0
  isStopped = false
  constructor(name: string) {
    this.name = name
  }
  start(listener: DiscoveryListener): void {
    this.listener = listener
  }
  refresh(): void {
    this.refreshed++
  }
  stop(): void {
    this.isStopped = true
  }
  says(...endpoints: (string | DiscoveredEndpoint)[]): void {
    this.listener.onEndpoints(endpoints.map((one) => (typeof one === "string" ? plainEndpoint(one) : one)))
  }
  fails(reason = "down"): void {
    this.listener.onFailure(reason)
  }
}

/** `a:1 x`: an address that is written, and a source. Settings by source. */
function clusterOf(text: string, settings: Partial<EndpointConfig> = {}): ClusterConfig {
  const words = text.split(" ").filter(Boolean)
  return {
    ...defaultCluster("c"),
    endpoints: words
      .filter((word) => word.includes(":"))
      .map((word) => ({
        ...defaultEndpoint(parseAddress(word, null)!),
        ...(word.startsWith("name") && settings),
      })),
    discovery: words
      .filter((word) => !word.includes(":"))
      .map((path) => ({ kind: "file", path, settings: { ...discoveredEndpoint(path), ...settings } })),
  }
}

/** Sources that a test speaks for, by what they are asked. */
function fakes(endpointsMax = 5) {
  const made: FakeSource[] = []
  const lines: string[] = []
  const counted = { problems: 0 }
  const line = (message: string, fields: object = {}) =>
    void lines.push(`${message} ${Object.values(fields).join("|")}`)
  const spec = (name: string) => ({
    key: name,
    make: () => {
      made.push(new FakeSource(name))
      return made.at(-1)!
    },
  })
  const options = {
    clock: new ManualClock(),
    assignments: null,
    random: () => 0.5,
    endpointsMax: () => endpointsMax,
    log: { info: line, warn: line },
    onProblem: () => void counted.problems++,
    specs: ({ endpoints, discovery }: ClusterConfig) => [
      ...endpoints.map(({ address }) => (address.startsWith("name") ? spec(address) : null)),
      ...discovery.map((source) => spec(source.kind === "file" ? source.path : "")),
    ],
  }
  const source = (name: string) => made.findLast((one) => one.name === name)!
  return { made, lines, counted, options, source }
}

function discoveryOf(text: string, settings: Partial<EndpointConfig> = {}, endpointsMax = 5) {
  const all = fakes(endpointsMax)
  const told: string[] = []
  const discovery = new ClusterDiscovery(clusterOf(text, settings), {
    ...all.options,
    onChange: () => void told.push(discovery.endpoints.map(({ address }) => address).join(" ")),
  })
  discovery.start()
  return { ...all, discovery, told }
}

describe("the endpoints of a cluster", () => {
  test("are those that are written, and each address once that sources name", () => {
    const { source, told } = discoveryOf("a:1 a:1 one two")
    source("one").says("b:1", "a:1")
    source("two").says("c:1", "b:1")
    source("one").says()
    expect(told).toEqual(["a:1 a:1 b:1", "a:1 a:1 b:1 c:1", "a:1 a:1 c:1 b:1"])
  })

  test("a name stands for itself until its addresses are known, and takes its settings along", () => {
    const { source, discovery } = discoveryOf("a:1 name:1", { weight: 3, backup: true })
    const shown = () =>
      discovery.endpoints.map(({ address, origin, weight, priority }) => [address, origin, weight, priority])
    source("name:1").fails()
    expect(shown()).toEqual([
      ["a:1", 0, 1, 0],
      ["name:1", 1, 3, 1],
    ])
    source("name:1").says("b:1", { ...plainEndpoint("c:1"), weight: 2, priority: 1 })
    expect(shown().slice(1)).toEqual([
      ["b:1", 1, 3, 1],
      ["c:1", 1, 6, 2],
    ])
    source("name:1").fails()
    expect(shown()).toHaveLength(3)
  })

  test("are drained where their source says that they end", () => {
    const { source, discovery } = discoveryOf("one")
    source("one").says({ ...plainEndpoint("b:1"), isDraining: true, zone: "west" })
    expect(discovery.endpoints[0]).toMatchObject({ drain: true, zone: "west", origin: 0 })
  })

  test("may become none", () => {
    const { source, told } = discoveryOf("kubernetes")
    source("kubernetes").says("a:1")
    source("kubernetes").says()
    expect(told).toEqual(["a:1", ""])
  })
})

test("all is known once each source has answered or failed", () => {
  const { source, discovery } = discoveryOf("one two")
  source("one").says("a:1")
  expect(discovery.isSettled).toBe(false)
  source("two").fails()
  expect(discovery.isSettled).toBe(true)
})

test("a problem is said once, counted each time, and its end is said", () => {
  const { source, lines, told, counted, discovery } = discoveryOf("dns")
  source("dns").says("a:1")
  for (let i = 0; i < 3; i++) source("dns").fails("SERVFAIL")
  expect(discovery.status).toEqual([
    {
      name: "dns",
      endpoints: 1,
      answerAgeMs: 0,
      problem: "SERVFAIL; its last answer stays (1)",
      problems: 3,
    },
  ])
  source("dns").says("a:1")
  expect(lines).toEqual([
    "discovery has a problem c|dns|SERVFAIL; its last answer stays (1)",
    "discovery answers again c|dns",
  ])
  expect([counted.problems, told]).toEqual([3, ["a:1", "a:1"]])
})

test("nonsense keeps the last answer: too many, or none that can be used", () => {
  const { source, told, lines, discovery } = discoveryOf("file")
  source("file").says("a:1")
  source("file").says("a:1", "a:2", "a:3", "a:4", "a:5", "a:6")
  source("file").says("a:0")
  expect([told, lines.length]).toEqual([["a:1"], 2])
  source("file").says("a:0", "b:1", "b:1")
  expect(discovery.endpoints.map(({ address }) => address)).toEqual(["b:1"])
  expect(discovery.status[0]!.problem).toBe(
    '1 of 3 addresses are unusable, such as "a:0"; 1 addresses are named twice',
  )
})

test("what a source could not read is said beside what it could", () => {
  const { source, discovery, lines, counted } = discoveryOf("etcd")
  source("etcd").listener.onEndpoints([plainEndpoint("a:1"), plainEndpoint("a:0")], "1 keys have no endpoint")
  expect(discovery.endpoints.map(({ address }) => address)).toEqual(["a:1"])
  expect(discovery.status[0]!.problem).toBe(
    '1 keys have no endpoint; 1 of 2 addresses are unusable, such as "a:0"',
  )
  expect(counted.problems).toBe(1)
  source("etcd").says("a:1")
  expect(lines.at(-1)).toBe("discovery answers again c|etcd")
})

test("100,000 endpoints are refused, and the last answer stays", () => {
  const { source, discovery, lines } = discoveryOf("etcd", {}, 20_000)
  source("etcd").says("a:1")
  source("etcd").says(...Array.from({ length: 100_000 }, (_, index) => `a:${(index % 60_000) + 1}`))
  expect(discovery.endpoints).toHaveLength(1)
  expect(lines).toEqual([
    "discovery has a problem c|etcd|it names 100000 endpoints, more than 20000; its last answer stays (1)",
  ])
})

test("what cannot be reached has its sources asked", () => {
  const { made, discovery } = discoveryOf("one two")
  discovery.refresh()
  expect(made.map(({ refreshed }) => refreshed)).toEqual([1, 1])
})

describe("over a reload", () => {
  function make() {
    const all = fakes()
    const set: string[] = []
    const states = {
      setEndpoints: (cluster: string, endpoints: readonly { address: string }[]) =>
        void set.push(`${cluster}: ${endpoints.map(({ address }) => address).join(" ")}`),
    }
    return { ...all, set, discovery: new Discovery({ ...all.options, states }) }
  }

  test("a start waits for all sources, until it has waited long enough", async () => {
    const { discovery, source, set, options } = make()
    const preparing = discovery.prepare([clusterOf("one two")])
    source("one").says("a:1")
    options.clock.advance(5_000)
    const prepared = await preparing
    expect(prepared.endpointsOf("c")!.map(({ address }) => address)).toEqual(["a:1"])
    prepared.commit()
    source("two").says("b:1")
    expect(set).toEqual(["c: a:1", "c: a:1 b:1"])
  })

  test("a source that stays is not asked anew where its cluster stays, and its answer holds where that changes", async () => {
    const { discovery, source, made, set } = make()
    const first = discovery.prepare([clusterOf("one")])
    source("one").says("a:1")
    ;(await first).commit()
    ;(await discovery.prepare([clusterOf("one")])).commit()
    expect(made).toHaveLength(1)
    const changed = await discovery.prepare([clusterOf("b:1 one")])
    expect(changed.endpointsOf("c")!.map(({ address }) => address)).toEqual(["b:1", "a:1"])
    changed.commit()
    expect(made.map(({ isStopped }) => isStopped)).toEqual([true, false])
    source("one").says("a:2")
    expect(set.at(-1)).toBe("c: b:1 a:2")
  })

  test("that is abandoned all is as it was", async () => {
    const { discovery, source, made, set } = make()
    const first = discovery.prepare([clusterOf("one")])
    source("one").says("a:1")
    ;(await first).commit()
    const next = discovery.prepare([clusterOf("two")])
    source("two").fails()
    ;(await next).abandon()
    expect(made.map(({ isStopped }) => isStopped)).toEqual([false, true])
    source("one").says("a:2")
    expect(set).toEqual(["c: a:1", "c: a:2"])
    discovery.stop()
    expect(made[0]!.isStopped).toBe(true)
  })
})
