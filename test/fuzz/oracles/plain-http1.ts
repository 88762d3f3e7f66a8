/** HTTP/1.1 as RFC 9112 has a careful recipient read it, with nothing guessed: what is not plainly right is an error. */
import assert from "node:assert/strict"

export interface PlainMessage {
  readonly start: string
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly body: string
  /** Its body goes on to the end of the connection: nothing can follow. */
  readonly isToTheEnd: boolean
}

const START = {
  request: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~\x80-\xff]+ HTTP\/1\.[01]$/,
  response: /^HTTP\/1\.[01] \d{3} ?[\t -~\x80-\xff]*$/,
}

/**
 * The whole messages at the beginning of `text`, an octet for each character; one that has only begun is left. Errors:
 * throws for what is no message.
 *
 * @param hasBody of a response: false where its request was HEAD
 */
export function readMessages(text: string, kind: keyof typeof START, hasBody = true): PlainMessage[] {
  const messages: PlainMessage[] = []
  let at = 0
  while (at < text.length) {
    const end = text.indexOf("\r\n\r\n", at)
    if (end < 0) return messages
    const [start = "", ...lines] = text.slice(at, end).split("\r\n")
    assert.match(start, START[kind], `no ${kind}`)
    const fields = readFields(lines)
    at = end + 4
    const status = kind === "response" ? Number(start.slice(9, 12)) : 0
    const isEmpty = kind === "response" && (!hasBody || status < 200 || status === 204 || status === 304)
    const isTunnel = status === 101
    const rest = isEmpty && !isTunnel ? { body: "", at } : readBody(text, at, fields, kind, isTunnel)
    if (rest === null) return messages
    messages.push({ start, fields, body: rest.body, isToTheEnd: rest.at === Number.POSITIVE_INFINITY })
    at = rest.at
  }
  return messages
}

function readFields(lines: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t -~\x80-\xff]*)$/.exec(line) ?? []
    assert(name !== undefined, `no field: ${JSON.stringify(line)}`)
    const key = name.toLowerCase()
    fields.set(key, [...(fields.get(key) ?? []), value!.trimEnd()])
  }
  return fields
}

/** Null: it has not all come. */
function readBody(
  text: string,
  at: number,
  fields: ReadonlyMap<string, readonly string[]>,
  kind: keyof typeof START,
  isTunnel: boolean,
): { body: string; at: number } | null {
  const lengths = fields.get("content-length") ?? []
  const codings = fields.get("transfer-encoding") ?? []
  assert(lengths.length + codings.length <= 1, "how long the body is, is said twice")
  if (isTunnel) return { body: text.slice(at), at: Number.POSITIVE_INFINITY }
  if (codings.length > 0) {
    assert.equal(codings[0]!.toLowerCase(), "chunked")
    return readChunks(text, at)
  }
  if (lengths.length > 0) {
    assert.match(lengths[0]!, /^\d+$/)
    const end = at + Number(lengths[0])
    return end > text.length ? null : { body: text.slice(at, end), at: end }
  }
  return kind === "request" ? { body: "", at } : { body: text.slice(at), at: Number.POSITIVE_INFINITY }
}

function readChunks(text: string, start: number): { body: string; at: number } | null {
  let body = ""
  for (let at = start; ; ) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return null
    const size = text.slice(at, line)
    assert.match(size, /^[0-9a-f]+$/i, "no size of a chunk")
    const octets = Number.parseInt(size, 16)
    at = line + 2
    if (octets === 0) {
      const end = text.startsWith("\r\n", at) ? at : text.indexOf("\r\n\r\n", at)
      if (end < 0) return null
      return { body, at: end + (end === at ? 2 : 4) }
    }
    if (at + octets + 2 > text.length) return null
    body += text.slice(at, at + octets)
    assert.equal(text.slice(at + octets, at + octets + 2), "\r\n", "a chunk does not end")
    at += octets + 2
  }
}
