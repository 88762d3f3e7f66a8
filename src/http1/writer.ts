import type { Output } from "../http2/output.ts"
import { isFieldValue, isToken } from "./grammar.ts"

const LINE_END = Buffer.from("\r\n", "latin1")
const LAST_CHUNK = "0\r\n"

/** What HTTP/1.1 does not let a value hold, one octet per character: RFC 9110 §5.5. */
const NO_FIELD_VALUE = /[^\t\x20-\x7e\x80-\xff]/g

/**
 * The lines of fields, names and values in turn. Nothing that is in a name or a value ends a line: other control characters
 * than the tab become spaces (RFC 9110 §5.5), and a name that is no token is left out with its value.
 */
export function fieldLines(fields: readonly string[], from = 0): string {
  let lines = ""
  for (let i = from; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (!isToken(name)) continue
    lines += `${name}: ${isFieldValue(value) ? value : value.replace(NO_FIELD_VALUE, " ")}\r\n`
  }
  return lines
}

/** Appends a chunk, as RFC 9112 §7.1 has it. Of no octets: nothing, for that would be the last. */
export function writeChunk(output: Output, octets: Buffer, start: number, end: number): void {
  if (end <= start) return
  output.text(`${(end - start).toString(16)}\r\n`)
  output.raw(octets, start, end)
  output.raw(LINE_END)
}

/** Appends the last chunk, and trailers behind it: names and values in turn. */
export function writeLastChunk(output: Output, trailers: readonly string[] = []): void {
  output.text(`${LAST_CHUNK}${fieldLines(trailers)}\r\n`)
}
