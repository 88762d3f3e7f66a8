import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { Backoff } from "./backoff.ts"
import { Pool, type PooledConnection, type PoolOptions, type Waiter } from "./pool.ts"
import { RetryBudget } from "./retry-budget.ts"

class FakeConnection implements PooledConnection {
  streamsOpen = 0
  isUsable = true
  isReady = false
  capacity = 100
  isRetired = false
  hasServed = false
  readonly name: string
  readonly startedMs: number

  constructor(name: string, startedMs: number) {
    this.name = name
    this.startedMs = startedMs
  }

  retire(): void {
    this.isRetired = true
    this.isUsable = false
  }
}

function poolOf(options: Partial<PoolOptions<FakeConnection>> = {}) {
  const made: FakeConnection[] = []
  const limits: string[] = []
  const told: string[] = []
  const clock = new ManualClock()
  const pool = new Pool<FakeConnection>({
    connect: () => {
      made.push(new FakeConnection(`c${made.length}`, clock.now()))
      return made.at(-1)!
    },
    clock,
    backoff: new Backoff({ delayMs: 100, delayMaxMs: 1000, random: () => 0.5 }),
    maxConnections: 3,
    maxWaiting: 4,
    maxIdle: Number.POSITIVE_INFINITY,
    onLimit: (counter) => limits.push(counter),
    onSaturated: () => {},
    ...options,
  })
  const waiter = (name: string): Waiter<FakeConnection> => ({
    patienceMs: 5000,
    onLease: (connection) => told.push(`${name} on ${connection.name}`),
    onNoLease: (reason, isLimit) => told.push(`${name}: ${isLimit ? "limit " : ""}${reason}`),
  })
  const ready = (connection: FakeConnection, capacity = 100): void => {
    connection.isReady = true
    connection.capacity = capacity
    pool.changed()
  }
  return { pool, made, limits, told, waiter, ready, clock }
}

describe("a pool", () => {
  test("one connection is made for the first, and those that come meanwhile share it", () => {
    const { pool, made, told, waiter, ready } = poolOf()
    for (const name of ["x", "y", "z"]) pool.acquire(waiter(name))
    expect([made.length, told]).toEqual([1, []])
    ready(made[0]!)
    expect(told).toEqual(["x on c0", "y on c0", "z on c0"])
    pool.acquire(waiter("late"))
    expect(told.at(-1)).toBe("late on c0")
    expect(made[0]!.streamsOpen).toBe(4)
  })

  test("streams are packed onto the first that has room", () => {
    const { pool, made, told, waiter, ready } = poolOf()
    pool.acquire(waiter("a"))
    ready(made[0]!, 1)
    pool.acquire(waiter("b"))
    ready(made[1]!, 1)
    pool.release(made[0]!)
    pool.acquire(waiter("c"))
    expect(told).toEqual(["a on c0", "b on c1", "c on c0"])
  })

  test("nobody overtakes those that wait", () => {
    const { pool, made, told, waiter, ready } = poolOf({ maxConnections: 1 })
    pool.acquire(waiter("first"))
    ready(made[0]!, 1)
    pool.acquire(waiter("second"))
    pool.acquire(waiter("third"))
    pool.release(made[0]!)
    pool.release(made[0]!)
    expect(told).toEqual(["first on c0", "second on c0", "third on c0"])
  })

  test("a connection that learns it may carry little makes others be opened, up to the most", () => {
    const { pool, made, limits, told, waiter, ready } = poolOf({ maxConnections: 2 })
    for (const name of ["a", "b", "c"]) pool.acquire(waiter(name))
    ready(made[0]!, 1)
    ready(made[1]!, 1)
    expect(told).toEqual(["a on c0", "b on c1"])
    expect([pool.waiting, limits.includes("endpoint_connections_exceeded")]).toEqual([1, true])
  })

  test("one that grants nothing is not followed by another", () => {
    const { pool, made, waiter, ready } = poolOf()
    pool.acquire(waiter("a"))
    ready(made[0]!, 0)
    pool.acquire(waiter("b"))
    expect(made).toHaveLength(1)
    ready(made[0]!, 2)
    expect(pool.waiting).toBe(0)
  })

  test("more than may wait: told at once, with the limit's name", () => {
    const { pool, limits, told, waiter } = poolOf({ maxWaiting: 1 })
    pool.acquire(waiter("a"))
    pool.acquire(waiter("b"))
    expect(told).toEqual([expect.stringMatching(/^b: limit pickQueueMax/)])
    expect(limits).toEqual(["pick_queue_full"])
  })

  test("the last connection that fails tells everyone who waited for it, once", () => {
    const { pool, made, told, waiter } = poolOf()
    pool.acquire(waiter("a"))
    pool.acquire(waiter("b"))
    pool.connectFailed(made[0]!, "connection refused")
    expect(told).toEqual(["a: connection refused", "b: connection refused"])
    expect([pool.waiting, pool.connections.length]).toEqual([0, 0])
  })

  test("while another may still come they wait on", () => {
    const { pool, made, told, waiter, ready } = poolOf()
    pool.acquire(waiter("a"))
    made[0]!.capacity = 1
    ready(made[0]!, 1)
    pool.acquire(waiter("b"))
    pool.connectFailed(made[1]!, "connection refused")
    expect(told).toEqual(["a on c0"])
    pool.release(made[0]!)
    expect(told).toEqual(["a on c0", "b on c0"])
  })

  test("who gives up while waiting is told nothing more", () => {
    const { pool, made, told, waiter, ready } = poolOf()
    const gone = waiter("gone")
    pool.acquire(gone)
    pool.acquire(waiter("stays"))
    pool.abandon(gone)
    ready(made[0]!)
    expect(told).toEqual(["stays on c0"])
  })

  test("a connection that takes no more makes way for a new one", () => {
    const { pool, made, told, waiter, ready } = poolOf()
    pool.acquire(waiter("a"))
    ready(made[0]!)
    made[0]!.isUsable = false
    made[0]!.hasServed = true
    pool.lost(made[0]!)
    pool.acquire(waiter("b"))
    ready(made[1]!)
    pool.release(made[0]!)
    expect(told).toEqual(["a on c0", "b on c1"])
    expect(pool.connections).toEqual([made[1]])
  })

  test("idle ones past maxIdle are retired", () => {
    const { pool, made, waiter, ready } = poolOf({ maxIdle: 1 })
    for (const index of [0, 1]) {
      pool.acquire(waiter(String(index)))
      ready(made[index]!, 1)
    }
    pool.release(made[0]!)
    expect(made.map(({ isRetired }) => isRetired)).toEqual([false, false])
    pool.release(made[1]!)
    expect(made.map(({ isRetired }) => isRetired)).toEqual([false, true])
  })
})

