/**
 * Room for octets that may be held for long. Node cuts the small buffers of `Buffer.from` and `Buffer.allocUnsafe` from
 * blocks of 64 KiB, and each block lives as long as any one of them: ten octets held could keep 64 KiB.
 */
export function ownRoom(octets: number): Buffer {
  return Buffer.allocUnsafeSlow(octets)
}

/** A copy of `source[start, end)` with room of its own. */
export function ownCopy(source: Uint8Array, start: number, end: number): Buffer {
  const copy = ownRoom(end - start)
  copy.set(source.subarray(start, end))
  return copy
}
