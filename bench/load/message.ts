/**
 * The messages of the benchmark: a gRPC prefix, then the sender's key, the number in the stream, and octets that
 * follow from the number. So every octet can be checked, and a message of another stream is known at once.
 *
 * Octets: 1 compressed flag, 4 length | 4 key, 4 number | rest.
 */
export const PREFIX_OCTETS = 5
/** The smallest payload. */
export const LABEL_OCTETS = 8
const HEAD_OCTETS = PREFIX_OCTETS + LABEL_OCTETS
const VARIANTS = 256
const LARGEST_PAYLOAD_OCTETS = 65_536
/** From here on `Buffer.compare` beats a loop. */
const NATIVE_COMPARE_OCTETS = 256

const noise = makeNoise(LARGEST_PAYLOAD_OCTETS + VARIANTS)

/** Xorshift from a fixed seed: both ends have the same octets. */
function makeNoise(octets: number): Buffer {
  const bytes = Buffer.alloc(octets)
  let state = 0x9e3779b9
  for (let at = 0; at < octets; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

/** Writes a message of `octets` payload at `at`; returns the offset after it. */
export function writeMessage(out: Buffer, at: number, octets: number, key: number, number: number): number {
  out[at] = 0
  writeUint32(out, at + 1, octets)
  writeUint32(out, at + PREFIX_OCTETS, key)
  writeUint32(out, at + PREFIX_OCTETS + 4, number)
  const variant = number % VARIANTS
  noise.copy(out, at + HEAD_OCTETS, variant, variant + octets - LABEL_OCTETS)
  return at + PREFIX_OCTETS + octets
}

function writeUint32(out: Buffer, at: number, value: number): void {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}

/** Checks a run of messages of one size and key, numbered up from `next`, however it is cut. */
export class MessageChecker {
  readonly octets: number
  readonly key: number
  next: number
  /** Octets of the current message already checked. */
  #at = 0
  readonly #head = Buffer.alloc(HEAD_OCTETS)

  constructor(octets: number, key: number, next: number) {
    this.octets = octets
    this.key = key
    this.next = next
    this.#writeHead()
  }

  /** Between two messages. */
  get whole(): boolean {
    return this.#at === 0
  }

  #writeHead(): void {
    writeUint32(this.#head, 1, this.octets)
    writeUint32(this.#head, PREFIX_OCTETS, this.key)
    writeUint32(this.#head, PREFIX_OCTETS + 4, this.next)
  }

  /** Returns how many messages these octets completed, or -1 when one octet is not the expected one. */
  check(bytes: Buffer, from: number, to: number): number {
    const whole = PREFIX_OCTETS + this.octets
    let completed = 0
    let at = from
    while (at < to) {
      const stop = Math.min(to, at + whole - this.#at)
      if (!this.#matches(bytes, at, stop)) return -1
      this.#at += stop - at
      at = stop
      if (this.#at === whole) {
        completed++
        this.#at = 0
        this.next = (this.next + 1) >>> 0
        this.#writeHead()
      }
    }
    return completed
  }

  /** Compares `[from, to)` with the current message from `#at` on. */
  #matches(bytes: Buffer, from: number, to: number): boolean {
    let at = from
    let offset = this.#at
    for (; at < to && offset < HEAD_OCTETS; at++, offset++) if (bytes[at] !== this.#head[offset]) return false
    let expected = (this.next % VARIANTS) + offset - HEAD_OCTETS
    if (to - at >= NATIVE_COMPARE_OCTETS)
      return noise.compare(bytes, at, to, expected, expected + to - at) === 0
    for (; at < to; at++, expected++) if (bytes[at] !== noise[expected]) return false
    return true
  }
}
