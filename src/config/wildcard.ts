/** Listeners of one address beside one of all addresses of its port: nginx's `listen 127.0.0.1:80` beside `listen 80`. */
import { isIP, SocketAddress } from "node:net"
import type { ListenerConfig } from "./model.ts"

type Listening = Pick<ListenerConfig, "name" | "host" | "port" | "unixPath" | "ipv6Only">

/**
 * The listener of all addresses by whose socket the clients of `one` come: the system opens no second one. Null: `one` has
 * a socket of its own.
 */
export function wildcardOf<L extends Listening>(one: Listening, listeners: readonly L[]): L | null {
  const family = one.host === null || isUnspecified(one.host) || !one.port ? 0 : isIP(one.host)
  if (family === 0) return null
  return (
    listeners.find(({ host, port, unixPath, ipv6Only }) => {
      if (port !== one.port || unixPath !== null) return false
      if (family === 4 && host === "0.0.0.0") return true
      return (host === null || host === "::") && (family === 6 || !ipv6Only)
    }) ?? null
  )
}

/** As the system writes the address that a client came to. */
export function localAddressOf(host: string): string {
  return new SocketAddress({ address: host, family: isIP(host) === 6 ? "ipv6" : "ipv4" }).address
}

export function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::"
}
