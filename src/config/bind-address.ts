/** Local addresses that connections are made from: nginx's `grpc_bind` and `proxy_bind`. */
import { isIP } from "node:net"
import { parseAddress } from "./address.ts"

/** Port 0: any. */
export interface LocalAddress {
  readonly address: string
  readonly port: number
}

/** An IP address, with a port or without; null: it is none. */
export function readBindAddress(text: string): LocalAddress | null {
  if (isIP(text) !== 0) return { address: text, port: 0 }
  const { host, port } = parseAddress(text, 0xffff) ?? { host: null, port: null }
  if (host === null || isIP(host) === 0) return null
  return { address: host, port: /\]?:\d+$/.test(text) ? port! : 0 }
}
