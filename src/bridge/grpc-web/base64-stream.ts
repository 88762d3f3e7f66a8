const VALUE = new Int8Array(256).fill(-1)
const ALPHABET = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "latin1")
for (const [value, octet] of ALPHABET.entries()) VALUE[octet] = value
VALUE["-".charCodeAt(0)] = 62
VALUE["_".charCodeAt(0)] = 63
const PADDING = "=".charCodeAt(0)

/**
 * Decodes base64 that comes in pieces cut anywhere, and that may be several encodings one after another, each with its
 * padding, as gRPC-Web's text mode allows. Source: gRPC, doc/PROTOCOL-WEB.md; RFC 4648 §4, §5.
 */
export class Base64Decoder {
  #bits = 0
  #characters = 0
  #padding = 0

  /** The octets that are complete now, or null for what is no base64. */
  decode(text: Buffer, start: number, end: number): Buffer | null {
    const decoded = Buffer.allocUnsafe(Math.ceil(((end - start + 4) * 3) / 4))
    let at = 0
    for (let i = start; i < end; i++) {
      const character = text[i]!
      if (character === PADDING) {
        if (this.#characters < 2) return null
        this.#padding++
      } else {
        const value = VALUE[character]!
        if (value < 0 || this.#padding > 0) return null
        this.#bits = (this.#bits << 6) | value
        this.#characters++
      }
      if (this.#characters + this.#padding < 4) continue
      const octets = this.#characters - 1
      const bits = this.#bits << (6 * this.#padding)
      if (octets > 0) decoded[at++] = bits >>> 16
      if (octets > 1) decoded[at++] = bits >>> 8
      if (octets > 2) decoded[at++] = bits
      this.#reset()
    }
    return decoded.subarray(0, at)
  }

  /** What stood there without padding at the end; null when it is half an octet. */
  finish(): Buffer | null {
    const { length } = PADS
    if (this.#characters === 0) return Buffer.alloc(0)
    if (this.#characters === 1) return null
    const pads = Buffer.from(PADS.slice(0, length - (this.#characters - 1) - this.#padding), "latin1")
    return this.decode(pads, 0, pads.length)
  }

  #reset(): void {
    this.#bits = 0
    this.#characters = 0
    this.#padding = 0
  }
}

const PADS = "==="
