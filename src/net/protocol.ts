/** What a connection speaks. */
export type Protocol = "http2" | "http1"

const PREFACE_START = Buffer.from("PRI ", "latin1")
const SPACE = 0x20

/** 1 for the octets of a token: RFC 9110 §5.6.2. */
const tokenOctet = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  tokenOctet[character.charCodeAt(0)] = 1

/**
 * What the first octets of a client, `start..end`, begin: HTTP/1 only with a whole request line
 * (`METHOD SP target SP HTTP/1.x CRLF`), or one longer than `lineOctetsMax`, which its parser refuses. All else counts
 * as HTTP/2, preface or not, so that garbage is answered with GOAWAY. Null: more octets have to come.
 */
export function protocolOf(
  octets: Buffer,
  start: number,
  end: number,
  lineOctetsMax: number,
): Protocol | null {
  const length = Math.min(PREFACE_START.length, end - start)
  if (octets.compare(PREFACE_START, 0, length, start, start + length) === 0)
    return length === PREFACE_START.length ? "http2" : null
  const isWhole = readRequestLine(octets, start, end)
  if (isWhole === false) return "http2"
  return isWhole || end - start > lineOctetsMax ? "http1" : null
}

/** True when a request line stands there, false when none can, null when it may still become one. */
function readRequestLine(octets: Buffer, start: number, end: number): boolean | null {
  let at = start
  while (at < end && tokenOctet[octets[at]!] === 1) at++
  if (at === end) return null
  if (at === start || octets[at++] !== SPACE) return false
  const target = at
  while (at < end && octets[at]! > SPACE && octets[at] !== 0x7f) at++
  if (at === end) return null
  if (at === target || octets[at++] !== SPACE) return false
  const version = octets.toString("latin1", at, Math.min(end, at + 10))
  if (/^HTTP\/1\.[01]\r\n$/.test(version)) return true
  return ["HTTP/1.0\r\n", "HTTP/1.1\r\n"].some((whole) => whole.startsWith(version)) ? null : false
}
