/**
 * Header fields that a configuration writes: what HTTP/2 takes of them. A field that it does not take would have the
 * peer reset every stream.
 */
import { authorityProblem } from "../http2/authority.ts"

/** Where a field is written to. */
export type WrittenTo = "request" | "response"

const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
])

/** Why a field of this name, in lower case, is never written, whatever its value; null: it is. */
export function unwritable(name: string, to: WrittenTo): string | null {
  if (OF_CONNECTION.has(name)) return "belongs to HTTP/1.1 and would end every call over HTTP/2"
  if (name === "content-length") return "is what the body says, and another would end the call"
  if (name === "te" && to === "response") return "has no meaning in a response"
  return name.startsWith(":") ? "is no field but a part of the message's head" : null
}

/** The one value that HTTP/2 allows: RFC 9113 §8.2.2. */
export function isWritableTe(value: string): boolean {
  return /^[ \t]*trailers[ \t]*$/i.test(value)
}

export function isAuthority(value: string): boolean {
  return authorityProblem(value) === null
}

/**
 * A value as it may be sent: each NUL, CR and LF is a space (RFC 9110 §5.5), and there is no white space at its ends
 * (RFC 9113 §8.2.1). The same string where nothing had to change.
 */
export function writableValue(value: string): string {
  let isClean = true
  for (let i = 0; i < value.length && isClean; i++) {
    const octet = value.charCodeAt(i)
    isClean = octet !== 0x0a && octet !== 0x0d && octet !== 0
  }
  const spaced = isClean ? value : value.replace(/[\0\r\n]+[ \t]*/g, " ")
  const last = spaced.length - 1
  return last < 0 || !(isBlank(spaced.charCodeAt(0)) || isBlank(spaced.charCodeAt(last)))
    ? spaced
    : trimmed(spaced)
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === 0x09
}

/** Without the white space of HTTP alone at its ends: `trim` would take octets of others, as NBSP. */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

/** What is sent otherwise than a configuration writes it, in words for its reader; null: nothing is. */
export function writtenFieldProblem(
  name: string,
  template: string,
  to: WrittenTo,
): { message: string; hint: string } | null {
  const lower = name.toLowerCase()
  if (template === "") return null
  const why = unwritable(lower, to)
  if (why !== null) return { message: `"${name}" is not sent: it ${why}`, hint: "take it out" }
  const isPlain = !template.includes("$")
  if (lower === "te" && isPlain && !isWritableTe(template))
    return { message: `"${name}" is not sent: HTTP/2 allows only trailers`, hint: "take it out" }
  const value = writableValue(template)
  if (lower === "host" && to === "request" && isPlain && !isAuthority(value))
    return { message: `"${value}" is no host: the client's is sent`, hint: "a host, and perhaps a port" }
  if (value === template) return null
  const what = /[\0\r\n]/.test(template)
    ? "holds a line break or a zero octet, which is sent as a space"
    : "begins or ends in white space, which is not sent"
  return { message: `the value of "${name}" ${what}`, hint: "HTTP/2 has no such values" }
}
