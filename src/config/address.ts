import { isIP } from "node:net"

/** Where to listen or to connect: a host with a port, or a Unix socket. */
export interface Address {
  /** As people read it: `127.0.0.1:3000`, `[::1]:3000`, `backend.local:3000`, `unix:/run/chat.sock`. */
  text: string
  /** Without brackets. Null for a Unix socket. */
  host: string | null
  port: number | null
  unixPath: string | null
}

/** `host`, `host:port`, `[v6]:port` or `unix:/path` as an address, or null when it is none of them. */
export function parseAddress(text: string, defaultPort: number | null): Address | null {
  if (text.startsWith("unix:")) return text.length > 5 ? unixAddress(text.slice(5)) : null
  const parts = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text)
  if (parts === null) return null
  const port = parts[3] === undefined ? defaultPort : Number(parts[3])
  if (port === null || port < 1 || port > 65535) return null
  return hostAddress((parts[1] ?? parts[2])!, port)
}

export function hostAddress(host: string, port: number): Address {
  return { text: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, host, port, unixPath: null }
}

export function unixAddress(path: string): Address {
  return { text: `unix:${path}`, host: null, port: null, unixPath: path }
}

/** `1.2.3.4`, `1.2.3.4:53`, `::1` or `[::1]:53`: what node:dns takes. */
export function isNameServer(text: string): boolean {
  if (isIP(text) !== 0) return true
  const address = parseAddress(text, 53)
  return address?.host != null && isIP(address.host) !== 0
}

/** `http://host:port` or `https://host:port`. */
export function isApiUrl(text: string): boolean {
  if (!/^https?:\/\/[^/?#]+\/?$/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === "" && password === ""
}
