import { binaryAddress } from "./binary-address.ts"

/** Addresses from `first` to `last`, as octets on the wire. */
export interface AddressRange {
  readonly first: string
  readonly last: string
}

/** `10.0.0.0/8`, `10.0.0.1`, `fe80::/10`; null: none of these. */
export function parseNetwork(text: string): AddressRange | null {
  const slash = text.indexOf("/")
  const octets = addressOctets(slash < 0 ? text : text.slice(0, slash))
  if (octets === null) return null
  if (slash < 0) return { first: octets, last: octets }
  const written = text.slice(slash + 1)
  const bits = /^\d{1,3}$/.test(written) ? Number(written) : maskBits(written)
  if (bits === null || bits > octets.length * 8) return null
  return { first: masked(octets, bits, 0), last: masked(octets, bits, 0xff) }
}

/** `10.0.0.1-10.0.0.9`; null: it is none. */
export function parseRange(text: string): AddressRange | null {
  const [from, to, more] = text.split("-")
  if (from === undefined || to === undefined || more !== undefined) return null
  const first = addressOctets(from)
  const last = addressOctets(to)
  if (first === null || last === null || first.length !== last.length || first > last) return null
  return { first, last }
}

/** Of an IP address; IPv4 within IPv6 counts as IPv4. Null: it is none. */
export function addressOctets(text: string): string | null {
  const octets = binaryAddress(text)
  if (octets === text) return null
  return octets.startsWith(MAPPED) && octets.length === 16 ? octets.slice(12) : octets
}

const MAPPED = `${"\0".repeat(10)}\xff\xff`

/** `255.255.0.0`. */
function maskBits(text: string): number | null {
  const octets = text.includes(".") ? addressOctets(text) : null
  if (octets === null) return null
  const bits = Array.from(octets, (each) => each.charCodeAt(0).toString(2).padStart(8, "0")).join("")
  const [, ones] = /^(1*)0*$/.exec(bits) ?? []
  return ones === undefined ? null : ones.length
}

function masked(octets: string, bits: number, rest: number): string {
  return Array.from(octets, (each, index) => {
    const kept = Math.max(0, Math.min(8, bits - index * 8))
    const mask = (0xff00 >> kept) & 0xff
    return String.fromCharCode((each.charCodeAt(0) & mask) | (rest & ~mask & 0xff))
  }).join("")
}

export function isWithin({ first, last }: AddressRange, octets: string): boolean {
  return octets.length === first.length && octets >= first && octets <= last
}
