import { TURN_ROW, TurnMessages } from "../../relay/overload/turn-messages.ts"
import { ROUTE_ROW, RouteMeter } from "../../relay/route/route-meter.ts"
import type { RouteNumbers } from "../numbers.ts"

/** Where streams are counted by route: for each thread a row of `RouteColumn`s for each route. */
export interface RouteMemory {
  /** Float64. The system gives memory to those rows alone that are written to. */
  readonly rows: SharedArrayBuffer
  /** Float64: a row of `TURN_ROW` numbers for each thread. */
  readonly turns: SharedArrayBuffer
  /** How many routes have a row; slot 0 is that of all others. */
  readonly slots: number
  readonly slotOf: Readonly<Record<string, number>>
}

/** What tells routes apart: those of one server name that are written alike are counted as one. */
export function routeKey(server: string, route: string): string {
  return `${server} ${route}`
}

export function makeRouteMemory(threads: number, slots: number): RouteMemory {
  const floats = (many: number) => new SharedArrayBuffer(many * Float64Array.BYTES_PER_ELEMENT)
  return { rows: floats(threads * slots * ROUTE_ROW), turns: floats(threads * TURN_ROW), slots, slotOf: {} }
}

/** The row of thread `index` for the route in `slot`. */
export function routeRow({ rows, slots }: RouteMemory, slot: number, index: number): Float64Array {
  const at = (index * slots + slot) * ROUTE_ROW
  return new Float64Array(rows, at * Float64Array.BYTES_PER_ELEMENT, ROUTE_ROW)
}

export function turnRow({ turns }: RouteMemory, index: number): Float64Array {
  return new Float64Array(turns, index * TURN_ROW * Float64Array.BYTES_PER_ELEMENT, TURN_ROW)
}

/** The numbers of the data thread `index`. */
export class SharedRouteNumbers implements RouteNumbers {
  readonly turn: TurnMessages
  readonly #index: number
  #memory: RouteMemory

  constructor(memory: RouteMemory, index: number) {
    this.#memory = memory
    this.#index = index
    this.turn = new TurnMessages(turnRow(memory, index))
  }

  /** Routes of a configuration that is about to be compiled. */
  use(memory: RouteMemory): void {
    this.#memory = memory
  }

  meterOf(server: string, route: string): RouteMeter {
    const { slotOf } = this.#memory
    const key = routeKey(server, route)
    const slot = Object.hasOwn(slotOf, key) ? slotOf[key]! : 0
    return new RouteMeter(routeRow(this.#memory, slot, this.#index), this.turn)
  }
}
