import { expect, test } from "vitest"
import { ClusterDiscovery } from "./cluster-discovery.ts"
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
  constructor(name: string) {
    this.name = name
  }
  start(listener: DiscoveryListener): void {
    this.listener = listener
  }
  refresh(): void {
    this.refreshed++
  }
  stop(): void {}
  says(...addresses: string[]): void {
    this.listener.onEndpoints(addresses.map(plainEndpoint))
  }
}

function discoveryOf(...names: string[]) {
  const sources = names.map((name) => new FakeSource(name))
  const told: string[] = []
  const lines: string[] = []
  let problems = 0
  const line = (message: string, fields: object = {}) =>
    void lines.push(`${message} ${Object.values(fields).join("|")}`)
  const discovery = new ClusterDiscovery({
    cluster: "c",
    sources,
    endpointsMax: 5,
    log: { info: line, warn: line },
    onProblem: () => problems++,
    onChange: (endpoints: readonly DiscoveredEndpoint[]) =>
      told.push(endpoints.map(({ address }) => address).join(" ")),
  })
  discovery.start()
  return { discovery, sources, told, lines, problems: () => problems }
}

test("changes are told, repetitions are not", () => {
  const { sources, told } = discoveryOf("dns")
  const [dns] = sources
  dns!.says("a:1", "b:1")
  dns!.says("b:1", "a:1")
  dns!.says("a:1")
  expect(told).toEqual(["a:1 b:1", "a:1"])
})

test("several sources are one list, once each has answered or failed", () => {
  const { sources, told } = discoveryOf("one", "two")
  const [one, two] = sources
  one!.says("a:1")
  expect(told).toEqual([])
  two!.listener.onFailure("down")
  expect(told).toEqual(["a:1"])
  one!.says("a:1", "b:1")
  two!.says("c:1")
  expect(told).toEqual(["a:1", "a:1 b:1", "a:1 b:1 c:1"])
})

test("a problem is said once, counted each time, and its end is said", () => {
  const { sources, lines, told, problems, discovery } = discoveryOf("dns")
  const [dns] = sources
  dns!.says("a:1")
  for (let i = 0; i < 3; i++) dns!.listener.onFailure("SERVFAIL")
  expect(discovery.status).toEqual([
    { name: "dns", endpoints: 1, problem: "SERVFAIL; its last answer stays (1)" },
  ])
  dns!.says("a:1")
  expect(lines).toEqual([
    "discovery has a problem c|dns|SERVFAIL; its last answer stays (1)",
    "discovery answers again c|dns",
  ])
  expect(problems()).toBe(3)
  expect(told).toEqual(["a:1"])
})

test("nonsense keeps the last answer: too many, or none that can be used", () => {
  const { sources, told, lines } = discoveryOf("file")
  const [file] = sources
  file!.says("a:1")
  file!.says("a:1", "a:2", "a:3", "a:4", "a:5", "a:6")
  file!.says("a:0")
  expect(told).toEqual(["a:1"])
  expect(lines.length).toBe(2)
  file!.says("a:0", "b:1")
  expect(told.at(-1)).toBe("b:1")
})

test("a source may empty a cluster", () => {
  const { sources, told } = discoveryOf("kubernetes")
  sources[0]!.says("a:1")
  sources[0]!.says()
  expect(told).toEqual(["a:1", ""])
})

test("what cannot be reached has its sources asked", () => {
  const { sources, discovery } = discoveryOf("one", "two")
  discovery.refresh()
  expect(sources.map(({ refreshed }) => refreshed)).toEqual([1, 1])
})
