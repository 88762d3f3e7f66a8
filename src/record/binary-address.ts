/**
 * An address as the 4 or 16 octets it is on the wire, one per character: nginx's `$binary_remote_addr`.
 * Anything that is not an IP address (a Unix socket's peer) is given back as it is.
 */
export function binaryAddress(address: string): string {
  if (!address.includes(":")) return ipv4Octets(address) ?? address
  const zone = address.indexOf("%")
  return ipv6Octets(zone < 0 ? address : address.slice(0, zone)) ?? address
}

function ipv4Octets(text: string): string | null {
  const parts = text.split(".")
  if (parts.length !== 4) return null
  let octets = ""
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null
    octets += String.fromCharCode(Number(part))
  }
  return octets
}

/** RFC 4291 §2.2: groups of 16 bits, one `::` for the zeros left out, the last two groups perhaps as IPv4. */
function ipv6Octets(text: string): string | null {
  const halves = text.split("::")
  if (halves.length > 2) return null
  // IPv4 stands at the end alone.
  if (halves.length === 2 && halves[0]!.includes(".")) return null
  const head = groupOctets(halves[0]!)
  const tail = halves.length === 2 ? groupOctets(halves[1]!) : ""
  if (head === null || tail === null) return null
  const zeros = 16 - head.length - tail.length
  if (halves.length === 2 ? zeros < 2 : zeros !== 0) return null
  return head + "\0".repeat(zeros) + tail
}

function groupOctets(text: string): string | null {
  if (text === "") return ""
  let octets = ""
  const groups = text.split(":")
  for (const [index, group] of groups.entries()) {
    if (group.includes(".") && index === groups.length - 1) {
      const ipv4 = ipv4Octets(group)
      if (ipv4 === null) return null
      octets += ipv4
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16)
      octets += String.fromCharCode(value >> 8, value & 255)
    } else return null
  }
  return octets
}
