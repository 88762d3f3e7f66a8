/** What a client sent, for as long as it is short: nginx's `$request_body`. */
export class RequestBody {
  readonly #octetsMax: number
  #pieces: Buffer[] = []
  /** Of the pieces. */
  heldOctets = 0
  isTooLong = false

  /** @param octetsMax of a longer one nothing is kept, as nginx has it */
  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }

  /** Octets that came, which are copied. Returns how many more are held now: fewer, where it has become too long. */
  add(octets: Buffer, start: number, end: number): number {
    if (this.isTooLong || end === start) return 0
    const before = this.heldOctets
    if (before + end - start > this.#octetsMax) {
      this.isTooLong = true
      this.#pieces = []
      this.heldOctets = 0
    } else {
      this.#pieces.push(Buffer.from(octets.subarray(start, end)))
      this.heldOctets += end - start
    }
    return this.heldOctets - before
  }

  /** One octet per character; undefined: there is none, or it was too long. */
  get text(): string | undefined {
    if (this.heldOctets === 0) return undefined
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0]!.toString("latin1")
  }
}
