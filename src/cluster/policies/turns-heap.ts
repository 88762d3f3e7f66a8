import { atOnce, type Steps } from "../../base/steps.ts"
import type { Endpoint } from "../endpoint.ts"
import { isPassedOver, type PickRequest } from "./policy.ts"

/** So many may be passed over before all are looked at. */
const PASSED_MAX = 32
/** So many are put in their place in one step. */
const ENDPOINTS_PER_STEP = 512

/** The multiples of it lie evenly between whole numbers, however many there are. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2

/**
 * Whose turn it is among many: the endpoint whose next turn is due first, each due again after 1/weight.
 * Cost: O(log endpoints), and O(endpoints) once when the list is another one.
 * Source: earliest deadline first, as Envoy's round robin. First turns are spread over that time, or all of one weight would
 * come in a row.
 */
export class TurnsHeap {
  /** By slot: when its next turn is due. */
  readonly #due: number[] = []
  #list: readonly Endpoint[] | null = null
  #heap: Endpoint[] = []
  #now = 0

  pick(available: readonly Endpoint[], request: PickRequest): Endpoint | undefined {
    if (available !== this.#list) atOnce(this.prepare(available))
    const passed: Endpoint[] = []
    let found: Endpoint | undefined
    while (found === undefined && this.#heap.length > 0 && passed.length < PASSED_MAX) {
      const first = this.#heap[0]!
      if (isPassedOver(first, request)) {
        passed.push(first)
        this.#removeFirst()
      } else found = first
    }
    if (found !== undefined) this.#took(found)
    for (const endpoint of passed) this.#add(endpoint)
    return found ?? (passed.length < PASSED_MAX ? undefined : this.#lookAtAll(request))
  }

  /** The first of the heap has had its turn. */
  #took(endpoint: Endpoint): void {
    this.#now = this.#due[endpoint.slot]!
    this.#due[endpoint.slot] = this.#now + 1 / weightOf(endpoint)
    this.#sink(0)
  }

  #lookAtAll(request: PickRequest): Endpoint | undefined {
    let best: Endpoint | undefined
    for (const endpoint of this.#heap) {
      if (best !== undefined && this.#due[endpoint.slot]! >= this.#due[best.slot]!) continue
      if (!isPassedOver(endpoint, request)) best = endpoint
    }
    if (best === undefined) return undefined
    this.#due[best.slot]! += 1 / weightOf(best)
    this.#list = null
    return best
  }

  /** Makes the heap of a list. */
  *prepare(available: readonly Endpoint[]): Steps {
    this.#list = available
    this.#heap = [...available]
    for (const [at, endpoint] of available.entries()) {
      if (at % ENDPOINTS_PER_STEP === 0) yield
      const due = this.#due[endpoint.slot] ?? Number.NEGATIVE_INFINITY
      if (due < this.#now)
        this.#due[endpoint.slot] = this.#now + ((at * GOLDEN_RATIO) % 1) / weightOf(endpoint)
    }
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) {
      if (at % ENDPOINTS_PER_STEP === 0) yield
      this.#sink(at)
    }
  }

  #add(endpoint: Endpoint): void {
    const heap = this.#heap
    const due = this.#due[endpoint.slot]!
    let at = heap.length
    heap.push(endpoint)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (this.#due[heap[above]!.slot]! <= due) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = endpoint
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #sink(from: number): void {
    const heap = this.#heap
    const endpoint = heap[from]!
    const due = this.#due[endpoint.slot]!
    let at = from
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      const right = below + 1
      if (right < heap.length && this.#due[heap[right]!.slot]! < this.#due[heap[below]!.slot]!) below = right
      if (this.#due[heap[below]!.slot]! >= due) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = endpoint
  }
}

/** One without weight has turns too, so seldom that it is as good as none. */
function weightOf({ weight }: Endpoint): number {
  return Math.max(weight, 1e-6)
}
