import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { defaultCluster } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import { Backoff } from "./backoff.ts"
import { makeBreakers } from "./breakers.ts"
import { OwnStreamCounts } from "./counts.ts"
import { Pool, type PooledConnection, type PoolOptions, type Waiter } from "./pool.ts"
import { RetryBudget } from "./retry-budget.ts"

class FakeConnection implements PooledConnection {
  streamsOpen = 0
  isUsable = true
  isReady = false
  capacity = 100
  isRetired = false
  hasServed = false
  /** PINGs asked for. */
  pings = 0
  readonly name: string
  readonly startedMs: number

  constructor(name: string, startedMs: number) {
    this.name = name
    this.startedMs = startedMs
  }

  prove(): boolean {
    this.pings++
    return true
  }

  retire(): void {
    this.isRetired = true
    this.isUsable = false
  }
}

type Options = Partial<PoolOptions<FakeConnection>> & { unknownCapacity?: number }

function poolOf({ unknownCapacity = 100, ...options }: Options = {}) {
  const made: FakeConnection[] = []
  const limits: string[] = []
  const told: string[] = []
  const clock = new ManualClock()
  const pool = new Pool<FakeConnection>({
    connect: () => {
      const connection = new FakeConnection(`c${made.length}`, clock.now())
      connection.capacity = unknownCapacity
      made.push(connection)
      return connection
    },
    clock,
    breakers: null,
    backoff: new Backoff({ delayMs: 100, delayMaxMs: 1000, random: () => 0.5 }),
    maxConnections: 3,
    maxOpening: 3,
    maxWaiting: 4,
    maxIdle: Number.POSITIVE_INFINITY,
    onLimit: (counter) => limits.push(counter),
    onSaturated: () => {},
    onFailed: (reason) => health.push(`failed: ${reason}`),
    onProven: () => health.push("proven"),
    onProbing: (is) => health.push(is ? "probing" : "not probing"),
    hasDemand: () => clock.now() - demandMs <= 10_000,
    ...options,
  })
  const health: string[] = []
  let demandMs = 0
  const waiter = (name: string): Waiter<FakeConnection> => ({
    waitTimeoutMs: 5000,
    onLease: (connection) => told.push(`${name} on ${connection.name}`),
    onNoLease: (reason, isLimit) => told.push(`${name}: ${isLimit ? "limit " : ""}${reason}`),
  })
  /** Asks for a slot, as a stream does, by its name. */
  const ask = (name: string): Waiter<FakeConnection> => {
    const stream = waiter(name)
    const lease = pool.tryLease()
    const refusal = lease === null ? pool.wait(stream) : null
    if (lease !== null) stream.onLease(lease)
    if (refusal !== null) told.push(`${name}: ${refusal.isLimit ? "limit " : ""}${refusal.reason}`)
    return stream
  }
  const ready = (connection: FakeConnection, capacity = 100): void => {
    connection.isReady = true
    connection.capacity = capacity
    pool.settingsReceived(connection)
  }
  const demand = (): void => {
    demandMs = clock.now()
  }
  return { pool, made, limits, told, health, waiter, ask, ready, clock, demand }
}

