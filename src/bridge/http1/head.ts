import type { IncomingMessage } from "node:http"
import { authorityProblem } from "../../http2/authority.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { type Malformed, type RequestHead, readRequestHead } from "../../http2/message-head.ts"

import { CONNECTION_FIELD_NAMES, noteConnectionFields } from "../../record/connection-fields.ts"

/** Fields that concern one connection: RFC 9110 §7.6.1, RFC 9113 §8.2.2. */
const HOP_BY_HOP = new Set([
  ...["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"],
  ...["expect", "http2-settings", "host"],
])

/**
 * The head of an HTTP/1 request in the terms of HTTP/2, held to the same rules, so that what is matched and what is
 * forwarded is read in one way only. A string says why it is malformed.
 *
 * Source: RFC 9112 §3.2 (targets), RFC 9110 §7.6.1 (connection), RFC 9113 §8.3.
 */
export function readHttp1Head(request: IncomingMessage, scheme: string): RequestHead | Malformed {
  const { rawHeaders } = request
  const named = new Set<string>()
  const hosts: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (name === "host") hosts.push(rawHeaders[i + 1]!)
    if (name === "connection")
      for (const option of rawHeaders[i + 1]!.split(",")) named.add(option.trim().toLowerCase())
  }
  if (hosts.length > 1) return "host stands there twice"
  // RFC 9112 §3.2. Node would answer by itself, unlogged.
  if (hosts.length === 0 && request.httpVersion === "1.1") return "there is no host"
  const { authority, path } = readTarget(request.url ?? "", hosts[0] ?? "")
  if (authority === "" && (hosts.length > 0 || request.httpVersion === "1.1")) return "the host is empty"
  const fields = [":method", request.method ?? "", ":scheme", scheme, ":path", path]
  if (authority !== "") fields.push(":authority", authority)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (!HOP_BY_HOP.has(name) && !named.has(name)) fields.push(name, rawHeaders[i + 1]!)
  }
  // A client that asks for trailers in HTTP/1 gets them chunked.
  if (named.has("te") && /\btrailers\b/i.test(String(request.headers.te))) fields.push("te", "trailers")
  const head = readRequestHead(new HeaderList(fields), authorityProblem)
  if (named.size > 0 && typeof head !== "string") noteOwnFields(head.list, rawHeaders)
  return head
}

/** What is left out of the list, for variables. */
function noteOwnFields(list: HeaderList, rawHeaders: readonly string[]): void {
  const own: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (CONNECTION_FIELD_NAMES.has(name)) own.push(name, rawHeaders[i + 1]!)
  }
  noteConnectionFields(list, own)
}

/** A target in absolute form says the authority too, and more than `host` does: RFC 9112 §3.2.2. */
function readTarget(target: string, host: string): { authority: string; path: string } {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target)
  if (absolute === null) return { authority: host, path: target }
  const path = absolute[2]!
  return { authority: absolute[1]!, path: path.startsWith("/") ? path : `/${path}` }
}
