/** Where clients are passed to: nginx's `pass`. */
import { isIP } from "node:net"
import { type Address, parseAddress } from "./address.ts"
import { localAddressOf } from "./wildcard.ts"

interface Listening {
  readonly host: string | null
  readonly port: number | null
  readonly unixPath: string | null
}

/** An IP address with a port, or a Unix socket; null: it is neither. */
export function readPassAddress(text: string): Address | null {
  const address = parseAddress(text, null)
  if (address === null || address.host === null) return address
  return isIP(address.host) === 0 ? null : { ...address, host: localAddressOf(address.host) }
}

/** The one that clients of `address` are for: one of that address, else one of all addresses of its family and port. */
export function listenerAt<L extends Listening>(address: Address, listeners: Iterable<L>): L | null {
  let wildcard: L | null = null
  for (const listener of listeners) {
    if (address.host === null) {
      if (listener.unixPath === address.unixPath) return listener
      continue
    }
    if (listener.unixPath !== null || listener.port !== address.port) continue
    const { host } = listener
    if (host === null || host === (isIP(address.host) === 6 ? "::" : "0.0.0.0")) wildcard = listener
    else if (isIP(host) !== 0 && localAddressOf(host) === address.host) return listener
  }
  return wildcard
}
