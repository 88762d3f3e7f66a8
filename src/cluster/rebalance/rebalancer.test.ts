import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { seededRandom } from "../../base/random.ts"
import { turnCauses } from "../../base/turn-cause.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultCluster, defaultEndpoint, defaultRebalance } from "../../config/defaults.ts"
import type { ClusterConfig, RebalanceConfig } from "../../config/model.ts"
import { ClusterStates } from "../cluster-states.ts"
import { Slots } from "../slots.ts"
import type { KnownEndpoint } from "../state.ts"
import { Column, TRAFFIC_ROW } from "../traffic.ts"
import type { MoveOrder } from "./move-order.ts"
import { Rebalancer } from "./rebalancer.ts"

interface BedOptions {
  readonly settings?: Partial<RebalanceConfig> | null
  readonly slowStartMs?: number
  /** How long a move takes. */
  readonly moveMs?: number
}

const known = (name: string, weight = 1, priority = 0): KnownEndpoint => ({
  address: `${name}:1`,
  origin: 0,
  weight,
  zone: null,
  priority,
  drain: false,
})

/** A planner over a model of the data planes, on virtual time. */
function bed(names: string, { settings = {}, slowStartMs = 0, moveMs = 200 }: BedOptions = {}) {
  const clock = new ManualClock()
  const open: number[] = []
  const rows: Float64Array[] = []
  const rowAt = (slot: number): Float64Array => (rows[slot] ??= new Float64Array(TRAFFIC_ROW))
  const orders: (MoveOrder & { atMs: number })[] = []
  const said: string[] = []
  const model = { fails: false, isFrozen: false, open }
  const say = (message: string, fields: Readonly<Record<string, string | number>>): void =>
    void said.push(`${message} ${JSON.stringify(fields)}`)
  const states = new ClusterStates({
    hasChecks: false,
    slots: new Slots({ streamsOpen: () => 0, acknowledged: () => Number.POSITIVE_INFINITY, onNew() {} }),
    publish() {},
    onChange() {},
  })
  const config: ClusterConfig = {
    ...defaultCluster("chat"),
    endpoints: names.split("").map((name) => defaultEndpoint(parseAddress(`${name}:1`, null)!)),
    slowStart: { ...defaultCluster("chat").slowStart, windowMs: slowStartMs },
    rebalance: settings && { ...defaultRebalance(), ...settings },
  }
  const carryOut = ({ moves, cause }: MoveOrder): number => {
    let given = 0
    for (const { from, to, streams } of moves) {
      given += streams
      rowAt(from)[Column.leaving]! += streams
      rowAt(to!)[Column.arriving]! += streams
      if (model.isFrozen) continue
      clock.after(moveMs, () => {
        const column = (model.fails ? Column.movesFailed : Column.moved) + turnCauses.indexOf(cause)
        rowAt(from)[column]! += streams
        rowAt(from)[Column.left]! += streams
        rowAt(to!)[Column.arrived]! += streams
        if (model.fails) return
        open[from]! -= streams
        open[to!] = (open[to!] ?? 0) + streams
      })
    }
    return given
  }
  const planner = new Rebalancer({
    clock,
    random: seededRandom(7),
    log: { info: say, warn: say },
    states,
    streamsAt: (slot) => open[slot] ?? 0,
    trafficAt: rowAt,
    tell: async (order) => {
      orders.push({ ...order, atMs: clock.now() })
      return carryOut(order)
    },
  })
  states.prepare([config]).commit()
  planner.watch([config])
  /** Seconds, one at a time: promises are kept in between. */
  const seconds = async (many: number): Promise<void> => {
    for (let i = 0; i < many; i++) {
      clock.advance(1000)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  const setEndpoints = async (...endpoints: KnownEndpoint[]): Promise<void> => {
    states.setEndpoints("chat", endpoints)
    await Promise.resolve()
  }
  const moved = (): number =>
    orders.flatMap(({ moves }) => moves).reduce((sum, { streams }) => sum + streams, 0)
  return { clock, planner, config, states, orders, said, model, seconds, setEndpoints, moved }
}

describe("the planner", () => {
  test("10,000 streams after a scale-up from 3 to 4: in balance within 70 s, at 50 a second, none too many", async () => {
    const { model, seconds, orders, setEndpoints, moved, said } = bed("abc")
    model.open.push(3_334, 3_333, 3_333)
    await seconds(10)
    await setEndpoints(known("a"), known("b"), known("c"), known("d"))
    await seconds(29)
    expect(orders).toEqual([])
    await seconds(40)
    expect(model.open.reduce((sum, open) => sum + open)).toBe(10_000)
    expect(Math.max(...model.open)).toBeLessThanOrEqual(2_750)
    expect(moved()).toBe(3 * 583 + 1)
    for (const { moves, cause } of orders) {
      expect(cause).toBe("rebalance")
      expect(moves.reduce((sum, { streams }) => sum + streams, 0)).toBeLessThanOrEqual(50)
    }
    expect(said.map((line) => line.split(" {")[0])).toEqual([
      "cluster is out of balance, streams move",
      "cluster is in balance again",
    ])
    const before = orders.length
    await seconds(200)
    expect(orders).toHaveLength(before)
  })

  test.each([0, 3_000, 15_000])("moves that take %i ms do not overshoot", async (moveMs) => {
    const { model, seconds, setEndpoints, moved } = bed("ab", { moveMs })
    model.open.push(1_000, 1_000)
    await seconds(1)
    await setEndpoints(known("a"), known("b"), known("c"))
    await seconds(200)
    expect(model.open[2]).toBe(moved())
    expect(model.open.map((open) => open <= 734)).toEqual([true, true, true])
    expect(moved()).toBeLessThanOrEqual(2 * 267)
  })

  test("moves that never end are not told for ever", async () => {
    const { model, seconds, setEndpoints, moved } = bed("a")
    model.isFrozen = true
    model.open.push(1_000)
    await seconds(1)
    await setEndpoints(known("a"), known("b"))
    await seconds(500)
    expect(moved()).toBe(450)
  })

  test("while moves fail the pace is halved", async () => {
    const { model, seconds, setEndpoints, orders } = bed("a")
    model.fails = true
    model.open.push(5_000)
    await seconds(1)
    await setEndpoints(known("a"), known("b"))
    await seconds(45)
    const each = orders.map(({ moves }) => moves.reduce((sum, { streams }) => sum + streams, 0))
    expect(each.slice(0, 6)).toEqual([50, 25, 12, 6, 3, 2])
    model.fails = false
    await seconds(100)
    expect(model.open[0]).toBe(2_750)
  })

  test("other weights are a rollout", async () => {
    const { model, seconds, setEndpoints, orders } = bed("ab")
    model.open.push(500, 500)
    await seconds(60)
    await setEndpoints(known("a"), known("b", 3))
    await seconds(60)
    expect(orders[0]!.cause).toBe("rollout")
    expect(model.open).toEqual([275, 725])
  })

  test("one that starts slowly gets no more than its share by then", async () => {
    const { model, seconds, setEndpoints } = bed("a", {
      slowStartMs: 100_000,
      settings: { afterMs: 0, streamsPerSecond: 1_000, tolerancePercent: 0 },
    })
    model.open.push(10_000)
    await seconds(1)
    await setEndpoints(known("a"), known("b"))
    for (let passed = 0; passed < 100; passed += 10) {
      await seconds(10)
      const share = Math.max(0.1, (passed + 10) / 100)
      expect(model.open[1]).toBeLessThanOrEqual(Math.ceil((10_000 * share) / (1 + share)))
    }
    await seconds(50)
    expect(model.open).toEqual([5_000, 5_000])
  })

  test("a drain, bad health and panic are not the planner's", async () => {
    const { model, seconds, states, orders } = bed("abc")
    model.open.push(900, 50, 50)
    await seconds(1)
    states.order("chat", "a:1", { drain: true })
    await seconds(60)
    expect(orders).toEqual([])
    states.order("chat", "a:1", { drain: false })
    states.setHealth("chat", "a:1", "unhealthy")
    await seconds(60)
    expect(orders).toEqual([])
    states.setHealth("chat", "a:1", "healthy")
    states.setHealth("chat", "b:1", "unhealthy")
    states.setHealth("chat", "c:1", "unhealthy")
    await seconds(60)
    expect(orders).toEqual([])
    states.setHealth("chat", "b:1", "healthy")
    await seconds(60)
    expect(orders.length).toBeGreaterThan(0)
    expect(orders.flatMap(({ moves }) => moves).every(({ from, to }) => from === 0 && to === 1)).toBe(true)
  })

  test("streams come home from a backup", async () => {
    const { model, seconds, setEndpoints } = bed("ab")
    model.open.push(0, 100)
    await setEndpoints(known("a"), known("b", 1, 1))
    await seconds(150)
    expect(model.open).toEqual([100, 0])
  })

  test("off, and off again after a reload: nothing is looked at, and no timer is left", async () => {
    const off = bed("ab", { settings: null })
    expect(off.clock.timersOpen).toBe(0)
    const { planner, config, clock, model, seconds, orders } = bed("ab")
    model.open.push(1_000, 0)
    planner.watch([{ ...config, rebalance: null }])
    await seconds(60)
    expect([orders.length, clock.timersOpen]).toEqual([0, 0])
    planner.watch([config])
    await seconds(35)
    expect(orders.length).toBeGreaterThan(0)
    planner.close()
    await seconds(1)
    expect(clock.timersOpen).toBe(0)
  })
})