describe("a pool", () => {
  test("one connection is made for the first, and those that come meanwhile share it", () => {
    const { made, told, ask, ready } = poolOf()
    for (const name of ["x", "y", "z"]) ask(name)
    expect([made.length, told]).toEqual([1, []])
    ready(made[0]!)
    expect(told).toEqual(["x on c0", "y on c0", "z on c0"])
    ask("late")
    expect(told.at(-1)).toBe("late on c0")
    expect(made[0]!.streamsOpen).toBe(4)
  })

  test("streams are packed onto the first that has room", () => {
    const { pool, made, told, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!, 1)
    ask("b")
    ready(made[1]!, 1)
    pool.release(made[0]!)
    ask("c")
    expect(told).toEqual(["a on c0", "b on c1", "c on c0"])
  })

  test("nobody overtakes those that wait", () => {
    const { pool, made, told, ask, ready } = poolOf({ maxConnections: 1 })
    ask("first")
    ready(made[0]!, 1)
    ask("second")
    ask("third")
    pool.release(made[0]!)
    pool.release(made[0]!)
    expect(told).toEqual(["first on c0", "second on c0", "third on c0"])
  })

  test("a connection that learns it may carry little makes others be opened, up to the most", () => {
    const { pool, made, limits, told, ask, ready } = poolOf({ maxConnections: 2 })
    for (const name of ["a", "b", "c"]) ask(name)
    ready(made[0]!, 1)
    ready(made[1]!, 1)
    expect(told).toEqual(["a on c0", "b on c1"])
    expect([pool.waiting, limits.includes("endpoint_connections_exceeded")]).toEqual([1, true])
  })

  test("one that grants nothing is not followed by another", () => {
    const { pool, made, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!, 0)
    ask("b")
    expect(made).toHaveLength(1)
    ready(made[0]!, 2)
    expect(pool.waiting).toBe(0)
  })

  test("more than may wait: told at once, with the limit's name", () => {
    const { limits, told, ask } = poolOf({ maxWaiting: 1 })
    ask("a")
    ask("b")
    expect(told).toEqual([expect.stringMatching(/^b: limit pickQueueMax/)])
    expect(limits).toEqual(["pick_queue_full"])
  })

  test("the last connection that fails tells everyone who waited for it, once", () => {
    const { pool, made, told, ask } = poolOf()
    ask("a")
    ask("b")
    pool.connectFailed(made[0]!, "connection refused")
    expect(told).toEqual(["a: connection refused", "b: connection refused"])
    expect([pool.waiting, pool.connections.length]).toEqual([0, 0])
  })

  test("while another may still come they wait on", () => {
    const { pool, made, told, ask, ready } = poolOf()
    ask("a")
    made[0]!.capacity = 1
    ready(made[0]!, 1)
    ask("b")
    pool.connectFailed(made[1]!, "connection refused")
    expect(told).toEqual(["a on c0"])
    pool.release(made[0]!)
    expect(told).toEqual(["a on c0", "b on c0"])
  })

  test("who gives up while waiting is told nothing more", () => {
    const { pool, made, told, ask, ready } = poolOf()
    const gone = ask("gone")
    ask("stays")
    pool.abandon(gone)
    ready(made[0]!)
    expect(told).toEqual(["stays on c0"])
  })

  test("a connection that takes no more makes way for a new one", () => {
    const { pool, made, told, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!)
    made[0]!.isUsable = false
    made[0]!.hasServed = true
    pool.lost(made[0]!)
    ask("b")
    ready(made[1]!)
    pool.release(made[0]!)
    expect(told).toEqual(["a on c0", "b on c1"])
    expect(pool.connections).toEqual([made[1]])
  })

  test("idle ones past maxIdle are retired", () => {
    const { pool, made, ask, ready } = poolOf({ maxIdle: 1 })
    for (const index of [0, 1]) {
      ask(String(index))
      ready(made[index]!, 1)
    }
    pool.release(made[0]!)
    expect(made.map(({ isRetired }) => isRetired)).toEqual([false, false])
    pool.release(made[1]!)
    expect(made.map(({ isRetired }) => isRetired)).toEqual([false, true])
  })
})

describe("connections that fail", () => {
  /** The times at which connections were begun. */
  const begun = (made: readonly FakeConnection[]): number[] =>
    made.map(({ startedMs }) => Math.round(startedMs))

  test("one that grants nothing and leaves is followed later and later, for as long as somebody waits", () => {
    const { pool, made, told, limits, ask, ready, clock } = poolOf()
    const waiting = ask("a")
    for (let ms = 0; ms < 4000; ms++) {
      const connection = made.at(-1)!
      if (connection.isReady) clock.advance(1)
      else {
        ready(connection, 0)
        pool.lost(connection)
      }
    }
    expect(begun(made)).toEqual([
      0, 100, 260, 516, 816, 1116, 1416, 1716, 2016, 2316, 2616, 2916, 3216, 3516, 3816,
    ])
    expect([told, limits.includes("reconnect_delayed")]).toEqual([[], true])
    pool.abandon(waiting)
    pool.lost(made.at(-1)!)
    expect(clock.timersOpen).toBe(0)
  })

  test("refused: those who come before the next attempt are told why, and nobody dials for them", () => {
    const { pool, made, told, ask, clock } = poolOf()
    ask("a")
    pool.connectFailed(made[0]!, "connection refused")
    clock.advance(99)
    ask("b")
    clock.advance(1)
    ask("c")
    expect([told, begun(made)]).toEqual([
      ["a: connection refused", "b: connection refused"],
      [0, 100],
    ])
  })

  test("refused while others are full: tried again in time, not with every stream that ends", () => {
    const { pool, made, told, ask, ready, clock } = poolOf({ maxOpening: 1 })
    ask("full")
    ready(made[0]!, 1)
    made[0]!.hasServed = true
    for (const name of ["a", "b", "c", "d"]) ask(name)
    pool.connectFailed(made[1]!, "connection refused")
    for (let i = 0; i < 3; i++) pool.release(made[0]!)
    expect([made.length, told.length, pool.waiting]).toEqual([2, 4, 1])
    expect([pool.failureSince(0), pool.failureSince(1)]).toEqual(["connection refused", null])
    clock.advance(100)
    expect(begun(made)).toEqual([0, 0, 100])
    ready(made[2]!)
    expect([told.at(-1), clock.timersOpen]).toEqual(["d on c2", 0])
  })

  test.for([
    ["after one that was of use the next comes at once", true, false, 2],
    ["after one that we retired, too", false, true, 2],
    ["after one that was of none, it does not", false, false, 1],
  ] as const)("%s", ([, hasServed, isOurs, expected]) => {
    const { pool, made, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!)
    Object.assign(made[0]!, { hasServed, isUsable: false })
    if (isOurs) pool.retired(made[0]!)
    else pool.lost(made[0]!)
    ask("b")
    expect(made).toHaveLength(expected)
  })

  test("one that lasted is followed at once, whatever it did", () => {
    const { pool, made, ask, ready, clock } = poolOf()
    ask("a")
    ready(made[0]!)
    clock.advance(60_000)
    pool.lost(made[0]!)
    ask("b")
    expect(made).toHaveLength(2)
  })
})

