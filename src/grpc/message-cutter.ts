const PREFIX_OCTETS = 5

/**
 * Finds where length-prefixed messages end in octets that pass by, cut anywhere. Keeps none of them.
 * Source: gRPC, doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
 */
export class MessageCutter {
  /** Whole messages so far. */
  whole = 0
  #prefixSeen = 0
  #length = 0
  #left = 0

  /** Where the last message within `start..end` ends, or the first `most` of them: what follows is not looked at. -1: none. */
  scan(octets: Uint8Array, start: number, end: number, most = Number.POSITIVE_INFINITY): number {
    const until = this.whole + most
    let cut = -1
    let at = start
    while (at < end) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, end - at)
        this.#left -= part
        at += part
      } else {
        // The first octet says whether it is compressed; four more are the length.
        if (this.#prefixSeen > 0) this.#length = this.#length * 256 + octets[at]!
        at++
        if (++this.#prefixSeen < PREFIX_OCTETS) continue
        this.#left = this.#length
      }
      if (this.#left > 0) continue
      this.whole++
      cut = at
      this.#prefixSeen = 0
      this.#length = 0
      if (this.whole === until) return cut
    }
    return cut
  }

  /** Between messages: an end of stream here cuts none. */
  get isAtBoundary(): boolean {
    return this.#prefixSeen === 0
  }

  /** Of the message under way, prefix included; 0 as long as that is not known. */
  get messageOctets(): number {
    return this.#prefixSeen < PREFIX_OCTETS ? 0 : PREFIX_OCTETS + this.#length
  }

  /** The octets that follow begin a message. `whole` stays. */
  restart(): void {
    this.#prefixSeen = 0
    this.#length = 0
    this.#left = 0
  }
}
