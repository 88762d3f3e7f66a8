import { hexDigits, tokenOctets, valueOctets } from "./grammar.ts"
import { type HeadBounds, HeadReader } from "./head-reader.ts"

const LF = 0x0a
const CR = 0x0d
const SEMICOLON = 0x3b
/** Size and extensions of one chunk. Extensions have no meaning here, and few are ever sent. */
const CHUNK_LINE_OCTETS_MAX = 4096
/** A digit more, and it would not be exact. */
const SIZE_BEFORE_DIGIT_MAX = 2 ** 48

const State = {
  /** All that is left is data. */
  LENGTH: 0,
  CLOSE: 1,
  SIZE: 2,
  EXTENSION: 3,
  SIZE_LF: 4,
  DATA: 5,
  DATA_CR: 6,
  DATA_LF: 7,
  TRAILERS: 8,
  EXTENSION_NAME: 9,
} as const

/**
 * Reads the bodies of messages, one after the other, as octets come, and copies none: each `read` finds at most one piece of
 * data, `pieceStart..pieceEnd` of the octets it was given. Chunk extensions are left out, trailers are kept.
 *
 * ```
 * while (at < end && !body.isWhole && body.fault === null) {
 *   at = body.read(octets, at, end)
 *   if (body.pieceEnd > body.pieceStart) take(octets, body.pieceStart, body.pieceEnd)
 * }
 * ```
 *
 * Source: RFC 9112 §7.1, line ends CRLF alone.
 */
export class BodyReader {
  isWhole = true
  /** Why it is malformed. */
  fault: string | null = null
  pieceStart = 0
  pieceEnd = 0
  readonly #bounds: HeadBounds
  #state: number = State.LENGTH
  /** Octets that are left of the length, or of the chunk; while its size is read, what that comes to. */
  #left = 0
  #hasDigit = false
  #lineOctets = 0
  #trailers: HeadReader | null = null

  /** `bounds`: those of trailers. */
  constructor(bounds: HeadBounds) {
    this.#bounds = bounds
  }

  /** A body of so many octets comes; 0: none. */
  beginLength(octets: number): void {
    this.#begin(State.LENGTH)
    this.#left = octets
    this.isWhole = octets === 0
  }

  beginChunked(): void {
    this.#begin(State.SIZE)
  }

  /** The body ends with its connection: `ended`. */
  beginUntilClose(): void {
    this.#begin(State.CLOSE)
  }

  #begin(state: number): void {
    this.#state = state
    this.#left = 0
    this.#hasDigit = false
    this.#lineOctets = 0
    this.#trailers = null
    this.isWhole = false
    this.fault = null
    this.pieceStart = 0
    this.pieceEnd = 0
  }

  get endsByClose(): boolean {
    return this.#state === State.CLOSE
  }

  /** Names in lower case and values in turn; null: none came. */
  get trailers(): string[] | null {
    const fields = this.#trailers?.fields
    return fields === undefined || fields.length === 0 ? null : fields
  }

  /** The last chunk has come, and what is behind it has not come to its end. */
  get isInTrailers(): boolean {
    return !this.isWhole && this.#state === State.TRAILERS
  }

  /** Read of trailers, which are kept. */
  get heldOctets(): number {
    return this.#trailers?.octets ?? 0
  }

  dropTrailers(): void {
    this.#trailers = null
  }

  /** The other side has ended. False: the body is not whole. */
  ended(): boolean {
    if (this.#state === State.CLOSE) this.isWhole = true
    return this.isWhole
  }

  /** Reads to the end of a piece of data, of the body, or of the octets. Returns where it stopped. */
  read(octets: Buffer, start: number, end: number): number {
    this.pieceStart = start
    this.pieceEnd = start
    let at = start
    while (at < end && !this.isWhole && this.fault === null) {
      const state = this.#state
      if (state === State.LENGTH || state === State.CLOSE || state === State.DATA)
        return this.#readData(at, end)
      if (state === State.TRAILERS) at = this.#readTrailers(octets, at, end)
      else this.#readOctet(octets[at++]!)
    }
    return at
  }

  #readData(start: number, end: number): number {
    const stop = this.#state === State.CLOSE ? end : Math.min(end, start + this.#left)
    this.pieceStart = start
    this.pieceEnd = stop
    if (this.#state === State.CLOSE) return stop
    this.#left -= stop - start
    if (this.#left > 0) return stop
    if (this.#state === State.LENGTH) this.isWhole = true
    else this.#state = State.DATA_CR
    return stop
  }

  /** An octet of what stands around the data of chunks. */
  #readOctet(octet: number): void {
    switch (this.#state) {
      case State.SIZE:
        return this.#readSize(octet)
      case State.EXTENSION_NAME:
        if (tokenOctets[octet] === 0) this.fault = "a chunk's extension has no name"
        this.#state = State.EXTENSION
        return this.#countLine()
      case State.EXTENSION:
        if (octet === CR) this.#state = State.SIZE_LF
        else if (valueOctets[octet] === 0)
          this.fault = `a chunk's extension has octet 0x${octet.toString(16)}`
        return this.#countLine()
      case State.SIZE_LF:
        if (octet !== LF) this.fault = "a chunk's size is not followed by CRLF"
        return this.#sizeRead()
      case State.DATA_CR:
        if (octet !== CR) this.fault = "a chunk is longer than its size"
        this.#state = State.DATA_LF
        return
      default:
        if (octet !== LF) this.fault = "a chunk is longer than its size"
        this.#state = State.SIZE
    }
  }

  #readSize(octet: number): void {
    const digit = hexDigits[octet]!
    if (digit >= 0) {
      if (this.#left >= SIZE_BEFORE_DIGIT_MAX) this.fault = "a chunk's size is too large"
      this.#left = this.#left * 16 + digit
      this.#hasDigit = true
    } else if (!this.#hasDigit) this.fault = "a chunk's size is no number"
    else if (octet === CR) this.#state = State.SIZE_LF
    else if (octet === SEMICOLON) this.#state = State.EXTENSION_NAME
    else this.fault = `a chunk's size has octet 0x${octet.toString(16)}`
    this.#countLine()
  }

  #countLine(): void {
    if (++this.#lineOctets > CHUNK_LINE_OCTETS_MAX)
      this.fault = `a chunk's size and extensions are longer than ${CHUNK_LINE_OCTETS_MAX} octets`
  }

  #sizeRead(): void {
    this.#hasDigit = false
    this.#lineOctets = 0
    if (this.#left > 0) this.#state = State.DATA
    else {
      this.#state = State.TRAILERS
      this.#trailers = new HeadReader({ bounds: this.#bounds })
    }
  }

  #readTrailers(octets: Buffer, start: number, end: number): number {
    const trailers = this.#trailers!
    const at = trailers.read(octets, start, end)
    if (trailers.fault !== null) this.fault = `its trailers are malformed: ${trailers.fault.reason}`
    else if (trailers.isWhole && hasFraming(trailers.fields)) this.fault = "its trailers say how it is framed"
    else this.isWhole = trailers.isWhole
    return at
  }
}

/** RFC 9110 §6.5.1: what frames a message has no place behind it. */
function hasFraming(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === "content-length" || fields[i] === "transfer-encoding") return true
  return false
}
