import { describe, expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import { type ClusterChange, ClusterStates } from "./cluster-states.ts"
import { Slots } from "./slots.ts"
import { type ClusterState, type EndpointHealth, type KnownEndpoint, layOver } from "./state.ts"

/** `a: 1 2`: a cluster and the ports of its endpoints. */
function cluster(text: string): ClusterConfig {
  const [name, ports] = text.split(": ") as [string, string]
  const endpoints = ports.split(" ").map((port) => defaultEndpoint(parseAddress(`h:${port}`, null)!))
  return { ...defaultCluster(name), endpoints }
}

const known = (port: number, change: Partial<KnownEndpoint> = {}): KnownEndpoint => ({
  address: `h:${port}`,
  origin: 0,
  weight: 1,
  zone: null,
  priority: 0,
  drain: false,
  ...change,
})

/** `1@0`: port and slot, with what is said of it where that is something. */
const shown = (state: ClusterState, name = "a"): string =>
  state.clusters
    .filter((one) => one.name === name)
    .flatMap(({ endpoints }) => endpoints)
    .map(({ address, slot, weight, health, drain }) =>
      [
        `${address.slice(2)}@${slot}`,
        weight === 1 ? "" : `weight ${weight}`,
        health === "unknown" ? "" : health,
        drain ? "drain" : "",
      ]
        .filter(Boolean)
        .join(" "),
    )
    .join(", ")

function make(...clusters: string[]) {
  const published: ClusterState[] = []
  const changes: ClusterChange[] = []
  let acknowledged = Number.POSITIVE_INFINITY
  const states = new ClusterStates({
    hasChecks: true,
    slots: new Slots({ streamsOpen: () => 0, acknowledged: () => acknowledged, onNew() {} }),
    publish: (state) => void published.push(state),
    onChange: (change) => void changes.push(change),
  })
  const reload = (...texts: string[]) => states.prepare(texts.map(cluster))
  reload(...clusters).commit()
  const acknowledge = (version: number): void => void (acknowledged = version)
  return { states, published, changes, reload, acknowledge }
}

/** Changes of one turn are published after it. */
const soon = (): Promise<void> => Promise.resolve()

test.for<[health: EndpointHealth[], expected: EndpointHealth]>([
  [[], "unknown"],
  [["unknown"], "unknown"],
  [["healthy", "unknown"], "healthy"],
  [["healthy", "unhealthy"], "unhealthy"],
])("judged %j it is %s", ([health, expected]) => {
  expect(layOver(known(1), 0, health, undefined).health).toBe(expected)
})

test.for<[endpoint: Partial<KnownEndpoint>, order: [drain: boolean, weight: number | null], is: string]>([
  [{}, [false, null], "1@0"],
  [{ weight: 3 }, [false, null], "1@0 weight 3"],
  [{ weight: 3 }, [true, 0], "1@0 weight 0 drain"],
  [{ drain: true }, [false, 2], "1@0 weight 2 drain"],
])("%j, ordered %j, is %s", ([endpoint, [drain, weight], expected]) => {
  const state = layOver(known(1, endpoint), 0, [], { drain, graceMs: null, weight })
  expect(shown({ version: 0, clusters: [{ name: "a", endpoints: [state] }] })).toBe(expected)
})

describe("what is said of endpoints", () => {
  test("in one turn is published together, whole, and of what changed alone", async () => {
    const { states, published, changes } = make("a: 1 2", "b: 1", "c: 1")
    states.setEndpoints("a", [known(2), known(3)])
    states.setHealth("a", "h:2", "unhealthy")
    states.order("b", "h:1", { drain: true })
    states.setHealth("c", "h:1", "unknown")
    states.setHealth("no such cluster", "h:1", "healthy")
    await soon()
    expect(published.map(({ version, clusters }) => [version, clusters.map(({ name }) => name)])).toEqual([
      [2, ["a", "b"]],
    ])
    expect([shown(published[0]!), shown(published[0]!, "b")]).toEqual(["2@1 unhealthy, 3@4", "1@2 drain"])
    expect(changes).toEqual([
      { cluster: "a", joined: ["h:3"], left: ["h:1"], changed: ["h:2"], endpoints: 2 },
      { cluster: "b", joined: [], left: [], changed: ["h:1"], endpoints: 1 },
    ])
  })

  test("and changes nothing is not published", async () => {
    const { states, published } = make("a: 1 2")
    states.setEndpoints("a", [known(2, { origin: 1 }), known(1)])
    await soon()
    expect(published).toEqual([])
  })

  test("each judge says for itself", async () => {
    const { states } = make("a: 1")
    states.setHealth("a", "h:1", "unhealthy", "outlier")
    states.setHealth("a", "h:1", "healthy")
    await soon()
    expect(shown(states.current)).toBe("1@0 unhealthy")
    states.setHealth("a", "h:1", "unknown", "outlier")
    await soon()
    expect(shown(states.current)).toBe("1@0 healthy")
  })

  test("an order stays where the next one does not say otherwise", async () => {
    const { states } = make("a: 1")
    states.order("a", "h:1", { weight: 5 })
    states.order("a", "h:1", { drain: true })
    await soon()
    expect(shown(states.current)).toBe("1@0 weight 5 drain")
    states.order("a", "h:1", { drain: false, weight: null })
    await soon()
    expect(shown(states.current)).toBe("1@0")
  })

  test("is forgotten when the endpoint leaves", async () => {
    const { states } = make("a: 1 2")
    states.order("a", "h:1", { drain: true })
    states.setHealth("a", "h:1", "unhealthy")
    states.setEndpoints("a", [known(2)])
    await soon()
    states.setEndpoints("a", [known(1), known(2)])
    await soon()
    expect(shown(states.current)).toBe("1@0, 2@1")
  })

  test("holds for all that have its address", async () => {
    const { states } = make("a: 1 1")
    states.setHealth("a", "h:1", "unhealthy")
    await soon()
    expect(shown(states.current)).toBe("1@0 unhealthy, 1@1 unhealthy")
  })
})

test("a slot is used again only when the version without its endpoint is acknowledged", async () => {
  const { states, published, acknowledge } = make("a: 1")
  acknowledge(1)
  states.setEndpoints("a", [known(2)])
  await soon()
  states.setEndpoints("a", [known(2), known(3)])
  await soon()
  acknowledge(2)
  states.setEndpoints("a", [known(2), known(3), known(4)])
  await soon()
  expect(published.map((state) => [state.version, shown(state)])).toEqual([
    [2, "2@1"],
    [3, "2@1, 3@2"],
    [4, "2@1, 3@2, 4@0"],
  ])
})

describe("a reload", () => {
  test("keeps slots, health and orders of the endpoints that stay", async () => {
    const { states, reload } = make("a: 1 2", "b: 1")
    states.order("a", "h:2", { weight: 7 })
    states.setHealth("a", "h:1", "healthy")
    await soon()
    reload("a: 2 3", "b: 1").commit()
    expect([shown(states.current), shown(states.current, "b")]).toEqual(["2@1 weight 7, 3@3", "1@2"])
  })

  test("keeps what was discovered, where the cluster's configuration is the same", async () => {
    const { states, reload } = make("a: 1", "b: 1")
    for (const name of ["a", "b"]) states.setEndpoints(name, [known(8)])
    await soon()
    reload("a: 1", "b: 2").commit()
    expect([shown(states.current), shown(states.current, "b")]).toEqual(["8@2", "2@1"])
  })

  test.for([
    ["committed", "2@1 drain, 3@2", 3],
    ["abandoned", "1@0, 2@1 drain", 3],
  ] as const)("that is %s lets through then what was said meanwhile", async ([how, expected, version]) => {
    const { states, published, reload } = make("a: 1 2")
    const prepared = reload("a: 2 3")
    states.order("a", "h:2", { drain: true })
    await soon()
    expect([published, shown(prepared.state)]).toEqual([[], "2@1, 3@2"])
    if (how === "committed") prepared.commit()
    else prepared.abandon()
    await soon()
    expect([published.length, published[0]!.version, shown(states.current)]).toEqual([1, version, expected])
  })

  test("that is abandoned gives back the slots that it took", () => {
    const { states, reload } = make("a: 1")
    reload("a: 1 2").abandon()
    reload("a: 1 3").commit()
    expect(shown(states.current)).toBe("1@0, 3@1")
  })

  test("without a cluster forgets it", () => {
    const { states, reload } = make("a: 1", "b: 1")
    reload("b: 1").commit()
    expect(states.current.clusters.map(({ name }) => name)).toEqual(["b"])
    expect(states.endpointsOf("a")).toEqual([])
  })
})
