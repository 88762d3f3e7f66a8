import { OctetQueue } from "../../http2/octet-queue.ts"
import { allocUnpooled } from "../../http2/own-octets.ts"
import type { Framing } from "../http1/socket.ts"

/** RFC 6455 §5.2. */
const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PONG: 10 } as const
const FIN = 0x80
const RESERVED = 0x70
const MASKED = 0x80
const CONTROL_OCTETS_MAX = 125
const MASK_OCTETS = 4
/** Two octets, eight of length, the mask. */
const HEAD_OCTETS_MAX = 14
/** A length that no receiver takes. */
const TOO_LONG = 2 ** 40
/** Payload is unmasked here, four octets at a time: six times as fast as one by one. */
const scratch = Buffer.allocUnsafeSlow(16_384)
const scratchWords = new Int32Array(scratch.buffer, scratch.byteOffset, scratch.length / 4)
const maskWord = new Int32Array(1)
const maskOctets = new Uint8Array(maskWord.buffer)

export interface AssemblerOptions {
  /** The largest message. */
  maxOctets: number
  /** So many more octets of memory are held for a message that is not whole; fewer, where negative. */
  onHeld(octets: number): void
  /** A message is larger than `maxOctets`. */
  onTooLarge(): void
}

/**
 * Cuts a client's octets into what `ws` takes at once: whole messages, each as a single frame, and control frames.
 * By itself `ws` keeps every fragment and every read as a buffer of its own until a message is whole: 16,001 fragments of
 * one octet hold 2 MiB. Here a message that is not whole is one queue, and what it takes of memory is told.
 *
 * What breaks RFC 6455 is handed on, so that `ws` finds it. Nothing is looked at after that, or after a Close.
 */
export class MessageAssembler implements Framing {
  maxOctets: number
  readonly #options: AssemblerOptions
  #piece: Buffer | null = null
  #isOver = false
  #isDiscarding = false
  // The frame under way.
  readonly #head = new Uint8Array(HEAD_OCTETS_MAX)
  #headSeen = 0
  #headOctets = 2
  #payloadLeft = 0
  /** Octets of payload seen, for the mask's phase. */
  #maskAt = 0
  #control: Buffer | null = null
  // The message under way.
  /** Of its first frame; 0: none is under way. */
  #opcode = 0
  #messageOctets = 0
  #queue: OctetQueue | null = null
  #heldOctets = 0

  constructor(options: AssemblerOptions) {
    this.#options = options
    this.maxOctets = options.maxOctets
  }

  /** Drops the message under way and all that follow: the call is over. Control frames still go through. */
  discard(): void {
    this.#isDiscarding = true
    this.#dropQueue()
  }

  take(): Buffer | null {
    const piece = this.#piece
    this.#piece = null
    return piece
  }

