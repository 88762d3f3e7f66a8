const PERCENT = 0x25
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/**
 * A block of `name: value` lines. What a browser's `Headers` does not take is left out, and a `grpc-message` is put so
 * that it can be decoded: how a backend writes its message must not hide its status.
 */
export function readTrailer(data: Uint8Array): Headers {
  const fields = new Headers()
  for (const line of new TextDecoder().decode(data).split("\r\n")) {
    const colon = line.indexOf(":")
    if (colon < 1) continue
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === "grpc-status-details-bin" && !BASE64.test(value)) continue
    try {
      fields.append(name, name === "grpc-message" ? encodeURIComponent(decodeMessage(value)) : value)
    } catch {
      // No name, or a value beyond Latin-1.
    }
  }
  return fields
}

/** Undoes percent-encoding; a `%` that encodes nothing stands for itself, and what is no UTF-8 becomes U+FFFD. */
export function decodeMessage(value: string): string {
  const octets = new TextEncoder().encode(value)
  let length = 0
  for (let i = 0; i < octets.length; i++) {
    const digits = octets[i] === PERCENT ? String.fromCharCode(...octets.subarray(i + 1, i + 3)) : ""
    const isEscape = /^[0-9a-fA-F]{2}$/.test(digits)
    octets[length++] = isEscape ? Number.parseInt(digits, 16) : octets[i]!
    if (isEscape) i += 2
  }
  return new TextDecoder().decode(octets.subarray(0, length))
}
