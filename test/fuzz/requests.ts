import * as dsl from "../support/frame-dsl.ts"

/** A message of talk.Word, with its prefix. */
export const message = Buffer.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from("hello")])

function http1(method: string, path: string, fields: readonly string[], body: string | Buffer = ""): Buffer {
  const octets = Buffer.from(body)
  const length = method === "POST" ? [`content-length: ${octets.length}`] : []
  const head = [`${method} ${path} HTTP/1.1`, "host: page.test", ...fields, ...length, "", ""]
  return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), octets])
}

const post = (fields: readonly string[], body: string | Buffer, path = "/talk.Talk/Chat"): Buffer =>
  http1("POST", path, fields, body)

/** A client's frame: masked, with a mask of zeros, so that changes mean what they say. */
function webSocketFrame(opcode: number, payload: string | Buffer, fin = 0x80): Buffer {
  const octets = Buffer.from(payload)
  const length =
    octets.length < 126 ? [octets.length | 0x80] : [126 | 0x80, octets.length >> 8, octets.length & 0xff]
  return Buffer.concat([Buffer.from([opcode | fin, ...length, 0, 0, 0, 0]), octets])
}

const webSocket = (fields: readonly string[], ...frames: Buffer[]): Buffer =>
  Buffer.concat([
    http1("GET", "/talk.Talk/Chat?token=t", [
      "upgrade: websocket",
      "connection: upgrade",
      "sec-websocket-version: 13",
      "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
      ...fields,
    ]),
    ...frames,
  ])

const envelope = (flags: number, body: string): Buffer =>
  Buffer.concat([Buffer.from([flags, 0, 0, 0, body.length]), Buffer.from(body)])

/** What clients of every protocol say to a balancer in front of talk.Talk. The first six are one for each bridge. */
export const REQUESTS: readonly Buffer[] = [
  post(["content-type: application/grpc-web+proto", "origin: https://page.test"], message),
  post(
    ["content-type: application/grpc-web-text", "accept: application/grpc-web-text"],
    message.toString("base64"),
  ),
  post(
    ["content-type: application/json", "connect-protocol-version: 1"],
    '{"text":"hello"}',
    "/talk.Talk/Say",
  ),
  post(
    ["content-type: application/connect+json"],
    Buffer.concat([envelope(0, '{"text":"a"}'), envelope(2, "{}")]),
  ),
  webSocket(
    ["sec-websocket-protocol: sluice.json, Bearer, t", "origin: https://page.test"],
    webSocketFrame(1, '{"text":"hello","number":"7","octets":"aGk=","more":[{"text":"x"}]}'),
    webSocketFrame(9, "ping"),
    webSocketFrame(1, '{"@end":{}}'),
    webSocketFrame(8, "\u0003\u00e8"),
  ),
  webSocket(
    ["sec-websocket-protocol: grpc-websockets"],
    webSocketFrame(2, "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"),
    webSocketFrame(2, Buffer.concat([Buffer.from([0]), message])),
    webSocketFrame(2, Buffer.from([1])),
  ),
  post(["content-type: application/proto"], message.subarray(5), "/talk.Talk/Say"),
  post(["content-type: application/proto", "content-encoding: gzip", "connect-timeout-ms: 1000"], message),
  http1("GET", "/talk.Talk/Look?encoding=json&message=%7B%7D&base64=0&connect=v1", []),
  http1("OPTIONS", "/talk.Talk/Say", ["origin: https://page.test", "access-control-request-method: POST"]),
  http1("GET", "/", ["expect: 100-continue", "te: trailers", "connection: te, x-gone", "x-gone: 1"]),
  http1("GET", "http://other.test/a?b", []),
  Buffer.from(
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\nGET / HTTP/1.0\r\n\r\n",
  ),
  Buffer.from("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"),
  Buffer.concat([
    dsl.preface,
    dsl.settings(),
    dsl.headers(1, dsl.request),
    dsl.data(1, message, { endStream: true }),
  ]),
  Buffer.concat([
    dsl.preface,
    dsl.settings({ INITIAL_WINDOW_SIZE: 3 }),
    dsl.headers(1, dsl.withFields(dsl.request, { "grpc-timeout": "1S" })),
    dsl.headers(3, dsl.withFields(dsl.request, { "content-type": "application/grpc-web" })),
    dsl.data(3, message, { endStream: true }),
    dsl.rstStream(1),
    dsl.windowUpdate(3, 100),
  ]),
  webSocket(
    ["sec-websocket-protocol: sluice.json"],
    webSocketFrame(1, '{"te', 0),
    webSocketFrame(9, "between"),
    webSocketFrame(0, 'xt":"a', 0),
    webSocketFrame(0, '"}'),
    webSocketFrame(2, "\0", 0),
  ),
  post(["content-type: application/grpc"], message),
  Buffer.from(
    "GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
  ),
  Buffer.from("GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\nbehind it"),
  Buffer.from("GET / HTTP/1.1\nhost: a\n\n"),
  Buffer.from("GET /\r\n"),
  Buffer.from("16030100c8010000c40303", "hex"),
]
