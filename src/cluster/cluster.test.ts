import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultLimits } from "../base/limits.ts"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint, defaultSticky } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import { Cluster, type ClusterContext } from "./cluster.ts"
import type { Connector } from "./connectors.ts"
import { OwnStreamCounts, type StreamCounts } from "./counts.ts"
import type { Endpoint } from "./endpoint.ts"
import type { Pool, PooledConnection } from "./pool.ts"
import { configuredEndpoints, type EndpointState, layOver } from "./state.ts"

class FakeConnection implements PooledConnection {
  streamsOpen = 0
  isUsable = true
  isReady = true
  capacity = 100
  hasServed = false
  startedMs = 0
  isRetired = false
  pings = 0
  prove(): boolean {
    this.pings++
    return true
  }
  retire(): void {
    this.isRetired = true
    this.isUsable = false
  }
}

const log = { info: () => {}, warn: () => {} }
const address = { text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null }

/** As the control side has it at the start. */
function clusterAt(
  config: ClusterConfig,
  context: Omit<ClusterContext<FakeConnection>, "counts"> & { counts?: StreamCounts },
): Cluster<FakeConnection> {
  const endpoints = configuredEndpoints(config).map((known, slot) => layOver(known, slot, [], undefined))
  return new Cluster<FakeConnection>(config, endpoints, { counts: new OwnStreamCounts(), ...context })
}

function clusterOf() {
  const made: FakeConnection[] = []
  const connect = (): FakeConnection => {
    made.push(new FakeConnection())
    return made.at(-1)!
  }
  const cluster = clusterAt(
    { ...defaultCluster("test"), endpoints: [defaultEndpoint(address)] },
    { clock: new ManualClock(), random: () => 0.5, limits: defaultLimits, log, connect, onLimit: () => {} },
  )
  const [endpoint] = cluster.endpoints as unknown as [Endpoint]
  /** A connector of its own, as a route with TLS has. */
  const way: Connector<FakeConnection> = () => connect()
  /** A stream that began before takes a place and gives it back. */
  const passBy = (by: Connector<FakeConnection> | null): FakeConnection => {
    const pool = cluster.pool(endpoint, by)
    let leased = pool.tryLease()
    if (leased === null) {
      pool.wait({ waitTimeoutMs: 0, onLease: (connection) => (leased = connection), onNoLease: () => {} })
      pool.changed()
    }
    pool.release(leased!)
    return leased!
  }
  return { cluster, made, way, passBy }
}

describe("connections of a configuration that has gone", () => {
  test.for([
    ["close, the cluster's own way", (cluster) => cluster.close(), true],
    ["close, another way", (cluster) => cluster.close(), false],
    ["retireConnector", (cluster, way) => cluster.retireConnector(way), false],
  ] as [string, (cluster: Cluster<FakeConnection>, way: Connector<FakeConnection>) => void, boolean][])(
    "made by a late retry, end with its stream: %s",
    ([, end, isOwnWay]) => {
      const { cluster, made, way, passBy } = clusterOf()
      const by = isOwnWay ? null : way
      expect(passBy(by).isRetired).toBe(false)
      end(cluster, way)
      expect(passBy(by).isRetired).toBe(true)
      expect(made.map(({ isRetired }) => isRetired)).toEqual(made.map(() => true))
    },
  )

  test("one connector is retired, the others go on", () => {
    const { cluster, way, passBy } = clusterOf()
    cluster.retireConnector(way)
    expect(passBy(null).isRetired).toBe(false)
    expect(passBy(() => new FakeConnection()).isRetired).toBe(false)
  })
})

