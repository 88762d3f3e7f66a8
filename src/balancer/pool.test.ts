import { describe, expect, test } from "vitest"
import { Pool, type PooledConnection, type PoolOptions, type Waiter } from "./pool.ts"
import { RetryBudget } from "./retry-budget.ts"

class FakeConnection implements PooledConnection {
  streamsOpen = 0
  isUsable = true
  isReady = false
  capacity = 100
  isRetired = false
  readonly name: string

  constructor(name: string) {
    this.name = name
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
  const pool = new Pool<FakeConnection>({
    connect: () => {
      made.push(new FakeConnection(`c${made.length}`))
      return made.at(-1)!
    },
    maxConnections: 3,
    maxWaiting: 4,
    maxIdle: Number.POSITIVE_INFINITY,
    onLimit: (counter) => limits.push(counter),
    ...options,
  })
  const waiter = (name: string): Waiter<FakeConnection> => ({
    onLease: (connection) => told.push(`${name} on ${connection.name}`),
    onNoLease: (reason, isLimit) => told.push(`${name}: ${isLimit ? "limit " : ""}${reason}`),
  })
  const ready = (connection: FakeConnection, capacity = 100): void => {
    connection.isReady = true
    connection.capacity = capacity
    pool.changed()
  }
  return { pool, made, limits, told, waiter, ready }
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
    pool.unusable(made[0]!)
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
