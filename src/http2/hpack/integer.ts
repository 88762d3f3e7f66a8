/**
 * Integers with an N-bit prefix. Source: RFC 7541 §5.1.
 *
 * Reading hands back two numbers in one: `value * 8 + octets read`. Values stay under 2^28, far above any length or
 * index that the limits let through, so both fit in 31 bits and nothing is allocated.
 */

/** No integer on the wire may reach this. */
export const INTEGER_BOUND = 2 ** 28

/** The octets end inside the integer. */
export const INTEGER_TRUNCATED = -1
/** The value reaches `INTEGER_BOUND`, or more than five octets continue it. */
export const INTEGER_TOO_LARGE = -2

const MAX_CONTINUATION_OCTETS = 5

/**
 * Reads the integer whose prefix stands in `octets[position]`, under `prefixMask` (2^N - 1).
 *
 * @returns `value * 8 + octets read`, or one of the negative constants above.
 */
export function readInteger(octets: Uint8Array, position: number, end: number, prefixMask: number): number {
  if (position >= end) return INTEGER_TRUNCATED
  const prefix = octets[position]! & prefixMask
  if (prefix < prefixMask) return prefix * 8 + 1
  let value = prefixMask
  for (let i = 1; i <= MAX_CONTINUATION_OCTETS; i++) {
    if (position + i >= end) return INTEGER_TRUNCATED
    const octet = octets[position + i]!
    // A product, not a shift: the fifth octet's bits lie beyond 31.
    value += (octet & 0x7f) * 2 ** (7 * (i - 1))
    if (value >= INTEGER_BOUND) return INTEGER_TOO_LARGE
    if (octet < 0x80) return value * 8 + i + 1
  }
  return INTEGER_TOO_LARGE
}

/**
 * Writes `value` with its prefix under `prefixMask`, the bits above it being `pattern`.
 * The target must have room: six octets always do.
 *
 * @returns the position after the integer.
 */
export function writeInteger(
  target: Uint8Array,
  position: number,
  pattern: number,
  prefixMask: number,
  value: number,
): number {
  if (value < prefixMask) {
    target[position] = pattern | value
    return position + 1
  }
  target[position++] = pattern | prefixMask
  let rest = value - prefixMask
  while (rest >= 0x80) {
    target[position++] = 0x80 | (rest & 0x7f)
    rest >>>= 7
  }
  target[position++] = rest
  return position
}
