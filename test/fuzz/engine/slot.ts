const IDLE = 0
const RUNNING = 1
/** state, length of the input, runs */
const HEAD_WORDS = 3

/** What a fuzzing thread does at the moment, in memory that its watcher can read while it hangs. */
export class Slot {
  readonly shared: SharedArrayBuffer
  readonly #head: Int32Array
  readonly #octets: Uint8Array

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#head = new Int32Array(shared, 0, HEAD_WORDS)
    this.#octets = new Uint8Array(shared, HEAD_WORDS * 4)
  }

  static for(maxOctets: number): Slot {
    return new Slot(new SharedArrayBuffer(HEAD_WORDS * 4 + maxOctets))
  }

  begin(octets: Uint8Array): void {
    this.#octets.set(octets)
    this.#head[1] = octets.length
    this.#head[2]!++
    Atomics.store(this.#head, 0, RUNNING)
  }

  end(): void {
    Atomics.store(this.#head, 0, IDLE)
  }

  /** The number of the run under way; null between runs. */
  get run(): number | null {
    return Atomics.load(this.#head, 0) === RUNNING ? this.#head[2]! : null
  }

  /** The input of the run under way, or of the last. */
  get input(): Buffer {
    return Buffer.from(this.#octets.slice(0, this.#head[1]))
  }
}
