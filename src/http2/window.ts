/** The largest flow-control window: RFC 9113 §6.9.1. */
export const MAX_WINDOW = 2 ** 31 - 1

/** Before any SETTINGS or WINDOW_UPDATE: RFC 9113 §6.9.2. */
export const DEFAULT_WINDOW = 65_535

/**
 * Credit we have given a sender, and the part of it to give back.
 *
 * Unit:   octets of DATA payload, padding included.
 * Rule:   credit is returned in pieces of at least half the window, so that small messages cost no frame each.
 * Source: RFC 9113 §6.9.
 */
export class ReceiveWindow {
  /** What the peer may still send. */
  octets: number
  readonly #size: number
  #owed = 0

  constructor(size: number) {
    this.octets = size
    this.#size = size
  }

  /** So many octets may come before credit is due; the peer has more than that. */
  get untilDue(): number {
    return this.#size / 2 - this.#owed - 1
  }

  /** False when the peer sent more than it was allowed. */
  spend(octets: number): boolean {
    this.octets -= octets
    return this.octets >= 0
  }

  /** Notes octets that were taken; returns the WINDOW_UPDATE increment that is due now, or 0. */
  giveBack(octets: number): number {
    this.#owed += octets
    if (this.#owed * 2 < this.#size) return 0
    const increment = this.#owed
    this.#owed = 0
    this.octets += increment
    return increment
  }
}
