import { HeaderList } from "../../http2/header-list.ts"
import { type Malformed, type ResponseHead, readResponseHead } from "../../http2/message-head.ts"

/** Fields that concern one connection: RFC 9110 §7.6.1. */
const HOP_BY_HOP = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"],
])

/**
 * A response's head in the terms of HTTP/2, held to the same rules, so that what a client is told is read in one way
 * only. A string says why it is malformed.
 */
export function readOriginHead(status: number, raw: readonly (Buffer | string)[]): ResponseHead | Malformed {
  // What is taken off on the way cannot be passed on as something else: RFC 9112 §6.1.
  let codings = 0
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (
      isCoding(raw[i]!) &&
      (++codings > 1 ||
        latin1(raw[i + 1]!)
          .trim()
          .toLowerCase() !== "chunked")
    )
      return "of transfer codings chunked alone is known, and once"
  return readResponseHead(new HeaderList([":status", String(status), ...endToEnd(raw)]))
}

/** The head that switches protocols, with the fields that say so. */
export function readSwitchHead(raw: readonly (Buffer | string)[], upgrade: string): ResponseHead | Malformed {
  const checked = readOriginHead(200, raw)
  if (typeof checked === "string") return checked
  const fields = [":status", "101", "connection", "upgrade", "upgrade", upgrade]
  // A length has no meaning here, and a client might find one: RFC 9110 §8.6.
  const told = checked.list.fields.slice(2)
  for (let i = 0; i < told.length; i += 2)
    if (told[i] !== "content-length") fields.push(told[i]!, told[i + 1]!)
  const list = new HeaderList(fields)
  return { list, status: 101, contentLength: -1 }
}

/** Trailers without what concerns the connection. */
export function originTrailers(raw: readonly (Buffer | string)[]): HeaderList {
  return new HeaderList(endToEnd(raw))
}

/** As names and values in turn, one octet per character, names in lower case. */
function endToEnd(raw: readonly (Buffer | string)[]): string[] {
  const named = new Set<string>()
  const fields: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = latin1(raw[i]!).toLowerCase()
    const value = latin1(raw[i + 1]!)
    fields.push(name, value)
    if (name === "connection") for (const option of value.split(",")) named.add(option.trim().toLowerCase())
  }
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2)
    if (!HOP_BY_HOP.has(fields[i]!) && !named.has(fields[i]!)) kept.push(fields[i]!, fields[i + 1]!)
  return kept
}

const CODING = "transfer-encoding"

function isCoding(name: Buffer | string): boolean {
  return name.length === CODING.length && latin1(name).toLowerCase() === CODING
}

function latin1(text: Buffer | string): string {
  return typeof text === "string" ? text : text.toString("latin1")
}

/** The protocol that a switch names; empty: none. */
export function upgradeOf(raw: readonly (Buffer | string)[]): string {
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (latin1(raw[i]!).toLowerCase() === "upgrade") return latin1(raw[i + 1]!)
  return ""
}
