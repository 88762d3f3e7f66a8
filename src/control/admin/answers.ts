import type { ServerResponse } from "node:http"
import type { Clock } from "../../base/clock.ts"
import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import { AdminError } from "./route.ts"

/** What bounds it, and counts what met a bound. */
export interface AdminBounds {
  readonly limits: Limits
  readonly counters: Counters
  readonly clock: Pick<Clock, "now">
}

/** Long answers that are made at once: each is some megabytes until it is text. Others wait for their turn. */
const MADE_AT_ONCE = 4

/** An answer on its way to who asked. */
interface Unread {
  readonly response: ServerResponse
  readonly octets: number
  /** When a piece of it went to the kernel last. */
  readMs: number
}

/** Bounds what long answers take of memory, however many clients ask and however slowly they read. */
export class LongAnswers {
  readonly #bounds: AdminBounds
  readonly #waiting: (() => void)[] = []
  readonly #unread = new Set<Unread>()
  #making = 0
  #unreadOctets = 0

  constructor(bounds: AdminBounds) {
    this.#bounds = bounds
  }

  /** Makes and sends an answer when it is its turn. Errors: throws AdminError where too much waits to be read. */
  async inTurn(response: ServerResponse, make: () => Promise<void>): Promise<void> {
    if (this.#making >= MADE_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#making++
    try {
      // Its client has left.
      if (response.destroyed) return
      this.makeRoom()
      await make()
    } finally {
      // The place goes on to who waits.
      const next = this.#waiting.shift()
      if (next === undefined) this.#making--
      else next()
    }
  }

  /** An answer has been handed over: so large it is, until it was read or its connection is closed. */
  handedOver(response: ServerResponse, octets: number): void {
    // Its client has left: there is no other "close".
    if (response.destroyed) return
    const { clock } = this.#bounds
    const unread = { response, octets, readMs: clock.now() }
    this.#unread.add(unread)
    this.#unreadOctets += octets
    response.on("drain", () => {
      unread.readMs = clock.now()
    })
    response.once("close", () => this.#forget(unread))
  }

  /**
   * Room for one more answer: of those that wait to be read, the ones that have stood still for longest give way, so that
   * no client locks others out by reading nothing. Errors: throws AdminError where all that wait are being read.
   */
  makeRoom(): void {
    const { limits, counters, clock } = this.#bounds
    if (this.#unreadOctets < limits.adminAnswersOctets) return
    for (const unread of [...this.#unread].toSorted((one, other) => one.readMs - other.readMs)) {
      if (clock.now() - unread.readMs < limits.adminStalledMs) break
      counters.add(counterIds.admin_readers_dropped)
      this.#forget(unread)
      unread.response.destroy()
      if (this.#unreadOctets < limits.adminAnswersOctets) return
    }
    counters.add(counterIds.admin_answers_exceeded)
    throw new AdminError(
      503,
      `adminAnswersOctets: answers of ${this.#unreadOctets} octets wait to be read; ask again in a while`,
    )
  }

  #forget(unread: Unread): void {
    if (this.#unread.delete(unread)) this.#unreadOctets -= unread.octets
  }
}
