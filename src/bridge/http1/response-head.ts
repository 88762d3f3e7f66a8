import { STATUS_CODES } from "node:http"
import { fieldLines } from "../../http1/writer.ts"

/** How the end of a response's body is told. */
export const BodyEnd = {
  /** There is no body: to HEAD, and by its status. */
  NONE: 0,
  LENGTH: 1,
  CHUNKS: 2,
  CLOSE: 3,
} as const

const statusLines = new Map<number, string>()

export function statusLine(status: number): string {
  let line = statusLines.get(status)
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`
    statusLines.set(status, line)
  }
  return line
}

/** RFC 9110 §6.4.1. */
export function hasBody(status: number, method: string): boolean {
  return method !== "HEAD" && status >= 200 && status !== 204 && status !== 304
}

/** The octets of a response's head. `fields`: names and values in turn, `:status` first. */
export function responseHead(
  status: number,
  fields: readonly string[],
  bodyEnd: number,
  isPersistent: boolean,
): string {
  const connection = isPersistent ? "Connection: keep-alive\r\n" : "Connection: close\r\n"
  const coding = bodyEnd === BodyEnd.CHUNKS ? "Transfer-Encoding: chunked\r\n" : ""
  return `${statusLine(status)}${fieldLines(withoutTrailer(fields), 2)}${connection}${coding}\r\n`
}

/** `trailer`, only a hint (RFC 9110 §6.6.2), means something in chunks alone, and is left out. */
export function withoutTrailer(fields: readonly string[]): readonly string[] {
  if (!fields.includes("trailer")) return fields
  return fields.filter((_, i) => fields[i - (i % 2)] !== "trailer")
}
