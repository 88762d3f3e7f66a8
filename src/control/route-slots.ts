import { makeRouteMemory, type RouteMemory, routeKey, routeRow } from "../balancer/thread/route-memory.ts"
import type { Config } from "../config/model.ts"
import { ROUTE_ROW, RouteColumn } from "../relay/route/route-meter.ts"
import { routeName } from "../relay/route/route-name.ts"

/** A route, as its metrics are labelled. */
interface CountedRoute {
  readonly server: string
  readonly route: string
  readonly slot: number
}

/** What is told of the routes that have no row of their own. */
const OTHERS: CountedRoute = { server: "(others)", route: "(others)", slot: 0 }

/** Which row of numbers the streams of each route are counted in. */
export class RouteSlots {
  readonly #threads: number
  readonly #onLimit: () => void
  readonly #routes = new Map<string, CountedRoute>()
  /** Rows of routes that are gone, which may be back, and of which streams may go on. */
  readonly #retired = new Map<string, number>()
  /** The first that no route has had. */
  #next = 1
  #memory: RouteMemory
  /** All of them, of all threads. */
  readonly #rows: Float64Array

  /** @param most routes that have a row; the others share one, and `onLimit` is told of each */
  constructor(threads: number, most: number, onLimit: () => void) {
    this.#threads = threads
    this.#onLimit = onLimit
    this.#memory = makeRouteMemory(threads, most + 1)
    this.#rows = new Float64Array(this.#memory.rows)
  }

  get memory(): RouteMemory {
    return this.#memory
  }

  /** Those of the configuration, and one for what has no row. */
  get routes(): readonly CountedRoute[] {
    return [...this.#routes.values(), OTHERS]
  }

  /** Rows for the routes of a configuration that have none yet. */
  add(config: Config): void {
    for (const [key, { server, route }] of routesOf(config)) {
      if (this.#routes.has(key)) continue
      const slot = this.#routes.size < this.#memory.slots - 1 ? this.#take(key) : null
      if (slot === null) this.#onLimit()
      else this.#routes.set(key, { server, route, slot })
    }
    this.#share()
  }

  /** All threads run `config`: the rows of other routes are free once their last stream is over. */
  retain(config: Config): void {
    const known = routesOf(config)
    for (const [key, { slot }] of this.#routes) {
      if (known.has(key)) continue
      this.#routes.delete(key)
      this.#retired.set(key, slot)
    }
    this.#share()
  }

  /** Whether any stream began there: of thousands of routes most may be unused. */
  hasBegun(slot: number): boolean {
    const { slots } = this.#memory
    for (let index = 0; index < this.#threads; index++)
      if (this.#rows[(index * slots + slot) * ROUTE_ROW + RouteColumn.began]! > 0) return true
    return false
  }

  /** What all threads have counted in `slot`. */
  at(slot: number): Float64Array {
    const sum = new Float64Array(ROUTE_ROW)
    for (let index = 0; index < this.#threads; index++) {
      const row = routeRow(this.#memory, slot, index)
      for (let column = 0; column < ROUTE_ROW; column++) sum[column]! += row[column]!
    }
    return sum
  }

  /** Takes the live streams of a thread that has died out of the rows. It must not run any more. */
  subtract(index: number): void {
    for (let slot = 0; slot < this.#memory.slots; slot++)
      routeRow(this.#memory, slot, index)[RouteColumn.open] = 0
  }

  /** Null: there is none, since streams of routes that are gone still have theirs. */
  #take(key: string): number | null {
    const own = this.#retired.get(key)
    this.#retired.delete(key)
    if (own !== undefined) return own
    if (this.#next < this.#memory.slots) return this.#next++
    for (const [other, slot] of this.#retired) {
      if (this.at(slot)[RouteColumn.open]! > 0) continue
      this.#retired.delete(other)
      this.#clear(slot)
      return slot
    }
    return null
  }

  #clear(slot: number): void {
    for (let index = 0; index < this.#threads; index++) routeRow(this.#memory, slot, index).fill(0)
  }

  #share(): void {
    const slotOf = Object.fromEntries([...this.#routes].map(([key, { slot }]) => [key, slot]))
    this.#memory = { ...this.#memory, slotOf }
  }
}

/** By what tells them apart; of each server, what none of its routes matches is one too. */
function routesOf({ servers }: Config): Map<string, Omit<CountedRoute, "slot">> {
  const found = new Map<string, Omit<CountedRoute, "slot">>()
  for (const { names, routes } of servers) {
    const server = names[0] ?? ""
    for (const route of [...routes.map(({ match }) => routeName(match)), ""])
      found.set(routeKey(server, route), { server, route })
  }
  return found
}
