const RESET_KEPT = 1024
const ENDED_KEPT = 32

/**
 * Which streams ended lately, and how: RFC 9113 §5.1 asks to ignore what still arrives on a stream we reset, and to
 * refuse what comes on one that had ended.
 */
export class ClosedStreams {
  #reset: Set<number> | null = null
  #ended: Int32Array | null = null
  #next = 0

  resetByUs(id: number): void {
    this.#reset ??= new Set()
    this.#reset.add(id)
    if (this.#reset.size > RESET_KEPT)
      for (const oldest of this.#reset) return void this.#reset.delete(oldest)
  }

  ended(id: number): void {
    this.#ended ??= new Int32Array(ENDED_KEPT)
    this.#ended[this.#next] = id
    this.#next = (this.#next + 1) % ENDED_KEPT
  }

  wasResetByUs(id: number): boolean {
    return this.#reset?.has(id) ?? false
  }

  hadEnded(id: number): boolean {
    return this.#ended?.includes(id) ?? false
  }
}
