import { HeaderList } from "./header-list.ts"

/** Fields of HTTP/1.1 connections, which have no place in HTTP/2: RFC 9113 §8.2.2. */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
])

const isBlank = (octet: number): boolean => octet === 0x20 || octet === 0x09

/** `value` without spaces and tabs at its ends. */
function trimBlanks(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  return start === 0 && end === value.length ? value : value.slice(start, end)
}

/** A message is percent-encoded, as its backend should have done (gRPC, doc/PROTOCOL-HTTP2.md); else a space: RFC 9110 §5.5. */
function withoutLineEnds(name: string, value: string): string {
  if (name !== "grpc-message") return value.replace(/[\0\r\n]/g, " ")
  return value.replace(
    /[\0\r\n]/g,
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}

/**
 * `list` without what a recipient may mend: blanks at the ends of values, and where a backend said it, CR, LF and NUL in
 * them and fields of the connection. Its answer is worth more than its manners. A request's are not mended, nor are its
 * pseudo-headers, for what is routed by must be read in one way only. The very same list where there is nothing to mend.
 *
 * Source: RFC 9113 §8.2.1 lets an intermediary refuse all of this; nginx passes blanks on.
 */
export function tidyFields(list: HeaderList, isResponse: boolean): HeaderList {
  const { fields, neverIndexed } = list
  const tidy: string[] = []
  const never = new Set<number>()
  let isTidy = true
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (isResponse && (CONNECTION_FIELDS.has(name) || name === "te")) {
      isTidy = false
      continue
    }
    const isLeft = name.charCodeAt(0) === 0x3a && !isResponse
    const mended = isLeft ? value : trimBlanks(isResponse ? withoutLineEnds(name, value) : value)
    if (mended !== value) isTidy = false
    if (neverIndexed?.has(i / 2)) never.add(tidy.length / 2)
    tidy.push(name, mended)
  }
  return isTidy ? list : new HeaderList(tidy, never.size > 0 ? never : null)
}

/** `list` without the fields of one name. */
export function withoutField(list: HeaderList, name: string): HeaderList {
  const kept: string[] = []
  const never = new Set<number>()
  for (let i = 0; i < list.fields.length; i += 2) {
    if (list.fields[i] === name) continue
    if (list.neverIndexed?.has(i / 2)) never.add(kept.length / 2)
    kept.push(list.fields[i]!, list.fields[i + 1]!)
  }
  return new HeaderList(kept, never.size > 0 ? never : null)
}
