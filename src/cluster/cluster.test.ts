import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultLimits } from "../base/limits.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import { Cluster } from "./cluster.ts"
import type { Connector } from "./connectors.ts"
import type { Endpoint } from "./endpoint.ts"
import type { PooledConnection } from "./pool.ts"

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

function clusterOf() {
  const made: FakeConnection[] = []
  const connect = (): FakeConnection => {
    made.push(new FakeConnection())
    return made.at(-1)!
  }
  const cluster = new Cluster<FakeConnection>(
    { ...defaultCluster("test"), endpoints: [defaultEndpoint(address)] },
    { clock: new ManualClock(), random: () => 0.5, limits: defaultLimits, log, connect, onLimit: () => {} },
  )
  const endpoint = cluster.snapshot.primary[0]!
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
    const cluster = new Cluster<FakeConnection>(
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
