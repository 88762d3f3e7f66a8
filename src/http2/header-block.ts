import type { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault, fault } from "./error-code.ts"
import { copyUnpooled } from "./own-octets.ts"

/** An honest sender's frames are twice as large: SETTINGS_MAX_FRAME_SIZE is never less. */
const OCTETS_PER_FRAME = 8192
/** Connections are bounded in number, so as much goes uncounted for each; more is held only while memory is plenty. */
const UNCOUNTED_OCTETS = 65_536

/** A block is past its bound, in however many frames. */
export function blockTooLarge(): Fault {
  return fault(ErrorCode.ENHANCE_YOUR_CALM, "the header block is too large", "header_block_too_large")
}

/**
 * Gathers a header block that HEADERS began and CONTINUATION frames carry on: RFC 9113 §6.10.
 * Blocks that one frame holds whole never come here.
 */
export class HeaderBlock {
  streamId = 0
  endStream = false
  sinceMs = 0
  #pieces: Buffer[] = []
  #octets = 0
  #frames = 0
  readonly #octetsMax: number
  readonly #framesMax: number
  readonly #budget: BufferBudget

  constructor(octetsMax: number, framesMax: number, budget: BufferBudget) {
    this.#octetsMax = octetsMax
    this.#framesMax = framesMax
    this.#budget = budget
  }

  get isOpen(): boolean {
    return this.streamId !== 0
  }

  begin(
    streamId: number,
    endStream: boolean,
    octets: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
  ): void {
    this.streamId = streamId
    this.endStream = endStream
    this.sinceMs = nowMs
    this.#frames = 0
    this.#keep(octets, start, end)
  }

  add(octets: Uint8Array, start: number, end: number, isLast: boolean): Fault | null {
    const length = this.#octets + end - start
    if (++this.#frames > this.#framesMax + Math.floor(length / OCTETS_PER_FRAME))
      return fault(ErrorCode.ENHANCE_YOUR_CALM, "too many CONTINUATION frames", "continuation_flood")
    if (start === end && !isLast)
      return fault(ErrorCode.ENHANCE_YOUR_CALM, "an empty CONTINUATION frame", "continuation_empty")
    if (length > this.#octetsMax || (length > UNCOUNTED_OCTETS && this.#budget.isAboveHighWatermark))
      return blockTooLarge()
    this.#keep(octets, start, end)
    return null
  }

  #keep(octets: Uint8Array, start: number, end: number): void {
    this.#pieces.push(copyUnpooled(octets, start, end))
    this.#count(this.#octets + end - start)
  }

  #count(octets: number): void {
    const more = Math.max(0, octets - UNCOUNTED_OCTETS) - Math.max(0, this.#octets - UNCOUNTED_OCTETS)
    this.#octets = octets
    if (more !== 0) this.#budget.add(more)
  }

  /** The whole block; it is no longer held. */
  finish(): Buffer {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#octets)
    this.drop()
    return whole
  }

  /** Nothing is held any more. */
  drop(): void {
    this.#pieces = []
    this.#count(0)
    this.streamId = 0
  }
}