describe("as many connections as those that wait need, at once", () => {
  const many = { maxConnections: 102, maxOpening: 102, maxWaiting: 1000 }
  const askMany = (ask: (name: string) => unknown, count: number): void => {
    for (let i = 0; i < count; i++) ask(String(i))
  }

  test.for<[what: string, waiting: number, capacity: number, expected: number]>([
    ["a limit of 10 for 250", 250, 10, 25],
    ["one over", 251, 10, 26],
    ["one each", 40, 1, 40],
    ["no limit", 250, Number.POSITIVE_INFINITY, 1],
  ])("once SETTINGS have told the limit: %s", ([, waiting, capacity, expected]) => {
    const { made, told, ask, ready } = poolOf({ ...many, unknownCapacity: 1000 })
    askMany(ask, waiting)
    expect(made).toHaveLength(1)
    ready(made[0]!, capacity)
    expect(made).toHaveLength(expected)
    for (const connection of made.slice(1)) ready(connection, capacity)
    expect([told.length, made.length]).toEqual([waiting, expected])
  })

  test("from the start, where the limit is configured", () => {
    const { made, ask } = poolOf({ ...many, unknownCapacity: 10 })
    askMany(ask, 95)
    expect(made).toHaveLength(10)
  })

  test("the limit is remembered when all connections are gone, and the last one said rules", () => {
    const { pool, made, ask, ready } = poolOf(many)
    ask("first")
    ready(made[0]!, 10)
    ready(made[0]!, 5)
    made[0]!.hasServed = true
    pool.lost(made[0]!)
    askMany(ask, 50)
    expect(made).toHaveLength(11)
    // It turned out higher: no more are opened than are needed.
    ready(made[1]!, 100)
    expect([made.length, pool.waiting]).toEqual([11, 0])
  })

  test("no more at once than maxOpening, the next as these come up", () => {
    const { made, limits, ask, ready } = poolOf({ ...many, maxOpening: 4 })
    askMany(ask, 10)
    ready(made[0]!, 1)
    expect([made.length, limits.includes("connections_opening_exceeded")]).toEqual([5, true])
    ready(made[1]!, 1)
    expect(made).toHaveLength(6)
  })

  test("no more in all than maxConnections", () => {
    const { made, told, ask, ready } = poolOf({ ...many, maxConnections: 3 })
    askMany(ask, 10)
    for (let i = 0; i < 3; i++) ready(made[i]!, 2)
    expect([made.length, told.length]).toEqual([3, 6])
  })

  test("one alone after one that failed, until one speaks HTTP/2", () => {
    const { pool, made, ask, ready, clock } = poolOf(many)
    ask("first")
    ready(made[0]!, 10)
    made[0]!.hasServed = true
    pool.lost(made[0]!, "connection reset by peer")
    askMany(ask, 1000)
    expect(made).toHaveLength(2)
    pool.connectFailed(made[1]!, "connection refused")
    clock.advance(100)
    askMany(ask, 1000)
    expect(made).toHaveLength(3)
    ready(made[2]!, 10)
    expect([made.length, made[2]!.pings]).toEqual([3 + 99, 0])
  })
})

