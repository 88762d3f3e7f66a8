import { allocUnpooled } from "../http2/own-octets.ts"

/** Room for a short one; it doubles. */
const FIRST_OCTETS = 256

/** What a client sent, for as long as it is short: nginx's `$request_body`. */
export class RequestBody {
  readonly #octetsMax: number
  /** One that grows: a buffer for each piece would cost far more than pieces of an octet. */
  #room: Buffer | null = null
  #length = 0
  isTooLong = false

  /** @param octetsMax of a longer one nothing is kept, as nginx has it */
  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }

  /** Of memory. */
  get heldOctets(): number {
    return this.#room?.length ?? 0
  }

  /** Octets that came, which are copied. Returns how many more are held now: fewer, where it has become too long. */
  add(octets: Buffer, start: number, end: number): number {
    if (this.isTooLong || end === start) return 0
    const before = this.heldOctets
    const length = this.#length + end - start
    if (length > this.#octetsMax) {
      this.isTooLong = true
      this.#room = null
      this.#length = 0
    } else {
      octets.copy(this.#roomFor(length), this.#length, start, end)
      this.#length = length
    }
    return this.heldOctets - before
  }

  /** One octet per character; undefined: there is none, or it was too long. */
  get text(): string | undefined {
    return this.#length === 0 ? undefined : this.#room!.toString("latin1", 0, this.#length)
  }

  #roomFor(length: number): Buffer {
    const before = this.#room
    if (before !== null && before.length >= length) return before
    let octets = before?.length ?? FIRST_OCTETS
    while (octets < length) octets *= 2
    const room = allocUnpooled(Math.min(octets, this.#octetsMax))
    before?.copy(room, 0, 0, this.#length)
    this.#room = room
    return room
  }
}
