import { clientAuthorityProblem } from "./authority.ts"
import { readDigits } from "./digits.ts"
import type { HeaderList, RequestHead, ResponseHead } from "./header-list.ts"
import { CONNECTION_FIELDS, tidyFields, withoutField } from "./tidy-fields.ts"

export type { RequestHead, ResponseHead } from "./header-list.ts"

/** A malformed message: RFC 9113 §8.1.1. The text says what is wrong with it. */
export type Malformed = string

/** 1 for the octets a lower-case field name may hold: RFC 9110 §5.6.2 without upper case (RFC 9113 §8.2.1). */
const nameOctet = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  nameOctet[character.charCodeAt(0)] = 1

function nameProblem(name: string): Malformed | null {
  if (name.length === 0) return "a field name is empty"
  for (let i = 0; i < name.length; i++)
    if (nameOctet[name.charCodeAt(i)] !== 1)
      return `a field name has octet 0x${name.charCodeAt(i).toString(16)}`
  return null
}

/** RFC 9113 §8.2.1: no NUL, CR or LF, no white space at either end. Other control characters are let by, as it asks. */
function valueProblem(name: string, value: string): Malformed | null {
  const { length } = value
  if (length === 0) return null
  const first = value.charCodeAt(0)
  const last = value.charCodeAt(length - 1)
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09)
    return `the value of ${name} has white space at its edge`
  for (let i = 0; i < length; i++) {
    const octet = value.charCodeAt(i)
    if (octet === 0x0a || octet === 0x0d || octet === 0)
      return `the value of ${name} has octet 0x${octet.toString(16)}`
  }
  return null
}

function connectionProblem(name: string, value: string): Malformed | null {
  if (CONNECTION_FIELDS.has(name)) return `${name} belongs to HTTP/1.1`
  if (name === "te" && value !== "trailers")
    return `te is ${JSON.stringify(value.slice(0, 40))}, not trailers`
  return null
}

/** Whether the last list checked had an `expect`. Checking is synchronous: one for all. */
let hasExpect = false

/** Checks the regular fields from number `from` on and returns the content-length, -1 for none, or the problem. */
function checkFields(fields: readonly string[], from: number): number | Malformed {
  let contentLength = -1
  hasExpect = false
  for (let i = from; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (name.charCodeAt(0) === 0x3a) return `${name} stands after a regular field or is not known`
    const problem = nameProblem(name) ?? valueProblem(name, value) ?? connectionProblem(name, value)
    if (problem !== null) return problem
    if (name === "content-length") {
      const octets = readDigits(value)
      if (octets < 0 || (contentLength >= 0 && contentLength !== octets))
        return "content-length is not one number"
      contentLength = octets
    } else if (name === "expect") hasExpect = true
  }
  return contentLength
}

function countOf(fields: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) count++
  return count
}

/** RFC 9113 §8.3.1, RFC 3986 §3.3: an absolute path, or `*` for OPTIONS; nothing that another parser reads otherwise. */
function pathProblem(path: string, method: string): Malformed | null {
  if (path.charCodeAt(0) !== 0x2f && !(path === "*" && method === "OPTIONS"))
    return ":path does not start with /"
  for (let i = 0; i < path.length; i++) {
    const octet = path.charCodeAt(i)
    if (octet <= 0x20 || octet === 0x7f || octet === 0x23) return `:path has octet 0x${octet.toString(16)}`
  }
  return null
}

/** RFC 3986 §3.1. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/

function methodProblem(method: string): Malformed | null {
  if (method.length === 0) return ":method is empty"
  for (let i = 0; i < method.length; i++) {
    const octet = method.charCodeAt(i)
    const isUpper = octet >= 0x41 && octet <= 0x5a
    if (!isUpper && nameOctet[octet] !== 1) return `:method has octet 0x${octet.toString(16)}`
  }
  return null
}

/**
 * Reads a request's header block: RFC 9113 §8.3.1. A string says why it is malformed. The list of the head is the one to
 * go by and to send on: values are without blanks at their ends, and `expect` is left out, as nginx does, for the
 * expectation is met here (RFC 9110 §10.1.1).
 *
 * @param hostProblem what is wrong with an authority or a host
 */
