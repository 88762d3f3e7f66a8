/**
 * Credit across a translation, where octets in and octets out are not the same number: what came in is credited once
 * everything made of it has been taken. Never early; never stuck, since what is handed on is taken some time.
 */
export class CreditGate {
  /** Octets handed on and not yet taken. */
  outstanding = 0
  #owed = 0

  /** `octets` of the translation were handed on. */
  passed(octets: number): void {
    this.outstanding += octets
  }

  /** `octets` came in, and what was to be made of them has been passed. Returns the credit due now. */
  received(octets: number): number {
    this.#owed += octets
    return this.#due()
  }

  /** `octets` of the translation were taken. Returns the credit due now. */
  taken(octets: number): number {
    this.outstanding -= octets
    return this.#due()
  }

  #due(): number {
    if (this.outstanding > 0) return 0
    const due = this.#owed
    this.#owed = 0
    return due
  }
}
