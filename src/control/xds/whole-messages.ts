const PREFIX_OCTETS = 5

/** Puts the messages of one gRPC stream together, of which the octets come in pieces cut anywhere. */
export class WholeMessages {
  /** What the last message would have taken; 0: none was too large. */
  tooLargeOctets = 0
  readonly #octetsMax: number
  #pieces: Buffer[] = []
  #octets = 0

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }

  /** `octets` are copied. */
  push(octets: Uint8Array): void {
    this.#pieces.push(Buffer.from(octets))
    this.#octets += octets.length
  }

  /** The next message; null: it is not all there. Errors: a sentence; nothing that follows can be read. */
  next(): Buffer | string | null {
    if (this.#octets < PREFIX_OCTETS) return null
    const prefix = this.#take(PREFIX_OCTETS, false)
    const length = prefix.readUInt32BE(1)
    if (prefix[0] !== 0) return "its messages are compressed, which was not asked for"
    if (length > this.#octetsMax) {
      this.tooLargeOctets = length
      return `a message of ${length} octets, more than controlPlaneMessageOctets (${this.#octetsMax})`
    }
    if (this.#octets < PREFIX_OCTETS + length) return null
    return this.#take(PREFIX_OCTETS + length, true).subarray(PREFIX_OCTETS)
  }

  /** The first `length` octets, and away with them where `isTaken`. */
  #take(length: number, isTaken: boolean): Buffer {
    const [first] = this.#pieces
    if (first!.length < length) {
      let octets = 0
      let count = 0
      while (octets < length) octets += this.#pieces[count++]!.length
      this.#pieces.splice(0, count, Buffer.concat(this.#pieces.slice(0, count)))
    }
    const [whole] = this.#pieces
    if (!isTaken) return whole!.subarray(0, length)
    this.#octets -= length
    if (whole!.length === length) this.#pieces.shift()
    else this.#pieces[0] = whole!.subarray(length)
    return whole!.subarray(0, length)
  }
}