  read(octets: Buffer, start: number, end: number): number {
    if (this.#isOver) return end - start
    let at = start
    while (this.#piece === null) {
      if (this.#headSeen < this.#headOctets) {
        at = this.#readHead(octets, at, end)
        if (this.#piece !== null || this.#headSeen < this.#headOctets) break
      }
      const part = Math.min(end - at, this.#payloadLeft)
      this.#readPayload(octets, at, at + part)
      at += part
      if (this.#payloadLeft > 0) break
      this.#endFrame()
    }
    return at - start
  }

  // ---- Heads ----------------------------------------------------------------------------------------------------

  #readHead(octets: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.#headSeen < this.#headOctets) {
      this.#head[this.#headSeen++] = octets[at++]!
      if (this.#headSeen !== 2) continue
      if (!this.#isRight()) {
        this.#break(Buffer.concat([this.#begun(), this.#head.subarray(0, 2)]))
        return at
      }
      const length = this.#head[1]! & 0x7f
      this.#headOctets = 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + MASK_OCTETS
    }
    if (this.#headSeen === this.#headOctets) this.#beginFrame()
    return at
  }

  /** What can be told of a frame by its first two octets: RFC 6455 §5.1, §5.2, §5.4, §5.5. */
  #isRight(): boolean {
    const [first, second] = this.#head as unknown as [number, number]
    const opcode = first & 0x0f
    const length = second & 0x7f
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0) return false
    if (opcode === Opcode.CONTINUATION) return this.#opcode !== 0
    if (opcode === Opcode.TEXT || opcode === Opcode.BINARY) return this.#opcode === 0
    if (opcode < Opcode.CLOSE || opcode > Opcode.PONG) return false
    return (first & FIN) !== 0 && length <= CONTROL_OCTETS_MAX && !(opcode === Opcode.CLOSE && length === 1)
  }

  /** A frame that tells `ws` that a message is under way, where one is. */
  #begun(): Buffer {
    if (this.#opcode === 0) return Buffer.alloc(0)
    const frame = Buffer.alloc(2 + MASK_OCTETS)
    frame[0] = this.#opcode
    frame[1] = MASKED
    return frame
  }

  #beginFrame(): void {
    const length = this.#payloadLength()
    this.#payloadLeft = length
    this.#maskAt = 0
    const opcode = this.#head[0]! & 0x0f
    if (opcode >= Opcode.CLOSE) {
      this.#control = allocUnpooled(2 + MASK_OCTETS + length)
      this.#control.set(this.#head.subarray(0, 2 + MASK_OCTETS))
      return
    }
    if (opcode !== Opcode.CONTINUATION) this.#opcode = opcode
    this.#messageOctets += length
    if (this.#isDiscarding || this.#messageOctets <= this.maxOctets) return
    this.#options.onTooLarge()
    this.#break(writeHead(allocUnpooled(HEAD_OCTETS_MAX), this.#opcode, TOO_LONG))
  }

  #payloadLength(): number {
    const head = this.#head
    if (this.#headOctets === 2 + MASK_OCTETS) return head[1]! & 0x7f
    let length = 0
    for (let i = 2; i < this.#headOctets - MASK_OCTETS; i++) length = length * 256 + head[i]!
    return length
  }

  // ---- Payload --------------------------------------------------------------------------------------------------

  #readPayload(octets: Buffer, start: number, end: number): void {
    const part = end - start
    const control = this.#control
    if (control !== null) octets.copy(control, control.length - this.#payloadLeft, start, end)
    else if (!this.#isDiscarding && part > 0) {
      const isLast = (this.#head[0]! & FIN) !== 0 && part === this.#payloadLeft
      if (isLast) this.#emit(octets, start, end)
      else this.#hold(octets, start, end)
    }
    this.#payloadLeft -= part
  }

  /** Unmasks at most as much as `scratch` holds, into it. Returns where it stopped. */
  #unmask(from: Buffer, start: number, end: number): number {
    const length = Math.min(end - start, scratch.length)
    const mask = this.#headOctets - MASK_OCTETS
    for (let i = 0; i < MASK_OCTETS; i++) maskOctets[i] = this.#head[mask + ((this.#maskAt + i) & 3)]!
    const word = maskWord[0]!
    from.copy(scratch, 0, start, start + length)
    for (let i = (length + 3) >> 2; i-- > 0; ) scratchWords[i]! ^= word
    this.#maskAt = (this.#maskAt + length) & 3
    return start + length
  }

  #hold(octets: Buffer, start: number, end: number): void {
    const queue = (this.#queue ??= OctetQueue.obtain())
    for (let at = start; at < end; ) {
      const from = at
      at = this.#unmask(octets, from, end)
      queue.push(scratch, 0, at - from)
    }
    queue.settle()
    this.#tellHeld(queue.capacity)
  }

  /** The last octets of a message came. */
  #emit(octets: Buffer, start: number, end: number): void {
    const length = this.#messageOctets
    const piece = Buffer.allocUnsafe(HEAD_OCTETS_MAX + length)
    let at = HEAD_OCTETS_MAX
    this.#queue?.each((held, from, to) => {
      at += held.copy(piece, at, from, to)
    })
    for (let from = start; from < end; ) {
      const to = this.#unmask(octets, from, end)
      at += scratch.copy(piece, at, 0, to - from)
      from = to
    }
    this.#piece = writeHead(piece, FIN | this.#opcode, length)
  }

  #endFrame(): void {
    this.#headSeen = 0
    this.#headOctets = 2
    if (this.#control !== null) {
      this.#piece = this.#control
      this.#control = null
      this.#isOver = (this.#head[0]! & 0x0f) === Opcode.CLOSE
      if (this.#isOver) this.#dropQueue()
      return
    }
    if ((this.#head[0]! & FIN) === 0) return
    // A last frame without payload has shown nothing to `#readPayload`.
    if (this.#piece === null && !this.#isDiscarding) this.#emit(scratch, 0, 0)
    this.#opcode = 0
    this.#messageOctets = 0
    this.#dropQueue()
  }

  #dropQueue(): void {
    this.#queue?.recycle()
    this.#queue = null
    this.#tellHeld(0)
  }

  #break(octets: Buffer): void {
    this.#isOver = true
    this.#piece = octets
    this.#control = null
    this.#dropQueue()
  }

  #tellHeld(octets: number): void {
    const more = octets - this.#heldOctets
    this.#heldOctets = octets
    if (more !== 0) this.#options.onHeld(more)
  }
}

/** Writes a frame's head, with a mask of zeros, right before octet 14 of `frame`; returns the frame from there on. */
function writeHead(frame: Buffer, first: number, length: number): Buffer {
  frame.writeUInt32BE(0, HEAD_OCTETS_MAX - MASK_OCTETS)
  if (length <= CONTROL_OCTETS_MAX) {
    frame[9] = MASKED | length
    frame[8] = first
    return frame.subarray(8)
  }
  if (length <= 0xffff) {
    frame.writeUInt16BE(length, 8)
    frame[7] = MASKED | 126
    frame[6] = first
    return frame.subarray(6)
  }
  frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
  frame.writeUInt32BE(length % 2 ** 32, 6)
  frame[1] = MASKED | 127
  frame[0] = first
  return frame
}
