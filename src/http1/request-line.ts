const SPACE = 0x20
const DEL = 0x7f

export interface RequestLine {
  readonly method: string
  /** As it stands: RFC 9112 §3.2. Octets that are visible characters of ASCII. */
  readonly target: string
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minorVersion: 0 | 1
}

/** A line that is none, and what HTTP has for it: 505 where the version alone is wrong, else 400. */
export interface RequestLineFault {
  readonly status: 400 | 505
  readonly reason: string
  /** As far as they can be read, for the log alone. */
  readonly method: string
  readonly target: string
}

/** Those that Node's parser knows. It refuses others too. */
const METHOD_NAMES: ReadonlySet<string> = new Set([
  ..."ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL".split(
    " ",
  ),
  ..."MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE".split(
    " ",
  ),
  ..."SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split(" "),
])
/** Of a method or a target that a log line repeats. */
const SHOWN_OCTETS = 8192

/**
 * Reads a line without its end. Spaces between its parts may be several, as nginx has it; none stand around it.
 *
 * Source: RFC 9112 §2.3, §3.
 */
export function readRequestLine(line: string): RequestLine | RequestLineFault {
  const methodEnd = visibleUntil(line, 0)
  const targetStart = spacesUntil(line, methodEnd)
  const targetEnd = visibleUntil(line, targetStart)
  const versionStart = spacesUntil(line, targetEnd)
  const method = line.slice(0, methodEnd)
  const target = line.slice(targetStart, targetEnd)
  const version = line.slice(versionStart)
  if (METHOD_NAMES.has(method) && target !== "") {
    if (version === "HTTP/1.1") return { method, target, minorVersion: 1 }
    if (version === "HTTP/1.0") return { method, target, minorVersion: 0 }
  }
  if (method === "") return { status: 400, reason: "it has no method", method, target: "" }
  const seen = { method: method.slice(0, SHOWN_OCTETS), target: target.slice(0, SHOWN_OCTETS) }
  if (!METHOD_NAMES.has(method)) return { status: 400, reason: "its method is not known", ...seen }
  if (target === "") return { status: 400, reason: "it has no target", ...seen }
  if (targetEnd === line.length && target.startsWith("/"))
    return { status: 505, reason: "HTTP/0.9 is not served", ...seen }
  if (versionStart === targetEnd)
    return { status: 400, reason: "its target has an octet that stands for no character", ...seen }
  const isOther = /^HTTP\/(?!1\.)\d+\.\d+$/.test(version)
  if (isOther) return { status: 505, reason: `${version} is not served in this form`, ...seen }
  return { status: 400, reason: "it does not end by a version of HTTP/1", ...seen }
}

/** What is wrong with a line; null: nothing. */
export function requestLineProblem(line: string): string | null {
  const read = readRequestLine(line)
  return "reason" in read ? read.reason : null
}

function visibleUntil(line: string, start: number): number {
  let at = start
  while (at < line.length) {
    const octet = line.charCodeAt(at)
    if (octet <= SPACE || octet >= DEL) break
    at++
  }
  return at
}

function spacesUntil(line: string, start: number): number {
  let at = start
  while (at < line.length && line.charCodeAt(at) === SPACE) at++
  return at
}
