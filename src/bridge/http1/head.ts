import { authorityProblem } from "../../http2/authority.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { type Malformed, type RequestHead, readRequestHead } from "../../http2/message-head.ts"
import { CONNECTION_FIELD_NAMES, noteConnectionFields } from "../../record/connection-fields.ts"
import type { Http1Request } from "./request.ts"

/** Fields that concern one connection: RFC 9110 §7.6.1, RFC 9113 §8.2.2. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"],
  ...["expect", "http2-settings", "host"],
])

/** Who the client is, as proxies before this one say it: no client takes that out by calling it a field of the connection. */
const OF_CLIENT = /^(?:x-forwarded-.*|forwarded|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/

/**
 * The head of an HTTP/1 request in the terms of HTTP/2, held to the same rules, so that what is matched and what is
 * forwarded is read in one way only. A string says why it is malformed.
 *
 * Source: RFC 9112 §3.2 (targets), RFC 9110 §7.6.1 (connection), RFC 9113 §8.3.
 */
export function readHttp1Head(request: Http1Request, scheme: string): RequestHead | Malformed {
  const { fields, options, minorVersion } = request
  let host: string | null = null
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "host") continue
    if (host !== null) return "host stands there twice"
    host = fields[i + 1]!
  }
  if (host === null && minorVersion === 1) return "there is no host"
  for (const option of options) if (OF_CLIENT.test(option)) return `connection names ${option}`
  const { authority, path } = readTarget(request.target, host ?? "")
  if (authority === "" && (host !== null || minorVersion === 1)) return "the host is empty"
  const listed = [":method", request.method, ":scheme", scheme, ":path", path]
  if (authority !== "") listed.push(":authority", authority)
  let asksForTrailers = false
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name === "te" && /\btrailers\b/i.test(fields[i + 1]!)) asksForTrailers = true
    if (!HOP_BY_HOP.has(name) && !options.has(name)) listed.push(name, fields[i + 1]!)
  }
  // A client that asks for trailers in HTTP/1 gets them chunked.
  if (asksForTrailers && options.has("te")) listed.push("te", "trailers")
  const head = readRequestHead(new HeaderList(listed), authorityProblem)
  if (options.size > 0 && typeof head !== "string") noteOwnFields(head.list, fields, options)
  return head
}

/** What is left out of the list, for variables. */
function noteOwnFields(list: HeaderList, fields: readonly string[], options: ReadonlySet<string>): void {
  const own: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (CONNECTION_FIELD_NAMES.has(name) || (options.has(name) && name !== "te"))
      own.push(name, fields[i + 1]!)
  }
  noteConnectionFields(list, own)
}

/** A target in absolute form says the authority too, and more than `host` does: RFC 9112 §3.2.2. */
function readTarget(target: string, host: string): { authority: string; path: string } {
  if (target.charCodeAt(0) === 0x2f) return { authority: host, path: target }
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target)
  if (absolute === null) return { authority: host, path: target }
  const path = absolute[2]!
  return { authority: absolute[1]!, path: path.startsWith("/") ? path : `/${path}` }
}

/**
 * What the log shows of a request whose head is malformed: its method and target, as far as there are any. A content type of
 * gRPC's makes the answer one of gRPC's.
 */
export function headOfMalformed(
  method: string,
  target: string,
  scheme: string,
  contentType?: string,
): RequestHead {
  const fields = [":method", method, ":scheme", scheme, ":path", target]
  if (contentType !== undefined) fields.push("content-type", contentType)
  const list = new HeaderList(fields)
  return { list, method, scheme, authority: "", path: target, contentLength: -1 }
}
