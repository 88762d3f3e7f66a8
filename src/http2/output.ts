import { copyOctets } from "./copy-octets.ts"
import { DEFAULT_MAX_FRAME_OCTETS, Flag, FRAME_HEAD_OCTETS, FrameType } from "./frame/types.ts"

const SMALL_CHUNK = 4096
const LARGE_CHUNK = 131_072
/** Chunks kept for reuse, a small one for each of many connections that write in the same turn. At most 2 MiB and 8 MiB. */
const POOLED_SMALL = 512
const POOLED_LARGE = 64
/** Frames are joined up to the size that every peer takes: RFC 9113 §6.5.2. */
const JOINED_OCTETS_MAX = DEFAULT_MAX_FRAME_OCTETS
/**
 * So much is worth a write of its own, without waiting for the turn's end: it keeps large payloads from queueing. Another frame
 * of DATA would not fit the chunk, and to write two takes a message of 16 kB a sixth longer.
 */
const MUCH_OCTETS = LARGE_CHUNK - JOINED_OCTETS_MAX - FRAME_HEAD_OCTETS

const smallPool: Buffer[] = []
const largePool: Buffer[] = []

/** Hands a chunk back once its octets have left the process. */
export function recycleChunk(chunk: Buffer): void {
  if (chunk.length === SMALL_CHUNK) {
    if (smallPool.length < POOLED_SMALL) smallPool.push(chunk)
  } else if (chunk.length === LARGE_CHUNK && largePool.length < POOLED_LARGE) largePool.push(chunk)
}

/** A pooled chunk and how much of it is filled. */
export interface OutputChunk {
  readonly buffer: Buffer
  readonly length: number
}

/** Is told when there is output to write. */
export interface OutputHost {
  /** Something is there to take, and nothing was before. */
  onOutput(): void
  /** What is there has become much. */
  onMuchOutput(): void
}

/**
 * The frames a connection wants to send, as octets in pooled chunks. An idle connection holds none.
 *
 * One writer, one reader: the connection appends frames, the socket's owner takes everything at once, one write per
 * turn of the event loop. `sent` tells it what the kernel has accepted, so `unsentOctets` counts both what waits here
 * and what the socket holds.
 */
export class Output {
  unsentOctets = 0
  /** Frames other than DATA that the kernel has not accepted yet. */
  controlFrames = 0
  #chunk: Buffer | null = null
  #at = 0
  /** Null while there is none, as nearly always. */
  #full: OutputChunk[] | null = null
  #lastTaken = 0
  #controlFramesTaken = 0
  #waiting = 0
  /** The last frame of DATA in the open chunk, where more of its stream may join it; `dataEnd` -1: none may. */
  #dataStream = 0
  #dataAt = 0
  #dataEnd = -1
  readonly #host: OutputHost

  constructor(host: OutputHost) {
    this.#host = host
  }

  get isEmpty(): boolean {
    return this.#waiting === 0
  }

  /** Octets that have not been taken yet. */
  get waitingOctets(): number {
    return this.#waiting
  }

