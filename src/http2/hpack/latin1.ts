import { Buffer } from "node:buffer"

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string

const slice = (Buffer.prototype as unknown as { latin1Slice: Latin1Slice }).latin1Slice
const from = String.fromCharCode

/**
 * The string of `source[start, end)`, one character per octet.
 *
 * The native call costs some 60 ns whatever the length; up to twelve octets, which is most values that change from
 * call to call, one `fromCharCode` costs a quarter of that (measured on Node 24).
 */
export function latin1(source: Uint8Array, start: number, end: number): string {
  const octets = end - start
  if (octets > 12) return slice.call(source, start, end)
  if (octets > 8) return eight(source, start) + upToEight(source, start + 8, octets - 8)
  return upToEight(source, start, octets)
}

function eight(s: Uint8Array, i: number): string {
  return from(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!)
}

function upToEight(s: Uint8Array, i: number, octets: number): string {
  switch (octets) {
    case 0:
      return ""
    case 1:
      return from(s[i]!)
    case 2:
      return from(s[i]!, s[i + 1]!)
    case 3:
      return from(s[i]!, s[i + 1]!, s[i + 2]!)
    case 4:
      return from(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!)
    case 5:
      return from(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!)
    case 6:
      return from(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!)
    case 7:
      return from(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!)
    default:
      return eight(s, i)
  }
}
