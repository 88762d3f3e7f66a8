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
  return octets === null ? null : { address: oneSpelling(address, octets), port }
}

/** As nginx writes it, however it was spelled: keys of limits are made of it. */
function oneSpelling(address: string, octets: string): string {
  if (octets.length > 4) return new URL(`http://[${address}]`).hostname.slice(1, -1)
  const dotted = Array.from(octets, (octet) => octet.charCodeAt(0)).join(".")
  return address.includes(":") ? `::ffff:${dotted}` : dotted
}