describe("an endpoint where streams must wait for others to end", () => {
  function two(config: Partial<ReturnType<typeof defaultCluster>>) {
    const connections: FakeConnection[] = []
    const connect = (): FakeConnection => {
      const connection = Object.assign(new FakeConnection(), { capacity: 1 })
      connections.push(connection)
      return connection
    }
    const cluster = clusterAt(
      {
        ...defaultCluster("test"),
        endpoints: [defaultEndpoint(address), defaultEndpoint(address)],
        ...config,
      },
      { clock: new ManualClock(), random: () => 0.5, limits: defaultLimits, log, connect, onLimit: () => {} },
    )
    const names = new Map([...cluster.endpoints].map((endpoint, i) => [endpoint, "ab"[i]!]))
    const ask = (endpoint: Endpoint): void => {
      const pool = cluster.pool(endpoint, null)
      if (pool.tryLease() === null) pool.wait({ waitTimeoutMs: 0, onLease: () => {}, onNoLease: () => {} })
      pool.changed()
    }
    const [a, b] = [...cluster.endpoints] as [Endpoint, Endpoint]
    const picks = (many: number): string[] =>
      Array.from({ length: many }, () => names.get(cluster.pick(cluster.snapshot, null)!)!)
    return { cluster, connections, ask, picks, a, b }
  }

  test("is passed over while another has room, and back once it has some", () => {
    const { cluster, connections, ask, picks, a } = two({ maxConnectionsPerEndpoint: 1 })
    ask(a)
    expect(picks(2)).toEqual(["a", "b"])
    ask(a)
    expect(picks(2)).toEqual(["b", "b"])
    // The one that waited has the place now.
    cluster.pool(a, null).release(connections[0]!)
    expect(picks(2)).toEqual(["b", "b"])
    cluster.pool(a, null).release(connections[0]!)
    expect(picks(4).sort()).toEqual(["a", "a", "b", "b"])
  })

  test("is passed over also once those who waited have given up, and not for connections made in another way", () => {
    const { cluster, connections, picks, a } = two({ maxConnectionsPerEndpoint: 1 })
    const waiter = { waitTimeoutMs: 0, onLease: () => {}, onNoLease: () => {} }
    const way: Connector<FakeConnection> = () => Object.assign(new FakeConnection(), { capacity: 1 })
    for (const by of [way, null]) {
      const pool = cluster.pool(a, by)
      pool.wait({ ...waiter })
      pool.changed()
      pool.wait(waiter)
      expect(picks(2).sort()).toEqual(by === null ? ["b", "b"] : ["a", "b"])
      pool.abandon(waiter)
      expect(picks(2).sort()).toEqual(by === null ? ["b", "b"] : ["a", "b"])
    }
    cluster.pool(a, null).retired(connections[0]!)
    expect(picks(2).sort()).toEqual(["a", "b"])
  })

  test("is better than none", () => {
    const { ask, picks, a, b } = two({ maxConnectionsPerEndpoint: 1 })
    for (const endpoint of [a, a, b, b]) ask(endpoint)
    expect(picks(4).sort()).toEqual(["a", "a", "b", "b"])
  })

  test("so is one that grants no stream at all", () => {
    const { cluster, connections, ask, picks, a } = two({})
    ask(a)
    connections[0]!.capacity = 0
    cluster.pool(a, null).settingsReceived(connections[0]!)
    ask(a)
    expect(picks(2)).toEqual(["b", "b"])
  })
})

/** Endpoints a, b, c … and connections that a test readies by hand. */
function clusterWith(names: string, config: Partial<ClusterConfig> = {}, counts?: OwnStreamCounts) {
  const clock = new ManualClock()
  const said: string[] = []
  const made: { endpoint: string; pool: Pool<FakeConnection>; connection: FakeConnection }[] = []
  const say = (message: string, fields: Readonly<Record<string, string | number>>): void => {
    said.push(`${message}: ${String(fields.endpoint)[0]}`)
  }
  const cluster = clusterAt(
    {
      ...defaultCluster("test"),
      endpoints: names.split("").map((name) => defaultEndpoint(parseAddress(`${name}:1`, null)!)),
      ...config,
    },
    {
      clock,
      random: () => 0.5,
      limits: defaultLimits,
      log: { info: say, warn: say },
      connect: (endpoint, pool) => {
        const connection = Object.assign(new FakeConnection(), { isReady: false, startedMs: clock.now() })
        made.push({ endpoint: endpoint.address[0]!, pool, connection })
        return connection
      },
      onLimit: () => {},
      ...(counts !== undefined && { counts }),
    },
  )
  const find = (name: string): Endpoint => [...cluster.endpoints].find(({ address }) => address[0] === name)!
  /** A stream that picks; the name of what it gets. */
  const pick = (): string => cluster.pick(cluster.snapshot, null)?.address[0] ?? "-"
  const picks = (many: number): string => Array.from({ length: many }, pick).join("")
  /** A stream gets a slot on a connection, which is ready by then. */
  const lease = (name: string): FakeConnection => {
    const pool = cluster.pool(find(name), null)
    let leased = pool.tryLease()
    if (leased !== null) return leased
    pool.wait({ waitTimeoutMs: 0, onLease: (connection) => (leased = connection), onNoLease: () => {} })
    ready()
    return leased!
  }
  /** The connection made last. */
  const ready = (): FakeConnection => {
    const { connection, pool } = made.at(-1)!
    connection.isReady = true
    pool.settingsReceived(connection)
    return connection
  }
  const lose = (name: string, connection: FakeConnection): void => {
    cluster.pool(find(name), null).lost(connection, "connection reset by peer")
  }
  return { cluster, clock, said, made, find, pick, picks, lease, ready, lose }
}

