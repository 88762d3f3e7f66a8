import { fieldLines } from "../../http1/writer.ts"
import { readDigits } from "../../http2/digits.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { OWN_BODY } from "../../relay/route/proxy-request.ts"

/** A request as HTTP/1.1 says it. */
export interface OriginRequest {
  readonly method: string
  /** The request line up to its version. */
  readonly start: string
  /** But those that say how it is framed. */
  readonly fields: string
  readonly hasHost: boolean
  /** It asks for another protocol. */
  readonly maySwitch: boolean
  /** Octets of the body; -1: not said. */
  readonly contentLength: number
  /** What is sent in place of the client's body; null: that is, or none. */
  readonly body: Buffer | null
  /** The connection is to end behind it. */
  readonly isLast: boolean
}

/** Fields that are written here, or that HTTP/2 alone has. */
const WRITTEN_HERE = new Set(["connection", "upgrade", "transfer-encoding", "keep-alive", "expect"])

const NO_TARGET = /[^\x21-\x7e\x80-\xff]/g
const SLASH = 0x2f
const COLON = 0x3a

/**
 * A request's head as HTTP/1.1 says it: RFC 9113 §8.3.1 backwards. `isBodiless`: whatever length it says is left out;
 * `canSwitch`: another protocol may be asked for.
 */
export function originRequest(
  { fields }: HeaderList,
  isBodiless: boolean,
  canSwitch: boolean,
): OriginRequest {
  let method = "GET"
  let path = "/"
  let host: string | null = null
  let upgrade = ""
  let connection = ""
  let contentLength = -1
  let body: Buffer | null = null
  let cookies: string | null = null
  const written: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (name.charCodeAt(0) === COLON) {
      if (name === ":method") method = value
      else if (name === ":path") path = value
      else if (name === ":authority") host = value
      else if (name === OWN_BODY) body = Buffer.from(value, "latin1")
    } else if (name === "content-length") contentLength = isBodiless ? -1 : readDigits(value)
    else if (name === "connection") connection = value
    else if (name === "upgrade") upgrade = value
    // HTTP/2 lets a client send each cookie by itself: RFC 9113 §8.2.3.
    else if (name === "cookie") cookies = cookies === null ? value : `${cookies}; ${value}`
    else if (!WRITTEN_HERE.has(name)) written.push(name, value)
  }
  if (body !== null) contentLength = body.length
  if (cookies !== null) written.push("cookie", cookies)
  const options = connection === "" ? [] : connection.split(",").map((option) => option.trim().toLowerCase())
  const maySwitch = canSwitch && upgrade !== "" && options.includes("upgrade")
  const isLast = options.includes("close")
  if (maySwitch) written.push("connection", "upgrade", "upgrade", upgrade)
  else if (isLast) written.push("connection", "close")
  return {
    method,
    start: `${method} ${requestTarget(path)} `,
    fields: fieldLines(host === null ? written : ["host", host, ...written]),
    hasHost: host !== null,
    maySwitch,
    contentLength,
    body,
    isLast,
  }
}

/** What variables have made of a path may hold what would end it in a request line, or the line: RFC 9112 §3.2. */
function requestTarget(path: string): string {
  const isAbsolute = path.charCodeAt(0) === SLASH
  if (isAbsolute && isTarget(path)) return path
  const escaped = path.replace(NO_TARGET, percentEncoded)
  return isAbsolute ? escaped : `/${escaped}`
}

function isTarget(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const octet = path.charCodeAt(i)
    if (octet <= 0x20 || octet === 0x7f || octet > 0xff) return false
  }
  return true
}

function percentEncoded(character: string): string {
  return Array.from(Buffer.from(character, character > "\xff" ? "utf8" : "latin1"), (octet) => {
    return `%${octet.toString(16).padStart(2, "0").toUpperCase()}`
  }).join("")
}
