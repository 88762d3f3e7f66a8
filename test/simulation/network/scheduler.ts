import type { Clock, Timer } from "../../../src/base/clock.ts"

/** Something that will happen, unless it is cancelled first. */
export interface Happening {
  readonly dueMs: number
  /** After everything else of its millisecond: the end of a turn of the event loop. */
  readonly isLate: boolean
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/**
 * Virtual time and everything that happens in it, in one order: by millisecond, then what comes late in it, then as it
 * was asked for. The balancer sees it as its `Clock`; the world around it uses `at` and `soon`.
 */
export class Scheduler implements Clock {
  /** The balancer was given the turn since this was last put back. */
  wasBalancerRun = false
  #nowMs = 0
  #order = 0
  #timersOpen = 0
  readonly #heap: Happening[] = []

  now(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return Date.UTC(2026, 10, 23) + this.#nowMs
  }

  /** A timer of the balancer; those that are open are counted. */
  after(delayMs: number, callback: () => void): Timer {
    this.#timersOpen++
    const happening = this.at(this.#nowMs + Math.max(0, Math.ceil(delayMs)), () => {
      this.#timersOpen--
      this.runBalancer(callback)
    })
    return {
      cancel: () => {
        if (happening.isCancelled) return
        happening.isCancelled = true
        this.#timersOpen--
      },
    }
  }

  get timersOpen(): number {
    return this.#timersOpen
  }

  /** Everything that runs the balancer's code comes through here. */
  runBalancer(callback: () => void): void {
    this.wasBalancerRun = true
    callback()
  }

  at(dueMs: number, run: () => void, isLate = false): Happening {
    const happening = {
      dueMs: Math.max(dueMs, this.#nowMs),
      isLate,
      order: this.#order++,
      run,
      isCancelled: false,
    }
    this.#push(happening)
    return happening
  }

  in(delayMs: number, run: () => void): Happening {
    return this.at(this.#nowMs + delayMs, run)
  }

  /** At the end of the present turn. */
  soon(run: () => void): Happening {
    return this.at(this.#nowMs, run, true)
  }

  /** The time of what comes next; infinite when nothing does. */
  get nextMs(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.isCancelled) this.#pop()
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  /** Lets the next thing happen. False when nothing is left. */
  step(): boolean {
    if (this.nextMs === Number.POSITIVE_INFINITY) return false
    const happening = this.#pop()
    this.#nowMs = happening.dueMs
    // It can no longer be cancelled.
    happening.isCancelled = true
    happening.run()
    return true
  }

  #push(happening: Happening): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(happening)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(happening, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = happening
  }

  #pop(): Happening {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs
  if (a.isLate !== b.isLate) return b.isLate
  return a.order < b.order
}
