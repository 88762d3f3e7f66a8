import type { Endpoint } from "../endpoint.ts"

/** Whether an endpoint is in the list of those available, for policies that come to it in another way. */
export class UsableSet {
  readonly #all: readonly Endpoint[]
  #list: readonly Endpoint[]
  /** Null: all are. */
  #set: ReadonlySet<Endpoint> | null = null

  constructor(endpoints: readonly Endpoint[]) {
    this.#all = endpoints
    this.#list = endpoints
  }

  /** Before a pick. Cost: O(endpoints) once when the list is another one. */
  use(available: readonly Endpoint[]): void {
    if (available === this.#list) return
    this.#list = available
    this.#set = available.length === this.#all.length ? null : new Set(available)
  }

  has(endpoint: Endpoint): boolean {
    return this.#set === null || this.#set.has(endpoint)
  }
}
