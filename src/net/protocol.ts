/** What a connection speaks. `http0.9`: a request that is one line. `tls`: it begins a handshake. */
export type Protocol = "http2" | "http1" | "http0.9" | "tls"

const PREFACE_START = Buffer.from("PRI ", "latin1")
const VERSION = " HTTP/"
const Octet = { LF: 0x0a, CR: 0x0d, HANDSHAKE: 0x16, SPACE: 0x20, TAB: 0x09, DEL: 0x7f } as const
/** Of a record's version, in every version of TLS. */
const TLS_MAJOR = 3

/**
 * What the first octets of a client, `start..end`, begin. HTTP/1 is a line that means a request, well formed or not, so
 * that it is answered in HTTP/1: one with ` HTTP/` in it, or a method and a path; so is a line of text longer than
 * `lineOctetsMax`, which its parser refuses. All else counts as HTTP/2, preface or not: garbage is answered with GOAWAY.
 * Null: more octets have to come.
 */
export function protocolOf(
  octets: Buffer,
  start: number,
  end: number,
  lineOctetsMax: number,
): Protocol | null {
  const length = end - start
  if (octets[start] === Octet.HANDSHAKE)
    return length < 2 ? null : octets[start + 1] === TLS_MAJOR ? "tls" : "http2"
  const same = Math.min(PREFACE_START.length, length)
  if (octets.compare(PREFACE_START, 0, same, start, start + same) === 0)
    return length < PREFACE_START.length ? null : "http2"
  const from = skipLineEnds(octets, start, end)
  for (let at = from; at < end; at++) {
    if (octets[at] === Octet.LF) return protocolOfLine(octets.toString("latin1", from, at))
    if (!isText(octets[at]!)) return "http2"
  }
  return length > lineOctetsMax ? "http1" : null
}

/** Empty lines before a request are none of it: RFC 9112 §2.2. */
function skipLineEnds(octets: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && (octets[at] === Octet.CR || octets[at] === Octet.LF)) at++
  return at
}

function isText(octet: number): boolean {
  return (octet >= Octet.SPACE && octet !== Octet.DEL) || octet === Octet.TAB || octet === Octet.CR
}

function protocolOfLine(line: string): Protocol {
  if (line.toUpperCase().includes(VERSION)) return "http1"
  return /^\S+ +\//.test(line) ? "http0.9" : "http2"
}

/** Whether a client's first octets, where TLS is expected, are HTTP without it, of whichever version. */
export function isPlainHttp(octets: Buffer): boolean {
  const preface = octets.subarray(0, PREFACE_START.length)
  if (preface.equals(PREFACE_START)) return true
  const protocol = protocolOf(octets, 0, octets.length, octets.length)
  return protocol === null
    ? mayBeRequest(octets, 0, octets.length)
    : protocol === "http1" || protocol === "http0.9"
}

/** Octets that end within a line: whether they may be a request's. */
export function mayBeRequest(octets: Buffer, start: number, end: number): boolean {
  return /^\s*[A-Z]+(?: |$)/.test(octets.toString("latin1", start, Math.min(end, start + 40)))
}
