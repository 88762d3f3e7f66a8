import type { Limits } from "../base/limits.ts"
import { ErrorCode, type Fault, fault } from "./error-code.ts"
import { ownCopy, ownRoom } from "./own-octets.ts"

const NO_OCTETS = Buffer.alloc(0)

/** A block is past `headerBlockOctets`, in however many frames. */
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
  #octets: Buffer = NO_OCTETS
  #frames = 0
  readonly #limits: Limits

  constructor(limits: Limits) {
    this.#limits = limits
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
    this.#octets = ownCopy(octets, start, end)
  }

  add(octets: Uint8Array, start: number, end: number, isLast: boolean): Fault | null {
    if (++this.#frames > this.#limits.continuationFramesMax)
      return fault(ErrorCode.ENHANCE_YOUR_CALM, "too many CONTINUATION frames", "continuation_flood")
    if (start === end && !isLast)
      return fault(ErrorCode.ENHANCE_YOUR_CALM, "an empty CONTINUATION frame", "continuation_empty")
    if (this.#octets.length + end - start > this.#limits.headerBlockOctets) return blockTooLarge()
    const longer = ownRoom(this.#octets.length + end - start)
    longer.set(this.#octets)
    longer.set(octets.subarray(start, end), this.#octets.length)
    this.#octets = longer
    return null
  }

  /** The whole block; it is no longer held. */
  finish(): Buffer {
    const octets = this.#octets
    this.#octets = NO_OCTETS
    this.streamId = 0
    return octets
  }
}