describe("finding out whether an endpoint is back", () => {
  test("connects with a growing delay until one has answered a PING, though no stream waits", () => {
    const { pool, made, health, ask, ready, clock, demand } = poolOf()
    ask("a")
    pool.connectFailed(made[0]!, "connection refused")
    expect(pool.probe()).toBe(true)
    const startedMs = (): number[] => made.map(({ startedMs }) => Math.round(startedMs))
    for (let at = 1; at <= 5; at++) {
      clock.advance(300)
      demand()
      expect(made).toHaveLength(at + 1)
      if (at < 5) pool.connectFailed(made[at]!, "connection refused")
    }
    expect(startedMs()).toEqual([0, 100, 300, 600, 900, 1200])
    ready(made[5]!)
    expect(health.splice(0)).toEqual([
      "probing",
      ...Array.from({ length: 4 }, () => "failed: connection refused"),
      "not probing",
    ])
    pool.proven(made[5]!)
    expect([health, clock.timersOpen]).toEqual([["proven"], 0])
    // It is kept for the first stream.
    ask("b")
    expect([made.length, made[5]!.streamsOpen]).toEqual([6, 1])
  })

  test("only while there is demand", () => {
    const { pool, made, health, ask, clock, demand } = poolOf()
    ask("a")
    pool.connectFailed(made[0]!, "connection refused")
    pool.probe()
    for (let i = 0; i < 100; i++) {
      clock.advance(300)
      const last = made.at(-1)!
      if (pool.connections.includes(last)) pool.connectFailed(last, "connection refused")
    }
    expect(made.at(-1)!.startedMs).toBeLessThanOrEqual(10_000)
    expect([health.at(-1), clock.timersOpen]).toEqual(["not probing", 0])
    expect(pool.probe()).toBe(false)
    demand()
    expect(pool.probe()).toBe(true)
    expect(clock.timersOpen + pool.connections.length).toBe(1)
  })

  test.for<[what: string, act: (pool: Pool<FakeConnection>, prover: FakeConnection) => void]>([
    ["the connection is lost before it has answered", (pool, prover) => pool.lost(prover)],
    ["it is retired", (pool, prover) => pool.retired(prover)],
  ])("goes on when %s", ([, act]) => {
    const { pool, made, health, ask, ready, clock } = poolOf()
    ask("a")
    pool.connectFailed(made[0]!, "connection refused")
    pool.probe()
    clock.advance(100)
    ready(made[1]!)
    act(pool, made[1]!)
    pool.proven(made[1]!)
    clock.advance(1000)
    expect([made.length, health.filter((what) => what === "probing").length]).toEqual([3, 2])
    expect(health).not.toContain("proven")
  })

  test("is nothing to do where no connection failed, or the pool closes", () => {
    const { pool, made, ask, ready, clock } = poolOf()
    ask("a")
    ready(made[0]!)
    expect(pool.probe()).toBe(false)
    pool.lost(made[0]!, "connection reset by peer")
    expect(pool.probe()).toBe(true)
    pool.close()
    expect([pool.probe(), clock.timersOpen]).toEqual([false, 0])
  })

  test("a stream that was answered does as well, and then it stops when it is told to", () => {
    const { pool, made, ask, ready, clock } = poolOf({ maxConnections: 2 })
    ask("a")
    ready(made[0]!)
    pool.lost(made[0]!, "connection reset by peer")
    pool.probe()
    clock.advance(100)
    ready(made[1]!)
    ask("b")
    made[1]!.hasServed = true
    pool.endProbe()
    pool.release(made[1]!)
    expect(pool.probe()).toBe(false)
    clock.advance(10_000)
    expect([made.length, clock.timersOpen]).toEqual([2, 0])
  })

  test("PINGs are sent only to an endpoint that is out, one for each connection", () => {
    const { pool, made, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!, 1)
    ask("b")
    ready(made[1]!, 1)
    expect(made.map(({ pings }) => pings)).toEqual([0, 0])
    made[0]!.hasServed = true
    pool.lost(made[0]!, "connection reset by peer")
    ask("c")
    ready(made[2]!, 1)
    made[2]!.hasServed = true
    pool.lost(made[2]!, "connection reset by peer")
    pool.probe()
    ready(made[3]!, 1)
    ready(made[3]!, 2)
    expect(made.map(({ pings }) => pings)).toEqual([0, 0, 0, 1])
  })

  test("streams that waited too long for a connection under way make it one that has to prove itself", () => {
    const { pool, made, ask, ready } = poolOf()
    const waiting = ask("a")
    pool.waitedTooLong(waiting)
    expect([pool.probe(), made.length]).toEqual([true, 1])
    ready(made[0]!)
    expect(made[0]!.pings).toBe(1)
  })
})