describe("connections that come to nothing", () => {
  /** The times at which connections were begun. */
  const begun = (made: readonly FakeConnection[]): number[] =>
    made.map(({ startedMs }) => Math.round(startedMs))

  test("one that grants nothing and leaves is followed later and later, for as long as somebody waits", () => {
    const { pool, made, told, limits, waiter, ready, clock } = poolOf()
    const waiting = waiter("a")
    pool.acquire(waiting)
    for (let ms = 0; ms < 4000; ms++) {
      const connection = made.at(-1)!
      if (connection.isReady) clock.advance(1)
      else {
        ready(connection, 0)
        pool.lost(connection)
      }
    }
    expect(begun(made)).toEqual([0, 100, 260, 516, 926, 1581, 2581, 3581])
    expect([told, limits.includes("reconnect_delayed")]).toEqual([[], true])
    pool.abandon(waiting)
    pool.lost(made.at(-1)!)
    expect(clock.timersOpen).toBe(0)
  })

  test("refused: those who come before the next attempt are told why, and nobody dials for them", () => {
    const { pool, made, told, waiter, clock } = poolOf()
    pool.acquire(waiter("a"))
    pool.connectFailed(made[0]!, "connection refused")
    clock.advance(99)
    pool.acquire(waiter("b"))
    clock.advance(1)
    pool.acquire(waiter("c"))
    expect([told, begun(made)]).toEqual([
      ["a: connection refused", "b: connection refused"],
      [0, 100],
    ])
  })

  test("refused while others are full: tried again in time, not with every stream that ends", () => {
    const { pool, made, told, waiter, ready, clock } = poolOf()
    pool.acquire(waiter("full"))
    ready(made[0]!, 1)
    made[0]!.hasServed = true
    for (const name of ["a", "b", "c", "d"]) pool.acquire(waiter(name))
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
    const { pool, made, waiter, ready } = poolOf()
    pool.acquire(waiter("a"))
    ready(made[0]!)
    Object.assign(made[0]!, { hasServed, isUsable: false })
    if (isOurs) pool.retired(made[0]!)
    else pool.lost(made[0]!)
    pool.acquire(waiter("b"))
    expect(made).toHaveLength(expected)
  })

  test("one that lasted is followed at once, whatever it did", () => {
    const { pool, made, waiter, ready, clock } = poolOf()
    pool.acquire(waiter("a"))
    ready(made[0]!)
    clock.advance(60_000)
    pool.lost(made[0]!)
    pool.acquire(waiter("b"))
    expect(made).toHaveLength(2)
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
