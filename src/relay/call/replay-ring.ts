import { copyOctets } from "../../http2/copy-octets.ts"

const RING_OCTETS = 1024 * 1024
const PIECE_OCTETS_MAX = 4096
const HEAD_OCTETS = 4

/**
 * The last mebibyte of request octets that were sent, one small piece per stream: what a retry needs, at the cost of a
 * copy and no allocation. A piece that was overwritten is gone, and its stream may then not be repeated; by that time
 * thousands of others have been sent.
 */
export class ReplayRing {
  readonly #octets = Buffer.allocUnsafeSlow(RING_OCTETS)
  /** Octets ever written, gaps at the end of a round included. */
  #written = 0

  /** Keeps `start..end`; returns where, for `get`, or -1 when it is too large. */
  put(octets: Buffer, start: number, end: number): number {
    const length = end - start
    if (length > PIECE_OCTETS_MAX) return -1
    const needed = HEAD_OCTETS + length
    let at = this.#written % RING_OCTETS
    if (at + needed > RING_OCTETS) {
      this.#written += RING_OCTETS - at
      at = 0
    }
    const where = this.#written
    this.#octets.writeUInt32LE(length, at)
    copyOctets(octets, start, end, this.#octets, at + HEAD_OCTETS)
    this.#written += needed
    return where
  }

  has(where: number): boolean {
    return this.#written - where <= RING_OCTETS
  }

  /** The piece, valid until the next `put`; null when it was overwritten. */
  get(where: number): Buffer | null {
    if (!this.has(where)) return null
    const at = where % RING_OCTETS
    const start = at + HEAD_OCTETS
    return this.#octets.subarray(start, start + this.#octets.readUInt32LE(at))
  }
}
