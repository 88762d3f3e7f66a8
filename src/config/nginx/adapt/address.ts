/** Addresses as nginx writes them, with nginx's words for what is wrong. */
import { isIPv6, SocketAddress } from "node:net"
import { type Address, hostAddress, unixAddress } from "../../address.ts"
import { readNumber } from "../units.ts"

/** sockaddr_un has 108 octets, the last a zero. */
const UNIX_PATH_OCTETS_MAX = 107

/** Ports of one range; more would be a slip. */
const PORT_RANGE_MAX = 1024

export interface Peer {
  address: Address
  /** False when the port is the default. */
  hasPort: boolean
}

/** `host`, `host:port`, `[v6]:port` or `unix:/path`, to connect to. A port of 0 stands for none written and no default. */
export function readPeer(text: string, defaultPort: number): Peer | { error: string } {
  const unix = readUnix(text)
  if (unix !== null) return "error" in unix ? unix : { address: unix, hasPort: true }
  const split = splitPort(text)
  if ("error" in split) return split
  const port = split.port === null ? defaultPort : readPort(split.port)
  if (port === null) return { error: "invalid port" }
  return { address: hostAddress(split.host, port), hasPort: split.port !== null }
}

/** What `listen` opens: a Unix socket, or one port, or a range of them. `*` and a bare port are `0.0.0.0`. */
export function readListen(text: string, defaultPort: string | null = "80"): Address[] | { error: string } {
  const unix = readUnix(text)
  if (unix !== null) return "error" in unix ? unix : [unix]
  const split = /^\d+(-\d+)?$/.test(text) ? { host: "0.0.0.0", port: text } : splitPort(text)
  if ("error" in split) return split
  const written = split.port ?? defaultPort
  if (written === null) return { error: "no port" }
  const [first, last] = written.split(/-(.*)/s)
  const from = readPort(first!)
  const to = last === undefined ? from : readPort(last)
  if (from === null || to === null) return { error: "invalid port" }
  if (from > to) return { error: "invalid port range" }
  if (to - from >= PORT_RANGE_MAX) return { error: `more than ${PORT_RANGE_MAX} ports` }
  const host = split.host === "*" ? "0.0.0.0" : split.host
  return Array.from({ length: to - from + 1 }, (_, index) => hostAddress(host, from + index))
}

function readUnix(text: string): Address | { error: string } | null {
  if (!/^unix:/i.test(text)) return null
  const path = text.slice("unix:".length)
  if (path === "") return { error: "no path in the unix domain socket" }
  if (Buffer.byteLength(path) > UNIX_PATH_OCTETS_MAX)
    return { error: "too long path in the unix domain socket" }
  return unixAddress(path)
}

function splitPort(text: string): { host: string; port: string | null } | { error: string } {
  if (text.startsWith("[")) return splitV6(text)
  if (/[/?]/.test(text)) return { error: "invalid host" }
  const colon = text.indexOf(":")
  const host = colon < 0 ? text : text.slice(0, colon)
  if (host === "") return { error: "no host" }
  return { host, port: colon < 0 ? null : text.slice(colon + 1) }
}

function splitV6(text: string): { host: string; port: string | null } | { error: string } {
  const [, host, rest] = /^\[([^\]]*)\](.*)$/.exec(text) ?? []
  if (host === undefined || (rest !== "" && !rest!.startsWith(":")) || rest!.includes("/"))
    return { error: "invalid host" }
  if (host === "") return { error: "no host" }
  if (!isIPv6(host) || host.includes("%")) return { error: "invalid IPv6 address" }
  const address = new SocketAddress({ address: host, family: "ipv6" }).address
  return { host: address, port: rest === "" ? null : rest!.slice(1) }
}

function readPort(text: string): number | null {
  const port = readNumber(text)
  return port !== null && port >= 1 && port <= 65535 ? port : null
}

/** True for what DNS could know, or an address: nginx would ask for any name, and find none. */
export function isHostName(host: string): boolean {
  return isIPv6(host) || (/^[A-Za-z0-9_]([A-Za-z0-9_.-]*)$/.test(host) && host.length <= 255)
}
