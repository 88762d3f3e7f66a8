import type { MessageBounds } from "./fault.ts"
import { tooMuchGrowth } from "./fault.ts"
import { Output } from "./output.ts"

const ONE_OCTET_MAX = 0x7f
/** What one length that is still to be put in takes. */
const PER_LENGTH_OCTETS = 32

/**
 * Protobuf as it comes about: lengths of messages stand before what they measure, so each has one octet kept for it,
 * and those that need more are put in at the end.
 */
export class PrefixedOutput extends Output {
  readonly #bounds: MessageBounds
  /** Where a length of several octets, or one not known yet, has its place; in order. */
  readonly #lengthAt: number[] = []
  readonly #lengths: number[] = []
  /** Those that are open, as indices of the above. */
  readonly #open: number[] = []
  /** For each that is open: octets that will still be put in within it. */
  readonly #missing: number[] = []
  #assembled: Buffer | null = null
  /** How far `assemble` has come: of the lengths, of the octets, and in the result. */
  #done = { lengths: 0, from: 0, to: 0 }
  #missingInAll = 0

  constructor(bounds: MessageBounds, expectedOctets: number) {
    super(bounds, expectedOctets)
    this.#bounds = bounds
  }

  get heldOctets(): number {
    return this.octets.length + (this.#assembled?.length ?? 0) + PER_LENGTH_OCTETS * this.#lengths.length
  }

  tag(field: number, wireType: number): void {
    this.varint32(((field << 3) | wireType) >>> 0)
  }

  /** Octets with their length. */
  lengthAnd(octets: Uint8Array, start: number, end: number): void {
    this.varint32(end - start)
    this.copy(octets, start, end)
  }

  /** What follows, up to `end`, has its length before it. */
  begin(): void {
    this.#open.push(this.#lengthAt.push(this.length) - 1)
    this.#lengths.push(0)
    this.#missing.push(0)
    this.octet(0)
  }

  end(): void {
    const index = this.#open.pop()!
    const within = this.#missing.pop()!
    const at = this.#lengthAt[index]!
    const length = this.length - at - 1 + within
    if (length <= ONE_OCTET_MAX) {
      // What it holds is as short, so none of that waits behind it.
      this.octets[at] = length
      this.#lengthAt.length = index
      this.#lengths.length = index
      return
    }
    this.#lengths[index] = length
    const missing = within + varintOctets(length) - 1
    if (this.#missing.length > 0) this.#missing[this.#missing.length - 1]! += missing
    else this.#missingInAll += missing
  }

  /** Takes back what was written from there on. */
  cutTo(length: number): void {
    this.length = length
  }

  /** Puts the lengths in, some at a time; true once they are. */
  assemble(octets: number): boolean {
    if (this.#lengths.length === 0) return true
    if (this.#assembled === null) {
      const total = this.length + this.#missingInAll
      if (total > this.#bounds.octetsMax) throw tooMuchGrowth(this.#bounds)
      this.#assembled = Buffer.allocUnsafeSlow(total)
    }
    const { octets: from } = this
    const to = this.#assembled
    const done = this.#done
    const stopAt = done.to + octets
    for (; done.lengths < this.#lengths.length; done.lengths++) {
      if (done.to > stopAt) return false
      const at = this.#lengthAt[done.lengths]!
      done.to += from.copy(to, done.to, done.from, at)
      let rest = this.#lengths[done.lengths]!
      for (; rest > ONE_OCTET_MAX; rest >>>= 7) to[done.to++] = (rest & ONE_OCTET_MAX) | 0x80
      to[done.to++] = rest
      done.from = at + 1
    }
    from.copy(to, done.to, done.from, this.length)
    return true
  }

  override finish(): Buffer {
    return this.#assembled ?? super.finish()
  }
}

function varintOctets(value: number): number {
  if (value < 2 ** 7) return 1
  if (value < 2 ** 14) return 2
  if (value < 2 ** 21) return 3
  return value < 2 ** 28 ? 4 : 5
}
