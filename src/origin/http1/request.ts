import { Readable } from "node:stream"
import type { HeaderList } from "../../http2/header-list.ts"
import { OWN_BODY } from "../../relay/route/proxy-request.ts"

/** What undici is asked to send. */
export interface OriginRequest {
  readonly method: string
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  /** The protocol that the client wants to go on in; null: none. */
  readonly upgrade: string | null
  /** Octets of the body; -1: not said. */
  readonly contentLength: number
  /** What is sent in place of the client's body; null: that is, or none. */
  readonly body: Buffer | null
  /** The connection is to end behind it. */
  readonly isLast: boolean
}

/** Fields that the client of HTTP/1.1 writes itself, or that HTTP/2 alone has. */
const WRITTEN_BY_CLIENT = new Set(["connection", "upgrade", "transfer-encoding", "keep-alive", "expect"])

const NO_TARGET = /[\0-\x20\x7f]/g

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
  let upgrade: string | null = null
  let connection = ""
  let contentLength = -1
  let body: Buffer | null = null
  const headers: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (name === ":method") method = value
    else if (name === ":path") path = requestTarget(value)
    else if (name === OWN_BODY) body = Buffer.from(value, "latin1")
    else if (name === ":authority") headers.push("host", value)
    else if (name === "upgrade") upgrade = value
    else if (name === "connection") connection = value.toLowerCase()
    else if (name === "content-length") contentLength = isBodiless ? -1 : Number(value)
    else if (!name.startsWith(":") && !WRITTEN_BY_CLIENT.has(name)) headers.push(name, value)
  }
  if (body !== null) contentLength = body.length
  if (contentLength >= 0) headers.push("content-length", String(contentLength))
  const options = connection.split(",").map((option) => option.trim())
  return {
    method,
    path,
    headers: withJoinedCookies(headers),
    upgrade: canSwitch && upgrade !== null && upgrade !== "" && options.includes("upgrade") ? upgrade : null,
    contentLength,
    body,
    isLast: options.includes("close"),
  }
}

/** What variables have made of a path may hold what would end it in a request line, or the line: RFC 9112 §3.2. */
function requestTarget(path: string): string {
  const escaped = path.replace(
    NO_TARGET,
    (octet) => `%${octet.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
  )
  return escaped.startsWith("/") ? escaped : `/${escaped}`
}

/** HTTP/2 lets a client send each cookie by itself: RFC 9113 §8.2.3. */
function withJoinedCookies(headers: string[]): string[] {
  const first = headers.indexOf("cookie")
  if (first < 0 || headers.indexOf("cookie", first + 2) < 0) return headers
  const joined: string[] = []
  const cookies: string[] = []
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === "cookie") cookies.push(headers[i + 1]!)
    else joined.push(headers[i]!, headers[i + 1]!)
  joined.push("cookie", cookies.join("; "))
  return joined
}

/** Octets of a request on their way to undici, which takes them as fast as its socket does. */
export class RequestBody extends Readable {
  constructor() {
    super({ highWaterMark: 1 })
    // It is destroyed with the request, whose handler is told.
    this.on("error", () => {})
  }

  override _read(): void {}
}