test("an endpoint of TCP sessions is ejected for fail_timeout, and no connection is made to probe it", () => {
  const { cluster, clock, made, find, picks, said } = clusterWith("ab", { protocol: "tcp" })
  cluster.outcomes.connectFailed(find("a"), "connection refused")
  expect(picks(4)).toBe("bbbb")
  clock.advance(find("a").config.failTimeoutMs + 1)
  // One session tries it, and it is back when that has connected.
  expect(picks(4).replaceAll("b", "")).toBe("a")
  cluster.outcomes.legAnswered(find("a"))
  expect(picks(4).replaceAll("b", "")).toBe("aa")
  expect(said).toEqual(["endpoint is ejected: a", "endpoint is back: a"])
  expect([made.length, clock.timersOpen]).toEqual([0, 0])
})

describe("an endpoint that lost a connection with streams on it", () => {
  test("gets no streams until another has answered a PING, then its full share, however much it weighs", () => {
    const { cluster, clock, said, made, find, picks, lease, ready, lose } = clusterWith("ab")
    expect(picks(4)).toBe("abab")
    lose("a", lease("a"))
    expect(said.splice(0)).toEqual(["endpoint is ejected: a"])
    for (let i = 0; i < 10; i++) {
      clock.advance(5_000)
      expect(picks(4)).toBe("bbbb")
    }
    // One connection, made at once when the backoff was over, is still under way.
    expect(made).toHaveLength(2)
    ready()
    // It speaks HTTP/2, and fail_timeout is over: one stream tries it.
    expect(picks(4)).toBe("babb")
    made.at(-1)!.pool.proven(made.at(-1)!.connection)
    expect(said).toEqual(["endpoint is back: a"])
    expect(picks(6)).toMatch(/^(ababab|bababa)$/)
    expect([find("a").probes, clock.timersOpen]).toEqual([0, 0])
    cluster.close()
  })

  test("is used all the same where there is no other, and that is panic mode", () => {
    const { clock, said, find, picks, lease, lose } = clusterWith("ab")
    lose("a", lease("a"))
    lose("b", lease("b"))
    expect(picks(10).replaceAll("b", "").length).toBeOneOf([4, 5, 6])
    expect([find("a").isEjected(clock.now()), find("b").isEjected(clock.now())]).toEqual([true, true])
    expect(said).toEqual(["endpoint is ejected: a", "endpoint is ejected: b"])
  })

  test("is not asked while no stream comes, and again with the first that does", () => {
    const { clock, made, picks, lease, lose } = clusterWith("ab")
    picks(1)
    lose("a", lease("a"))
    for (let i = 0; i < 100; i++) {
      clock.advance(300)
      const { pool, connection } = made.at(-1)!
      if (pool.connections.includes(connection)) pool.connectFailed(connection, "connection refused")
    }
    const before = made.length
    expect(clock.timersOpen).toBe(0)
    clock.advance(60_000)
    expect(picks(1)).toBe("b")
    expect(made).toHaveLength(before + 1)
    expect(picks(3)).toBe("bbb")
  })

  test("asks for nothing more once the cluster is closed", () => {
    const { cluster, clock, picks, lease, lose } = clusterWith("ab")
    lose("a", lease("a"))
    cluster.close()
    picks(4)
    expect(clock.timersOpen).toBe(0)
  })
})

test("an endpoint whose last place another thread took meanwhile is not on trial for it", () => {
  const counts = new OwnStreamCounts()
  const { find, pick } = clusterWith("ab", {}, counts)
  const count = counts.countOf(0)
  count.tryAdd = () => false
  Object.defineProperty(find("a"), "isFull", { get: () => count.open++ > 0 })
  expect(pick()).toBe("b")
})

test("an endpoint that leaves a PING unanswered is passed over, unless there is no other", () => {
  const { find, picks } = clusterWith("ab")
  find("a").silentConnections = 1
  expect(picks(3)).toBe("bbb")
  find("b").silentConnections = 2
  expect(picks(4)).toMatch(/^(abab|baba)$/)
})