describe("what is counted against the endpoint", () => {
  test("a connection that fails, unless streams that waited for it are told: those count", () => {
    const { pool, made, told, health, ask } = poolOf()
    const gone = ask("gone")
    pool.abandon(gone)
    pool.connectFailed(made[0]!, "connection refused")
    expect([told, health]).toEqual([[], ["failed: connection refused"]])
  })

  test("one that fails while others are left", () => {
    const { pool, made, told, health, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!, 1)
    ask("b")
    pool.connectFailed(made[1]!, "connection refused")
    expect([told, health]).toEqual([["a on c0"], ["failed: connection refused"]])
  })

  test("one that is lost by its fault, and no other", () => {
    const { pool, made, health, ask, ready } = poolOf()
    ask("a")
    ready(made[0]!, 1)
    ask("b")
    ready(made[1]!, 1)
    pool.lost(made[0]!)
    pool.lost(made[1]!, "connection reset by peer")
    expect(health).toEqual(["failed: connection reset by peer"])
  })

  test("none that fails through a limit of this process, which those that wait are told", () => {
    const { pool, made, told, health, ask } = poolOf()
    ask("a")
    pool.connectFailed(made[0]!, "too many open files", true)
    ask("b")
    expect(told).toEqual(["a: limit too many open files", "b: limit too many open files"])
    expect([health, pool.probe()]).toEqual([[], false])
  })
})

describe("the retry budget", () => {
  test("a share of what was started, and a little where nothing is", () => {
    const budget = new RetryBudget(20, 1, 0)
    const take = (many: number): number =>
      Array.from({ length: many }, () => budget.take(0)).filter(Boolean).length
    expect(take(20)).toBe(10)
    for (let i = 0; i < 100; i++) budget.started(0)
    expect(take(100)).toBe(20)
  })

  test("what lies back counts ever less, and then not at all", () => {
    const budget = new RetryBudget(20, 0, 0)
    for (let i = 0; i < 100; i++) budget.started(0)
    const taken = (atMs: number): number => {
      let count = 0
      while (budget.take(atMs)) count++
      return count
    }
    expect(taken(0)).toBe(20)
    expect(taken(10_000)).toBe(0)
    expect(taken(3_600_000)).toBe(0)
    for (let i = 0; i < 10; i++) budget.started(3_600_000)
    expect(taken(3_600_000)).toBe(2)
  })
})

describe("bounds that the pools of a cluster share", () => {
  const bounded = (limits: Partial<ClusterConfig["limits"]>) => {
    const config = defaultCluster("test")
    const counts = new OwnStreamCounts()
    const breakers = makeBreakers(
      { ...config, limits: { ...config.limits, ...limits } },
      (name) => counts.limitsOf(name),
      () => {},
    )
    const [, waiting, connections] = counts.limitsOf("test")
    return { breakers, waiting: () => waiting!.open, connections: () => connections!.open }
  }
  const waiter = () => ({ waitTimeoutMs: 0, onLease: () => {}, onNoLease: () => {} })

  test("one more may not wait; each that is served, leaves or is told has left", () => {
    const { breakers, waiting } = bounded({ waitingStreams: 3 })
    const { pool, made } = poolOf({ breakers, unknownCapacity: 1 })
    const [first, second, third] = [waiter(), waiter(), waiter()]
    for (const each of [first, second, third]) expect(pool.wait(each)).toBeNull()
    expect(pool.wait(waiter())).toEqual({
      reason: "limits.waitingStreams: 3 are there already",
      isLimit: true,
    })
    pool.abandon(second)
    pool.abandon(second)
    expect(waiting()).toBe(2)
    made[0]!.isReady = true
    pool.settingsReceived(made[0]!)
    expect(waiting()).toBe(1)
    for (const connection of [...pool.connections]) pool.connectFailed(connection, "refused")
    expect(waiting()).toBe(0)
  })

  test("of connections: no more are opened, the first always is, and those that end are given back", () => {
    const { breakers, connections } = bounded({ connections: 2 })
    const one = poolOf({ breakers, unknownCapacity: 1 })
    for (let i = 0; i < 3; i++) one.pool.wait(waiter())
    expect([one.made.length, connections(), one.pool.isSaturated]).toEqual([2, 2, true])
    expect(one.pool.failureSince(0)).toBe("limits.connections: 2 are there already")
    const other = poolOf({ breakers })
    other.pool.wait(waiter())
    expect([other.made.length, connections()]).toEqual([1, 3])
    for (const connection of [...one.pool.connections]) one.pool.retired(connection)
    expect(connections()).toBe(1 + one.pool.connections.length)
  })
})