  /** Everything appended since the last call; the chunks are the caller's until it recycles them. */
  take(): OutputChunk[] {
    const chunks = this.#full ?? []
    if (this.#chunk !== null) {
      if (this.#at > 0) chunks.push({ buffer: this.#chunk, length: this.#at })
      else recycleChunk(this.#chunk)
    }
    this.#chunk = null
    this.#at = 0
    this.#dataEnd = -1
    this.#full = null
    this.#lastTaken = this.#waiting
    this.#waiting = 0
    this.#controlFramesTaken = this.controlFrames
    return chunks
  }

  /** `octets` have been accepted by the kernel. */
  sent(octets: number): void {
    this.unsentOctets -= octets
    if (this.unsentOctets !== this.#waiting) return
    this.controlFrames -= this.#controlFramesTaken
    this.#controlFramesTaken = 0
  }

  /** DATA that follows DATA of its stream joins it in one frame: a peer has less to read. */
  data(streamId: number, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const mayJoin = this.#dataEnd === this.#at && this.#dataStream === streamId
    if (!mayJoin || !this.#join(octets, start, end, endStream))
      this.#newData(streamId, octets, start, end, endStream)
    if (this.#waiting >= MUCH_OCTETS) this.#host.onMuchOutput()
  }

  #newData(streamId: number, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const flags = endStream ? Flag.END_STREAM : 0
    const at = this.#frame(FrameType.DATA, flags, streamId, octets, start, end)
    if (at < 0) return
    this.#dataStream = streamId
    this.#dataAt = at
    this.#dataEnd = endStream ? -1 : this.#at
  }

  /** Appends a frame. Where it begins in the open chunk; -1: no chunk has room for it as a whole. */
  #frame(type: number, flags: number, streamId: number, octets: Buffer, start: number, end: number): number {
    const length = end - start
    const at = this.#reserve(FRAME_HEAD_OCTETS + length)
    if (at >= 0) {
      this.#writeHead(this.#chunk!, at, length, type, flags, streamId)
      copyOctets(octets, start, end, this.#chunk!, at + FRAME_HEAD_OCTETS)
    } else {
      this.#head(length, type, flags, streamId)
      this.#append(octets, start, end)
    }
    return at
  }

  /** Makes the last frame longer. False: it would be too long, or end in another chunk. */
  #join(octets: Buffer, start: number, end: number, endStream: boolean): boolean {
    const length = this.#dataEnd - this.#dataAt - FRAME_HEAD_OCTETS + end - start
    if (length > JOINED_OCTETS_MAX) return false
    if (this.#at + end - start > this.#chunk!.length) {
      if (this.#chunk!.length !== SMALL_CHUNK) return false
      this.#newChunk()
    }
    const chunk = this.#chunk!
    const flags = endStream ? Flag.END_STREAM : 0
    this.#writeHead(chunk, this.#dataAt, length, FrameType.DATA, flags, this.#dataStream)
    copyOctets(octets, start, end, chunk, this.#at)
    this.#at += end - start
    this.#dataEnd = endStream ? -1 : this.#at
    this.#count(end - start)
    return true
  }

  /** A frame of any other type. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.controlFrames++
    this.#frame(type, flags, streamId, payload, 0, payload.length)
  }

  /** A frame whose payload is one 32-bit number: RST_STREAM, WINDOW_UPDATE. */
  uint32Frame(type: number, streamId: number, value: number): void {
    this.controlFrames++
    this.#head(4, type, 0, streamId)
    const at = this.#reserve(4)
    const chunk = this.#chunk!
    chunk[at] = value >>> 24
    chunk[at + 1] = value >>> 16
    chunk[at + 2] = value >>> 8
    chunk[at + 3] = value
  }

  /** A header block as HEADERS and as many CONTINUATION frames as `maxFrameOctets` asks for. */
  headers(streamId: number, block: Buffer, endStream: boolean, maxFrameOctets: number): void {
    this.controlFrames++
    let end = Math.min(block.length, maxFrameOctets)
    const flags = (endStream ? Flag.END_STREAM : 0) | (end === block.length ? Flag.END_HEADERS : 0)
    this.#frame(FrameType.HEADERS, flags, streamId, block, 0, end)
    while (end < block.length) {
      const start = end
      end = Math.min(block.length, start + maxFrameOctets)
      const last = end === block.length ? Flag.END_HEADERS : 0
      this.#frame(FrameType.CONTINUATION, last, streamId, block, start, end)
    }
  }

  /** Octets as they are: the client preface, and what HTTP/1.1 has as octets. Its heads are `text`. */
  raw(octets: Buffer, start = 0, end = octets.length): void {
    this.#append(octets, start, end)
    if (this.#waiting >= MUCH_OCTETS) this.#host.onMuchOutput()
  }

  /** Text of one octet per character. */
  text(text: string): void {
    const at = this.#reserve(text.length)
    if (at >= 0) this.#chunk!.write(text, at, text.length, "latin1")
    else this.raw(Buffer.from(text, "latin1"))
  }

  #head(length: number, type: number, flags: number, streamId: number): void {
    const at = this.#reserve(FRAME_HEAD_OCTETS)
    this.#writeHead(this.#chunk!, at, length, type, flags, streamId)
  }

  #writeHead(chunk: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
    chunk[at] = length >>> 16
    chunk[at + 1] = length >>> 8
    chunk[at + 2] = length
    chunk[at + 3] = type
    chunk[at + 4] = flags
    chunk[at + 5] = id >>> 24
    chunk[at + 6] = id >>> 16
    chunk[at + 7] = id >>> 8
    chunk[at + 8] = id
  }

  #append(octets: Buffer, start: number, end: number): void {
    while (start < end) {
      if (this.#chunk === null || this.#at === this.#chunk.length) this.#newChunk()
      const chunk = this.#chunk!
      const part = Math.min(end - start, chunk.length - this.#at)
      copyOctets(octets, start, start + part, chunk, this.#at)
      this.#at += part
      start += part
      this.#count(part)
    }
  }

  /** Room for `octets` in a row in the open chunk, or -1 when they would not fit in any. */
  #reserve(octets: number): number {
    if (this.#chunk === null || this.#at + octets > this.#chunk.length) {
      if (octets > SMALL_CHUNK) return -1
      this.#newChunk()
    }
    const at = this.#at
    this.#at += octets
    this.#count(octets)
    return at
  }

  #count(octets: number): void {
    this.unsentOctets += octets
    const first = this.#waiting === 0
    this.#waiting += octets
    if (first) this.#host.onOutput()
  }

  #newChunk(): void {
    const open = this.#chunk
    if (open === null && this.#lastTaken <= SMALL_CHUNK) {
      this.#chunk = smallPool.pop() ?? Buffer.allocUnsafeSlow(SMALL_CHUNK)
      return
    }
    this.#chunk = largePool.pop() ?? Buffer.allocUnsafeSlow(LARGE_CHUNK)
    if (open === null) return
    if (open.length === SMALL_CHUNK) {
      // Copying 4 KiB is cheaper than a second buffer in the write.
      open.copy(this.#chunk, 0, 0, this.#at)
      recycleChunk(open)
      return
    }
    this.#full ??= []
    this.#full.push({ buffer: open, length: this.#at })
    this.#at = 0
    this.#dataEnd = -1
  }
}

/** The output of those who send nothing by it. */
export const NO_OUTPUT = new Output({ onOutput: () => {}, onMuchOutput: () => {} })
