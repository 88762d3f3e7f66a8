import { addressOctets } from "./networks.ts"
import type { RealClient } from "./request-state.ts"

/**
 * Who is behind trusted proxies, by a list such as X-Forwarded-For: its last address, or, where `isRecursive`, the last that
 * is not trusted. Source: nginx's ngx_http_get_forwarded_addr.
 *
 * @param isTrusted of an address as octets
 * @returns null: the list names none
 */
export function clientBehind(
  list: string,
  isTrusted: (octets: string) => boolean,
  isRecursive: boolean,
): RealClient | null {
  let found: RealClient | null = null
  for (let end = list.length; end > 0; ) {
    while (end > 0 && isSeparator(list[end - 1]!)) end--
    let start = end
    while (start > 0 && !isSeparator(list[start - 1]!)) start--
    const client = readClient(list.slice(start, end))
    if (client === null) return found
    found = client
    const octets = addressOctets(client.address)
    if (!isRecursive || octets === null || !isTrusted(octets)) return found
    end = start
  }
  return found
}

const isSeparator = (character: string): boolean => character === " " || character === ","

/** `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`. */
export function readClient(text: string): RealClient | null {
  const [, bracketed, bracketedPort] = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? []
  if (bracketed !== undefined) return made(bracketed, bracketedPort)
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(text) ?? []
  return host === undefined ? made(text, undefined) : made(host, port)
}

function made(address: string, port: string | undefined): RealClient | null {
  return Number(port ?? 0) > 65_535 ? null : clientAt(address, Number(port ?? 0))
}

/** Null: it is no address, or one of a zone. */
export function clientAt(address: string, port: number): RealClient | null {
  const octets = address.includes("%") ? null : addressOctets(address)
  return octets === null ? null : { address: oneSpelling(octets, address.includes(":")), port }
}

/** As nginx writes it, however it was spelled: keys of limits are made of it. */
function oneSpelling(octets: string, isIPv6: boolean): string {
  if (octets.length > 4) return ipv6Text(octets)
  const dotted = Array.from(octets, (octet) => octet.charCodeAt(0)).join(".")
  return isIPv6 ? `::ffff:${dotted}` : dotted
}

/** RFC 5952 §4: `::` is the first of the longest runs of two zeros or more. */
function ipv6Text(octets: string): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2)
    groups.push(((octets.charCodeAt(i) << 8) | octets.charCodeAt(i + 1)).toString(16))
  let start = 0
  let length = 1
  for (let i = 0, zeros = 0; i < 8; i++) {
    zeros = groups[i] === "0" ? zeros + 1 : 0
    if (zeros <= length) continue
    length = zeros
    start = i + 1 - zeros
  }
  if (length === 1) return groups.join(":")
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`
}
