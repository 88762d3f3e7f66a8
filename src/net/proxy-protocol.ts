import { isIPv4, isIPv6 } from "node:net"
import { binaryAddress } from "../record/binary-address.ts"
import type { ProxiedConnection } from "../record/record.ts"

/** A header that was read; `octets` is its length. `proxied` is null for LOCAL and UNKNOWN: the proxy speaks for itself. */
export interface ProxyHeader {
  readonly octets: number
  readonly proxied: ProxiedConnection | null
}

const V1_OCTETS_MAX = 107
/** Addresses and TLVs of version 2. Real ones are some hundred octets. */
const V2_OCTETS_MAX = 4096
const V1_START = Buffer.from("PROXY ", "latin1")
const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
const V2_HEAD_OCTETS = 16
/** The transport of a connection. Of datagrams nothing is taken over, as in nginx. */
const STREAM = 1

/**
 * Reads a PROXY protocol header, version 1 or 2, at the start of `octets`. Null: more has to come. `false`: it is none.
 * Source: haproxy.org, doc/proxy-protocol.txt.
 */
export function readProxyHeader(octets: Buffer): ProxyHeader | null | false {
  if (startsAs(octets, V2_SIGNATURE)) return octets.length < V2_HEAD_OCTETS ? null : readVersion2(octets)
  if (startsAs(octets, V1_START)) return readVersion1(octets)
  return false
}

/** True when `octets` begin as `start` does, as far as they go. */
function startsAs(octets: Buffer, start: Buffer): boolean {
  const length = Math.min(octets.length, start.length)
  return octets.compare(start, 0, length, 0, length) === 0
}

function readVersion1(octets: Buffer): ProxyHeader | null | false {
  const end = octets.subarray(0, V1_OCTETS_MAX).indexOf("\r\n")
  if (end < 0) return octets.length < V1_OCTETS_MAX ? null : false
  const [, family, sourceAddress, destinationAddress, sourcePort, destinationPort, ...more] = octets
    .toString("latin1", 0, end)
    .split(" ")
  if (family === "UNKNOWN") return { octets: end + 2, proxied: null }
  if (family !== "TCP4" && family !== "TCP6") return false
  const source = readPort(sourcePort)
  const destination = readPort(destinationPort)
  const isAddress = family === "TCP4" ? isIPv4 : isIPv6WithoutZone
  if (sourceAddress === undefined || destinationAddress === undefined || source < 0 || destination < 0)
    return false
  if (more.length > 0) return false
  if (!isAddress(sourceAddress) || !isAddress(destinationAddress)) return false
  const proxied = { sourceAddress, sourcePort: source, destinationAddress, destinationPort: destination }
  return { octets: end + 2, proxied }
}

/** A zone is of the machine that says it. */
function isIPv6WithoutZone(text: string): boolean {
  return isIPv6(text) && !text.includes("%")
}

function readPort(text: string | undefined): number {
  if (text === undefined || text.length === 0 || text.length > 5) return -1
  for (const digit of text) if (digit < "0" || digit > "9") return -1
  const port = Number(text)
  return port <= 65_535 ? port : -1
}

function readVersion2(octets: Buffer): ProxyHeader | null | false {
  const version = octets[12]! >> 4
  const command = octets[12]! & 0xf
  const length = octets.readUInt16BE(14)
  if (version !== 2 || command > 1 || length > V2_OCTETS_MAX) return false
  const end = V2_HEAD_OCTETS + length
  if (octets.length < end) return null
  const isProxied = command === 1
  const family = octets[13]! >> 4
  const addressOctets = family === 1 ? 4 : family === 2 ? 16 : 0
  const isStream = (octets[13]! & 0xf) === STREAM
  if (!isProxied || !isStream || addressOctets === 0) return { octets: end, proxied: null }
  if (length < addressOctets * 2 + 4) return false
  const portsAt = V2_HEAD_OCTETS + addressOctets * 2
  const proxied = {
    sourceAddress: addressText(octets, V2_HEAD_OCTETS, addressOctets),
    sourcePort: octets.readUInt16BE(portsAt),
    destinationAddress: addressText(octets, V2_HEAD_OCTETS + addressOctets, addressOctets),
    destinationPort: octets.readUInt16BE(portsAt + 2),
  }
  return { octets: end, proxied }
}

function addressText(octets: Buffer, at: number, length: number): string {
  if (length === 4) return octets.subarray(at, at + 4).join(".")
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(at + 2 * i).toString(16))
  // The shortest spelling is the URL parser's: RFC 5952.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)
}

/** Both ends of a client's connection, as an endpoint is to be told them. */
export interface ProxyEnds {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
}

/** A header of version 1; `UNKNOWN` where an end is no IP address, as of Unix sockets. */
export function proxyHeaderV1({ source, sourcePort, destination, destinationPort }: ProxyEnds): Buffer {
  if (!isIPv4(source) && !isIPv6(source)) return Buffer.from("PROXY UNKNOWN\r\n", "latin1")
  const family = isIPv4(source) ? "TCP4" : "TCP6"
  return Buffer.from(
    `PROXY ${family} ${source} ${destination} ${sourcePort} ${destinationPort}\r\n`,
    "latin1",
  )
}

const AF_INET = 0x11
const AF_INET6 = 0x21

/** A header of version 2, without TLVs; `LOCAL` where an end is no IP address. */
export function proxyHeaderV2({ source, sourcePort, destination, destinationPort }: ProxyEnds): Buffer {
  const from = addressOctets(source)
  const to = addressOctets(destination)
  if (from === null || to === null) return Buffer.concat([V2_SIGNATURE, Buffer.from([0x20, 0, 0, 0])])
  const length = Math.max(from.length, to.length)
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(sourcePort, 0)
  ports.writeUInt16BE(destinationPort, 2)
  const head = Buffer.from([0x21, length === 4 ? AF_INET : AF_INET6, 0, 2 * length + 4])
  return Buffer.concat([V2_SIGNATURE, head, widened(from, length), widened(to, length), ports])
}

/** An IPv4 address among IPv6 ones is mapped: RFC 4291 §2.5.5.2. */
function widened(octets: Buffer, length: number): Buffer {
  return octets.length === length
    ? octets
    : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), octets])
}

function addressOctets(text: string): Buffer | null {
  return isIPv4(text) || isIPv6(text) ? Buffer.from(binaryAddress(text), "latin1") : null
}