export function readRequestHead(
  list: HeaderList,
  hostProblem: (authority: string) => Malformed | null = clientAuthorityProblem,
): RequestHead | Malformed {
  const head = readRequest(list, hostProblem)
  if (typeof head !== "string") return head
  const tidy = tidyFields(list, false)
  return tidy === list ? head : readRequest(tidy, hostProblem)
}

function readRequest(
  list: HeaderList,
  hostProblem: (authority: string) => Malformed | null,
): RequestHead | Malformed {
  const { fields } = list
  let method: string | undefined
  let scheme: string | undefined
  let path: string | undefined
  let authority: string | undefined
  let at = 0
  for (; at < fields.length && fields[at]!.charCodeAt(0) === 0x3a; at += 2) {
    const name = fields[at]!
    const value = fields[at + 1]!
    const problem = valueProblem(name, value)
    if (problem !== null) return problem
    if (name === ":method" && method === undefined) method = value
    else if (name === ":scheme" && scheme === undefined) scheme = value
    else if (name === ":path" && path === undefined) path = value
    else if (name === ":authority" && authority === undefined) authority = value
    else return `${name} is repeated or not known`
  }
  const contentLength = checkFields(fields, at)
  if (typeof contentLength === "string") return contentLength
  if (method === undefined) return ":method is missing"
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined || authority === undefined)
      return "CONNECT takes :authority alone"
  } else {
    if (scheme === undefined || scheme === "") return ":scheme is missing"
    if (scheme !== "http" && scheme !== "https" && !SCHEME.test(scheme))
      return `:scheme is ${JSON.stringify(scheme.slice(0, 20))}`
    if (path === undefined || path === "") return ":path is missing"
  }
  const host = list.get("host")
  if (host !== undefined && countOf(fields, "host") > 1) return "host is repeated"
  const problem =
    methodProblem(method) ??
    (path === undefined ? null : pathProblem(path, method)) ??
    hostProblem(authority ?? host ?? "") ??
    (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()
      ? "host and :authority differ"
      : null)
  if (problem !== null) return problem
  return {
    list: hasExpect ? withoutField(list, "expect") : list,
    method,
    scheme: scheme ?? "",
    authority: authority ?? host ?? "",
    path: path ?? "",
    contentLength,
  }
}

/** What a malformed request seems to say: for its answer and for the log, and for nothing else. */
export function headAsFarAsKnown(list: HeaderList): RequestHead {
  return {
    list,
    method: list.get(":method") ?? "",
    scheme: list.get(":scheme") ?? "",
    authority: list.get(":authority") ?? list.get("host") ?? "",
    path: list.get(":path") ?? "",
    contentLength: -1,
  }
}

/** Reads a response's header block: RFC 9113 §8.3.2. The list of the head is the one to send on, its fields mended. */
export function readResponseHead(list: HeaderList): ResponseHead | Malformed {
  const head = readResponse(list)
  if (typeof head !== "string") return head
  const tidy = tidyFields(list, true)
  return tidy === list ? head : readResponse(tidy)
}

function readResponse(list: HeaderList): ResponseHead | Malformed {
  const { fields } = list
  if (fields[0] !== ":status") return ":status is missing"
  const text = fields[1]!
  const status = text.length === 3 ? readDigits(text) : -1
  if (status < 100) return `:status is ${JSON.stringify(text.slice(0, 20))}`
  if (status === 101) return ":status 101 has no meaning in HTTP/2"
  const contentLength = checkFields(fields, 2)
  if (typeof contentLength === "string") return contentLength
  return { list, status, contentLength }
}

/** The trailers to send on, mended as heads are: RFC 9113 §8.1. A string says why they are malformed. */
export function readTrailers(list: HeaderList, isResponse: boolean): HeaderList | Malformed {
  const result = checkFields(list.fields, 0)
  if (typeof result !== "string") return list
  const tidy = tidyFields(list, isResponse)
  if (tidy === list) return result
  const again = checkFields(tidy.fields, 0)
  return typeof again === "string" ? again : tidy
}

/** A response that is its head alone says its length for nothing where it is gRPC: Trailers-Only has no body. */
export function withoutLength(head: ResponseHead): ResponseHead {
  return { list: withoutField(head.list, "content-length"), status: head.status, contentLength: -1 }
}
