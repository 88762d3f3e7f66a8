/** Messages that a call has been given to send, those kept that may have to be sent again. Positions count from 0. */
export class KeptMessages {
  readonly #octetsMax: number
  readonly #messages: Uint8Array[] = []
  #octets = 0
  /** The position of the first that is kept. */
  start = 0
  /** No more come. */
  hasEnded = false
  #wake: (() => void)[] = []

  /** `octetsMax`: of those that were sent. Those that were not are all kept. */
  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }

  /** How many there were. */
  get end(): number {
    return this.start + this.#messages.length
  }

  at(position: number): Uint8Array {
    return this.#messages[position - this.start]!
  }

  push(message: Uint8Array): void {
    this.#messages.push(message)
    this.#octets += message.length
    this.#changed()
  }

  endHere(): void {
    this.hasEnded = true
    this.#changed()
  }

  /** Those before `position` were sent: the oldest leave, beyond what is kept. */
  sent(position: number): void {
    while (this.#octets > this.#octetsMax && this.start < position) {
      this.#octets -= this.#messages.shift()!.length
      this.start++
    }
    this.#changed()
  }

  /** Resolves when there is more, or something else has changed. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
