import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import { defaultLimits } from "../limits.ts"
import { Cluster, type Connect } from "./cluster.ts"
import type { PooledConnection } from "./pool.ts"

class FakeConnection implements PooledConnection {
  streamsOpen = 0
  isUsable = true
  isReady = true
  capacity = 100
  hasServed = false
  startedMs = 0
  isRetired = false
  retire(): void {
    this.isRetired = true
    this.isUsable = false
  }
}

const address = { text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null }

function clusterOf() {
  const made: FakeConnection[] = []
  const connect = (): FakeConnection => {
    made.push(new FakeConnection())
    return made.at(-1)!
  }
  const cluster = new Cluster<FakeConnection>(
    { ...defaultCluster("test"), endpoints: [defaultEndpoint(address)] },
    { clock: new ManualClock(), random: () => 0.5, limits: defaultLimits, connect, onLimit: () => {} },
  )
  const endpoint = cluster.snapshot.primary[0]!
  /** A way of its own to connect, as a route with TLS has. */
  const way: Connect<FakeConnection> = () => connect()
  /** A stream that began before takes a place and gives it back. */
  const passBy = (by: Connect<FakeConnection> | null): FakeConnection => {
    const pool = cluster.pool(endpoint, by)
    let leased: FakeConnection | null = null
    pool.acquire({ patienceMs: 0, onLease: (connection) => (leased = connection), onNoLease: () => {} })
    pool.changed()
    pool.release(leased!)
    return leased!
  }
  return { cluster, made, way, passBy }
}

describe("connections of a configuration that has gone", () => {
  test.for([
    ["close, the cluster's own way", (cluster) => cluster.close(), true],
    ["close, another way", (cluster) => cluster.close(), false],
    ["forget", (cluster, way) => cluster.forget(way), false],
  ] as [string, (cluster: Cluster<FakeConnection>, way: Connect<FakeConnection>) => void, boolean][])(
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

  test("one way is forgotten, the others go on", () => {
    const { cluster, way, passBy } = clusterOf()
    cluster.forget(way)
    expect(passBy(null).isRetired).toBe(false)
    expect(passBy(() => new FakeConnection()).isRetired).toBe(false)
  })
})
