import type { DownstreamStream } from "../stream-owner.ts"

/** The credit that a client has for its request: for each octet once, when the first leg has taken it, or later. */
export class ClientCredit {
  /** Octets that some leg has taken. */
  taken = 0
  #given = 0
  readonly #downstream: DownstreamStream

  constructor(downstream: DownstreamStream) {
    this.#downstream = downstream
  }

  /** Gives what is due, up to octet `most` of the call. */
  give(most: number): void {
    const until = Math.min(this.taken, most)
    const due = until - this.#given
    if (due <= 0) return
    this.#given = until
    this.#downstream.consume(due)
  }

  /** Octets that a leg has taken, and that the client has no credit for. */
  get withheld(): number {
    return this.taken - this.#given
  }
}
