import type { IncomingMessage, ServerResponse } from "node:http"
import type { AdminAnswer } from "./route.ts"

/** As Node has it; its parser refuses what is larger. */
export const HEAD_OCTETS_MAX = 16 * 1024

/** What is said to a head that cannot be read, or that is too large. */
export function refusedHead(code: string | undefined): string {
  const [status, error] =
    code === "HPE_HEADER_OVERFLOW"
      ? ["431 Request Header Fields Too Large", `the head of a request has at most ${HEAD_OCTETS_MAX} octets`]
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ["408 Request Timeout", "the request did not come in time"]
        : ["400 Bad Request", "this is no request of HTTP/1.1"]
  const body = `${JSON.stringify({ error })}\n`
  const head = [`HTTP/1.1 ${status}`, "content-type: application/json", `content-length: ${body.length}`]
  return `${[...head, "connection: close"].join("\r\n")}\r\n\r\n${body}`
}

export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
}

/** A body is written in pieces of this size, each when the one before it is on its way: so it is seen that it is read. */
const PIECE_OCTETS = 256 * 1024

/** How many octets its body has. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Exclude<AdminAnswer, { start: unknown }>,
): number {
  const isJson = "json" in answer
  const text = isJson ? `${JSON.stringify(answer.json)}\n` : answer.text
  const body = typeof text === "string" ? Buffer.from(text) : text
  const status = answer.status ?? 200
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    // An answer that has no content says nothing of it.
    ...(status !== 304 && {
      "content-type": isJson ? "application/json" : answer.contentType,
      "content-length": body.length,
    }),
    "cache-control": "no-store",
    ...(status === 401 && { "www-authenticate": 'Bearer realm="sluice"' }),
    ...(!isJson && answer.headers),
    // A request that was refused before its body was read.
    ...(!request.complete && status >= 400 && { connection: "close" }),
  })
  if (request.method === "HEAD") response.end()
  else write(response, body, 0)
  return body.length
}

function write(response: ServerResponse, body: Uint8Array, from: number): void {
  let at = from
  for (; at + PIECE_OCTETS < body.length; at += PIECE_OCTETS)
    if (!response.write(body.subarray(at, at + PIECE_OCTETS)))
      return void response.once("drain", () => write(response, body, at + PIECE_OCTETS))
  response.end(body.subarray(at))
}
