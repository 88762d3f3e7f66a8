const PREFIX_OCTETS = 5

/**
 * Counts length-prefixed messages in octets that pass by, cut anywhere. Keeps none of them.
 * Source: gRPC, doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
 */
export class MessageScanner {
  /** Messages that have begun, with their whole prefix seen. */
  messages = 0
  #prefixSeen = 0
  #length = 0
  #left = 0

  scan(octets: Uint8Array, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, end - at)
        this.#left -= part
        at += part
        continue
      }
      // The first octet says whether it is compressed; four more are the length.
      if (this.#prefixSeen > 0) this.#length = this.#length * 256 + octets[at]!
      at++
      if (++this.#prefixSeen < PREFIX_OCTETS) continue
      this.messages++
      this.#left = this.#length
      this.#length = 0
      this.#prefixSeen = 0
    }
  }

  /** True between messages: an end of stream here cuts none. */
  get isAtBoundary(): boolean {
    return this.#left === 0 && this.#prefixSeen === 0
  }
}
