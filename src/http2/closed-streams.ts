const RESET_KEPT = 1024
const ENDED_KEPT = 32

/**
 * Which streams ended lately, and how: RFC 9113 §5.1 asks to ignore what still arrives on a stream we reset, and to
 * refuse what comes on one that had ended.
 */
export class ClosedStreams {
  /** Each id has one place, which it keeps until one 1,024 streams of the same peer away takes it. */
  #reset: Int32Array | null = null
  /** A ring once it is full. A typed array of so few would cost a short connection more than all else here does. */
  readonly #ended: number[] = []
  #next = 0

  resetByUs(id: number): void {
    this.#reset ??= new Int32Array(RESET_KEPT)
    this.#reset[(id >>> 1) % RESET_KEPT] = id
  }

  ended(id: number): void {
    this.#ended[this.#next] = id
    this.#next = (this.#next + 1) % ENDED_KEPT
  }

  wasResetByUs(id: number): boolean {
    return this.#reset !== null && this.#reset[(id >>> 1) % RESET_KEPT] === id
  }

  hadEnded(id: number): boolean {
    return this.#ended.includes(id)
  }
}
