import { isIP } from "node:net"

/** 1 for the octets that an authority may hold: visible ones, but for those at which some parsers end or divide it. */
const authorityOctet = new Uint8Array(256)
for (let octet = 0x21; octet < 0x7f; octet++) authorityOctet[octet] = 1
for (const character of "#/?@\\") authorityOctet[character.charCodeAt(0)] = 0

/** What another parser could read otherwise in an authority, or what is no host: RFC 3986 §3.2, as nginx. Null: nothing. */
export function authorityProblem(authority: string): string | null {
  const { length } = authority
  if (length === 0) return null
  const isLiteral = authority.charCodeAt(0) === 0x5b
  let previous = 0
  for (let i = 0; i < length; i++) {
    const octet = authority.charCodeAt(i)
    const isBracket = octet === 0x5b ? i > 0 : octet === 0x5d && !isLiteral
    if (authorityOctet[octet] !== 1 || isBracket) return `:authority has octet 0x${octet.toString(16)}`
    if (octet === 0x2e && previous === 0x2e) return ":authority has an empty label"
    previous = octet
  }
  const found = isLiteral ? authority.indexOf("]") + 1 : authority.indexOf(":")
  if (isLiteral && found === 0) return ":authority has no ]"
  const hostEnd = found === -1 ? length : found
  if (hostEnd === 0 || (hostEnd === 1 && authority.charCodeAt(0) === 0x2e)) return ":authority has no host"
  return hostEnd === length || isPort(authority, hostEnd) ? null : ":authority has no port after its host"
}

/** From `start` on: a colon and a number that a port may have, or none. */
function isPort(authority: string, start: number): boolean {
  if (authority.charCodeAt(start) !== 0x3a) return false
  let port = 0
  for (let i = start + 1; i < authority.length && port <= 0xffff; i++) {
    const digit = authority.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port <= 0xffff
}

/** What grpc-go makes of the path of a socket that it is given as a name. */
const SOCKET = /^unix:(?:%[\dA-Fa-f]{2}|[\w.~-])+$/

/**
 * The same of HTTP/2, where gRPC clients say what they were told to call: a list of hosts too, an IPv6 address without
 * brackets, the path of a socket. Routes go by what stands before the first colon, as ever.
 */
export function clientAuthorityProblem(authority: string): string | null {
  const problem = authorityProblem(authority)
  if (problem === null || authority.includes("..")) return problem
  if (isIP(authority) === 6 || SOCKET.test(authority)) return null
  if (!authority.includes(",")) return problem
  const hosts = authority.split(",")
  return hosts.every((host) => host !== "" && authorityProblem(host) === null) ? null : problem
}
