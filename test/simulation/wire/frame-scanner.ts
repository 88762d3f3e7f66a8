const HEAD_OCTETS = 9
const PREFACE_OCTETS = 24

/** One frame, read without the code under test. `payload` is valid during the call only. */
export interface Frame {
  type: number
  flags: number
  id: number
  length: number
  payload: Buffer
}

/** Cuts one direction of a connection into frames, wherever its octets were cut. */
export class FrameScanner {
  readonly #onFrame: (frame: Frame, endOffset: number) => void
  readonly #frame: Frame = { type: 0, flags: 0, id: 0, length: 0, payload: Buffer.alloc(0) }
  #held: Buffer = Buffer.alloc(0)
  #prefaceLeft: number
  #offset = 0

  /** `onFrame` gets each frame and where it ends, counted from the connection's first octet. */
  constructor(fromClient: boolean, onFrame: (frame: Frame, endOffset: number) => void) {
    this.#prefaceLeft = fromClient ? PREFACE_OCTETS : 0
    this.#onFrame = onFrame
  }

  read(octets: Buffer): void {
    let whole = this.#held.length > 0 ? Buffer.concat([this.#held, octets]) : octets
    const skipped = Math.min(this.#prefaceLeft, whole.length)
    this.#prefaceLeft -= skipped
    this.#offset += skipped
    whole = whole.subarray(skipped)
    while (whole.length >= HEAD_OCTETS) {
      const length = whole.readUIntBE(0, 3)
      const end = HEAD_OCTETS + length
      if (whole.length < end) break
      const frame = this.#frame
      frame.type = whole[3]!
      frame.flags = whole[4]!
      frame.id = whole.readUInt32BE(5) & 0x7fffffff
      frame.length = length
      frame.payload = whole.subarray(HEAD_OCTETS, end)
      this.#offset += end
      this.#onFrame(frame, this.#offset)
      whole = whole.subarray(end)
    }
    this.#held = whole.length > 0 ? Buffer.from(whole) : whole
  }
}
