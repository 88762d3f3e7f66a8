import type { FieldPath, FieldValue } from "../../../grpc/field-path.ts"
import { FieldReader } from "../../../grpc/field-reader.ts"
import { TOKEN_OCTETS_MAX } from "./fields.ts"

const PREFIX_OCTETS = 5

/** Reads the resume token of each response message that passes by, cut anywhere. One that is compressed cannot be read. */
export class TokenScanner {
  /** Of the last whole message. `undefined`: it cannot be read; null: it has none. */
  token: FieldValue | null | undefined = null
  readonly #reader: FieldReader
  #prefixSeen = 0
  #isCompressed = false
  #length = 0
  #left = 0

  constructor(from: FieldPath) {
    this.#reader = new FieldReader(from, TOKEN_OCTETS_MAX)
  }

  /** Of the message under way, prefix included; 0 as long as that is not known. */
  get messageOctets(): number {
    return this.#prefixSeen < PREFIX_OCTETS ? 0 : PREFIX_OCTETS + this.#length
  }

  /** Where the message under way ends within `start..end`, what follows is not looked at; -1: it does not. */
  scan(octets: Buffer, start: number, end: number): number {
    let at = start
    while (this.#prefixSeen < PREFIX_OCTETS) {
      if (at === end) return -1
      this.#prefix(octets[at++]!)
    }
    const part = Math.min(this.#left, end - at)
    if (!this.#isCompressed) this.#reader.push(octets, at, at + part)
    this.#left -= part
    if (this.#left > 0) return -1
    this.#prefixSeen = 0
    this.token = this.#isCompressed ? undefined : this.#reader.finish()
    return at + part
  }

  #prefix(octet: number): void {
    if (this.#prefixSeen++ === 0) {
      this.#isCompressed = octet !== 0
      this.#length = 0
    } else this.#length = this.#length * 256 + octet
    if (this.#prefixSeen < PREFIX_OCTETS) return
    this.#left = this.#length
    this.#reader.begin(this.#length)
  }

  /** The octets that follow begin a message. */
  restart(): void {
    this.#prefixSeen = 0
  }
}
