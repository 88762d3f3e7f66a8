import { allocUnpooled } from "./own-octets.ts"

/** As much as one DATA frame takes by default. */
export const SEGMENT_OCTETS = 16_384
/** Segments of their own, kept for reuse: 8 MiB in all. */
const POOLED_MAX = 512
/**
 * glibc gives a freed block back to the system if it is larger than 32 MiB, whatever was allocated since. Smaller ones
 * it may keep: after a flood of 800 MiB in segments of their own, 640 MiB stayed with the process. What of a slab is never
 * touched takes no memory.
 */
const SLAB_SEGMENTS = 33 * 64

/** Smaller rooms double from here on; kept for reuse so many of each size, 1 MiB in all. */
export const SMALLEST_ROOM_OCTETS = 512
const ROOMS_POOLED = 64

/** By size: 512, 1024 … 8192 octets. */
const rooms: Buffer[][] = [[], [], [], [], []]

const roomsOf = (octets: number): Buffer[] => rooms[31 - Math.clz32(octets / SMALLEST_ROOM_OCTETS)]!

/** One block that many segments are cut from. */
interface Slab {
  readonly block: Buffer
  readonly free: Buffer[]
  /** Segments cut so far. */
  cut: number
  inUse: number
  /** None was in use at the last look. */
  wasIdle: boolean
}

const pool: Buffer[] = []
/** Made, in the pool or in use. */
let pooled = 0
/** Oldest first: that the later ones run empty, the first with room is used. */
let slabs: Slab[] = []

/**
 * Room of `octets`: `SMALLEST_ROOM_OCTETS`, doubled any number of times, up to a segment. To be given back by `recycleRoom`.
 * A queue that grows from nothing to a segment goes through all of them: made anew each time they are work for the
 * collector, a third of what an upload costs while its backend is the slower.
 */
export function obtainRoom(octets: number): Buffer {
  return octets === SEGMENT_OCTETS ? obtainSegment() : (roomsOf(octets).pop() ?? allocUnpooled(octets))
}

export function recycleRoom(room: Buffer): void {
  if (room.length === SEGMENT_OCTETS) return recycleSegment(room)
  const pooled = roomsOf(room.length)
  if (pooled.length < ROOMS_POOLED) pooled.push(room)
}

/** Room of `SEGMENT_OCTETS`. To be given back by `recycleSegment`. */
export function obtainSegment(): Buffer {
  const segment = pool.pop()
  if (segment !== undefined) return segment
  if (pooled < POOLED_MAX) {
    pooled++
    return allocUnpooled(SEGMENT_OCTETS)
  }
  return cutSegment()
}

function cutSegment(): Buffer {
  let slab = slabs.find(({ free, cut }) => free.length > 0 || cut < SLAB_SEGMENTS)
  if (slab === undefined) {
    slab = {
      block: allocUnpooled(SLAB_SEGMENTS * SEGMENT_OCTETS),
      free: [],
      cut: 0,
      inUse: 0,
      wasIdle: false,
    }
    slabs.push(slab)
  }
  slab.inUse++
  slab.wasIdle = false
  const segment = slab.free.pop()
  if (segment !== undefined) return segment
  const start = SEGMENT_OCTETS * slab.cut++
  return slab.block.subarray(start, start + SEGMENT_OCTETS)
}

export function recycleSegment(segment: Buffer): void {
  if (segment.buffer.byteLength === SEGMENT_OCTETS) return void pool.push(segment)
  const slab = slabs.find(({ block }) => block.buffer === segment.buffer)!
  slab.free.push(segment)
  slab.inUse--
}

/**
 * Gives a slab back to the system that was not in use at the last call either; with `all` each that is not in use. Call once
 * a second: to give one back takes some milliseconds.
 */
export function releaseIdleSlabs(all: boolean): void {
  let mayRelease = true
  slabs = slabs.filter((slab) => {
    const isIdle = slab.inUse === 0
    const isOver = isIdle && (all || (slab.wasIdle && mayRelease))
    slab.wasIdle = isIdle
    if (!isOver) return true
    mayRelease = false
    // Not when the garbage collector comes to it, which in an idle process it may not for hours.
    ;(slab.block.buffer as ArrayBuffer).transfer(0)
    return false
  })
}
