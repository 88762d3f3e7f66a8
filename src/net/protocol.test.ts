import { expect, test } from "vitest"
import { isPlainHttp, mayBeRequest, protocolOf } from "./protocol.ts"

const of = (text: string, max = 100) => protocolOf(Buffer.from(text, "latin1"), 0, text.length, max)

test.each([
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
  ["PRI ", "http2"],
  ["GET / HTTP/1.1\r\n", "http1"],
  ["POST /chat.Chat/BidStream HTTP/1.0\r\nHost: a\r\n", "http1"],
  ["OPTIONS * HTTP/1.1\r\n", "http1"],
  ["PRIVATE /x HTTP/1.1\r\n", "http1"],
  ["GET http://a.test/ HTTP/1.1\r\n", "http1"],
  // HTTP/1 in spirit: its parser says in HTTP/1 what is wrong.
  ["GET / HTTP/1.2\r\n", "http1"],
  ["GET / HTTP/2.0\r\n", "http1"],
  ["GET / HTTP/1.1\n", "http1"],
  ["GET /\r\n", "http0.9"],
  ["GET /\n", "http0.9"],
  ["GET  / HTTP/1.1\r\n", "http1"],
  ["get / http/1.1\r\n", "http1"],
  [" GET / HTTP/1.1\r\n", "http1"],
  ["\r\nGET / HTTP/1.1\r\n", "http1"],
  ["GET /a b HTTP/1.1\r\n", "http1"],
  ["GET /\xe4 HTTP/1.1\r\n", "http1"],
  // Neither: HTTP/2 says so with GOAWAY, and never in HTTP/1's words.
  ["INVALID CONNECTION PREFACE\r\n\r\n", "http2"],
  ["HELP\r\n", "http2"],
  ["SSH-2.0-OpenSSH_9.2\r\n", "http2"],
  ["\x16\x05\x01\x02\x00\x01\x00", "http2"],
  ["\0\0\x12\x04\0\0\0\0\0", "http2"],
  ["GET /\0", "http2"],
  ["\r\n\r\n\0\r\nQUIT\n", "http2"],
  ["\x16\x03\x01\x02\x00\x01\x00", "tls"],
  ["\x16\x03\x03", "tls"],
] as const)("%j is %s", (text, protocol) => {
  expect(of(text)).toBe(protocol)
})

test.each([
  "",
  "P",
  "PRI",
  "\x16",
  "\r\n",
  "G",
  "GARBAGE",
  "GET",
  "GET ",
  "GET /a",
  "GET /a ",
  "GET /a HTTP/1",
  "GET /a HTTP/1.1\r",
])("%j may become either, or nothing", (text) => {
  expect(of(text)).toBe(null)
})

test("whatever comes in one piece is the same octet by octet", () => {
  for (const whole of ["PRI * HTTP/2.0\r\n", "GET /path HTTP/1.1\r\n", "\x16\x03\x01", "BAD\r\n"]) {
    const pieces = Array.from(whole, (_, i) => whole.slice(0, i + 1))
    const decided = pieces.map((piece) => of(piece)).find((protocol) => protocol !== null)
    expect(decided).toBe(of(whole))
  }
})

test("a request line without an end is left to the parser, which refuses it", () => {
  expect(of(`GET /${"a".repeat(94)}`, 100)).toBe(null)
  expect(of(`GET /${"a".repeat(96)}`, 100)).toBe("http1")
})

test.each([
  ["GET", true],
  ["GET ", true],
  ["\r\nPOST /chat.Chat/", true],
  ["OPTIONS *", true],
  ["", false],
  ["PR", true],
  ["\x16", false],
  ["hello there", false],
  ["SSH-2.0", false],
] as const)("half a line %j may be a request: %s", (text, may) => {
  expect(mayBeRequest(Buffer.from(text), 0, text.length)).toBe(may)
})

test.each([
  ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", true],
  ["DELETE /x HTTP/1.1\r\n", true],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true],
  ["PRI", true],
  ["POST /chat.Chat/BidStr", true],
  ["GET /\n", true],
  ["\x16\x03\x01\x02\0\x01\0", false],
  ["\x16", false],
  ["SSH-2.0-OpenSSH_9.2\r\n", false],
  ["\0\x01\x02", false],
  ["hello", false],
] as const)("where TLS is expected %j is HTTP without it: %s", (text, isPlain) => {
  expect(isPlainHttp(Buffer.from(text, "latin1"))).toBe(isPlain)
})
