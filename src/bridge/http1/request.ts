import { readFraming } from "../../http1/framing.ts"
import { listElements } from "../../http1/grammar.ts"
import type { RequestLine } from "../../http1/request-line.ts"
import type { Refusal } from "../shared/refusal.ts"

/** What one request says, before it is known to mean anything. */
export interface Http1Request extends RequestLine {
  /** Names in lower case and values in turn, as they came. */
  readonly fields: readonly string[]
  readonly hasBody: boolean
  /** Octets; -1: it has chunks, or no body. */
  readonly contentLength: number
  readonly contentType: string | undefined
  /** Of `connection`, in lower case. */
  readonly options: ReadonlySet<string>
  /** The connection may carry another request behind it. */
  readonly isPersistent: boolean
  /** The protocols that its client would switch to; null: it asks for no switch, or for one that is not made. */
  readonly upgrade: string | null
  /** It waits to be told to go on. */
  readonly expectsContinue: boolean
}

const NO_OPTIONS: ReadonlySet<string> = new Set()

/** Reads what a head says of its connection and its body; what is ambiguous is refused. */
export function readHttp1Request(line: RequestLine, fields: readonly string[]): Http1Request | Refusal {
  const framing = readFraming(fields)
  if (typeof framing === "string") return { status: 400, reason: framing }
  const { contentLength, isChunked } = framing
  // What is taken off on the way cannot be sent on as something else: RFC 9112 §6.1.
  if (line.minorVersion === 0 && (isChunked || framing.hasUnknownCoding))
    return { status: 400, reason: "HTTP/1.0 knows no transfer codings" }
  if (framing.hasUnknownCoding) return { status: 501, reason: "of transfer codings chunked alone is known" }
  let options = NO_OPTIONS
  let upgrade: string | null = null
  let expectation: string | null = null
  let contentType: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    if (name === "connection") options = withOptions(options, fields[i + 1]!)
    else if (name === "upgrade") upgrade = upgrade === null ? fields[i + 1]! : `${upgrade}, ${fields[i + 1]!}`
    else if (name === "expect")
      expectation = expectation === null ? fields[i + 1]! : `${expectation}, ${fields[i + 1]!}`
    else if (name === "content-type") contentType ??= fields[i + 1]!
  }
  // HTTP/1.0 has none: RFC 9110 §10.1.1.
  const expects = expectation !== null && line.minorVersion === 1
  if (expects && !IS_CONTINUE.test(expectation!)) return { status: 417, reason: "no such expectation is met" }
  const isPersistent = !options.has("close") && (line.minorVersion === 1 || options.has("keep-alive"))
  const hasBody = isChunked || contentLength > 0
  // HTTP/1.0 has none: RFC 9110 §7.8.
  if (line.minorVersion === 0 || hasBody || !options.has("upgrade") || IS_HTTP2.test(upgrade ?? ""))
    upgrade = null
  const { method, target, minorVersion } = line
  return {
    method,
    target,
    minorVersion,
    fields,
    hasBody,
    contentLength,
    contentType,
    options,
    isPersistent,
    upgrade,
    expectsContinue: expects,
  }
}

/** Of one that asks for HTTP/2 by the way of HTTP/1.1 (RFC 9113 §3.1) all that counts is the request. */
const IS_HTTP2 = /^h2c?$/i
const IS_CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

function withOptions(known: ReadonlySet<string>, value: string): Set<string> {
  const options = new Set(known)
  for (const option of listElements(value)) options.add(option)
  return options
}
