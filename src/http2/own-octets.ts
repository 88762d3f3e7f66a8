/**
 * Room for octets that may be held for long. Node cuts the small buffers of `Buffer.from` and `Buffer.allocUnsafe` from
 * blocks of 64 KiB, and each block lives as long as any one of them: ten octets held could keep 64 KiB.
 */
export function allocUnpooled(octets: number): Buffer {
  return Buffer.allocUnsafeSlow(octets)
}

/** A copy of `source[start, end)` with room of its own. */
export function copyUnpooled(source: Uint8Array, start: number, end: number): Buffer {
  const copy = allocUnpooled(end - start)
  copy.set(source.subarray(start, end))
  return copy
}
