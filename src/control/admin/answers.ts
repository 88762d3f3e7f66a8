import type { ServerResponse } from "node:http"
import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import { AdminError } from "./route.ts"

/** What bounds it, and counts what met a bound. */
export interface AdminBounds {
  readonly limits: Limits
  readonly counters: Counters
}

/** Long answers that are made at once: each is some megabytes until it is text. Others wait for their turn. */
const MADE_AT_ONCE = 4

/** Bounds what long answers take of memory, however many clients ask and however slowly they read. */
export class LongAnswers {
  readonly #bounds: AdminBounds
  readonly #waiting: (() => void)[] = []
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
      this.#refuseIfFull()
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
    this.#unreadOctets += octets
    response.once("close", () => {
      this.#unreadOctets -= octets
    })
  }

  #refuseIfFull(): void {
    const { limits, counters } = this.#bounds
    if (this.#unreadOctets < limits.adminAnswersOctets) return
    counters.add(counterIds.admin_answers_exceeded)
    throw new AdminError(
      503,
      `adminAnswersOctets: answers of ${this.#unreadOctets} octets wait to be read; ask again in a while`,
    )
  }
}