describe("what the control side says", () => {
  const state = (name: string, change: Partial<EndpointState> = {}): EndpointState => ({
    slot: "abcdefgh".indexOf(name),
    address: `${name}:1`,
    origin: "abcdefgh".indexOf(name),
    weight: 1,
    zone: null,
    priority: 0,
    health: "unknown",
    drain: false,
    graceMs: null,
    ...change,
  })

  test.for<[what: string, state: EndpointState[], expected: string]>([
    ["the same", [state("a"), state("b")], "ababab"],
    ["another weight", [state("a", { weight: 2 }), state("b")], "abaaba"],
    ["unhealthy", [state("a", { health: "unhealthy" }), state("b", { health: "healthy" })], "bbbbbb"],
    ["all unhealthy", [state("a", { health: "unhealthy" }), state("b", { health: "unhealthy" })], "ababab"],
    ["drained", [state("a", { drain: true }), state("b")], "bbbbbb"],
    ["all drained", [state("a", { drain: true }), state("b", { drain: true })], "------"],
    ["a backup", [state("a", { priority: 1 }), state("b")], "bbbbbb"],
    ["gone", [state("b")], "bbbbbb"],
    ["one more", [state("a"), state("b"), state("c")], "abcabc"],
    ["another in its slot", [state("a", { address: "d:1" }), state("b")], "dbdbdb"],
    ["none", [], "------"],
  ])("%s", ([, endpoints, expected]) => {
    const { cluster, picks } = clusterWith("ab")
    cluster.apply(endpoints)
    expect(picks(6)).toBe(expected)
    cluster.apply([state("a"), state("b")])
    expect(picks(4)).toMatch(/^(abab|baba)$/)
  })

  test("an endpoint that stays keeps its connections, counts and health", () => {
    const { cluster, clock, find, picks, lease, lose } = clusterWith("ab")
    const [a, b] = [find("a"), find("b")]
    const kept = lease("b")
    for (let i = 0; i < 5; i++) b.tryOpenStream()
    lose("a", lease("a"))
    cluster.apply([state("a", { weight: 3 }), state("b"), state("c")])
    expect([find("a"), find("b")]).toEqual([a, b])
    expect([kept.isRetired, a.isEjected(clock.now()), b.streamsOpen]).toEqual([false, true, 5])
    expect(picks(4)).toBe("bcbc")
    cluster.close()
  })

  test("one that is gone lets its streams end, and takes none that picked it late but to their end", () => {
    const { cluster, find, lease } = clusterWith("ab")
    const a = find("a")
    const before = cluster.snapshot
    const live = lease("a")
    cluster.apply([state("b")])
    expect([live.isRetired, live.streamsOpen]).toEqual([true, 1])
    // A stream that began before may still try it.
    expect(cluster.pick(before, [find("b")])).toBe(a)
    const pool = cluster.pool(a, null)
    pool.wait({ waitTimeoutMs: 0, onLease: () => {}, onNoLease: () => {} })
    expect(pool.connections).toHaveLength(1)
    expect([...cluster.endpoints].map(({ address }) => address)).toEqual(["b:1"])
  })

  test("health alone does not begin the turns of round robin anew", () => {
    const { cluster, picks } = clusterWith("abc")
    expect(picks(2)).toBe("ab")
    cluster.apply([state("a"), state("b", { health: "healthy" }), state("c")])
    expect(picks(2)).toBe("ca")
  })
})

describe("a sticky cookie", () => {
  const sticky = defaultSticky("srv_id")
  const config = {
    sticky,
    endpoints: ["a", "b", "c"].map((route) => ({
      ...defaultEndpoint(parseAddress(`${route}:1`, null)!),
      route,
    })),
  }
  const bound = (cluster: Cluster<FakeConnection>, id: string, tried: Endpoint[] | null = null): string => {
    const subject = { render: (template: string) => (template === "$cookie_srv_id" ? id : "") }
    return cluster.pick(cluster.snapshot, tried, subject)?.address[0] ?? "-"
  }

  test("brings a client back to its endpoint; one without it, or with another's, has its turn", () => {
    const { cluster } = clusterWith("abc", config)
    expect(["b", "b", "", "x", "b", ""].map((id) => bound(cluster, id)).join("")).toBe("bbabbc")
  })

  test("but not where that was tried, is unhealthy, or is gone", () => {
    const { cluster, find } = clusterWith("abc", config)
    expect(bound(cluster, "b", [find("b")])).not.toBe("b")
    const states = [...cluster.endpoints].map(({ slot, address }, origin) => ({
      ...{ slot, address, origin, weight: 1, zone: null, priority: 0, drain: false, graceMs: null },
      health: address === "b:1" ? ("unhealthy" as const) : ("unknown" as const),
    }))
    cluster.apply(states)
    expect(bound(cluster, "b")).not.toBe("b")
    cluster.apply(states.filter(({ address }) => address !== "c:1"))
    expect(bound(cluster, "c")).not.toBe("c")
    expect(bound(cluster, "a")).toBe("a")
  })
})
