/** What HTTP/2 can say and HTTP/1.1 cannot, on real sockets: what an HTTP/1.1 backend hears of each, as a strict reader has it. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { WireBackend } from "../support/http1-wire.ts"
import { RawClient } from "../support/raw-client.ts"

const cleanups: (() => Promise<void> | void)[] = []
let backend: WireBackend
let port = 0

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-downgrade-"))
  cleanups.unshift(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, "backend")
  backend = await WireBackend.start(path)
  cleanups.unshift(() => backend.close())
  port = await freePort()
  const text = `
    upstream backend { server unix:${path}; keepalive 8; }
    server {
      listen 127.0.0.1:${port}; underscores_in_headers on;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      location / { proxy_pass http://backend; }
      location /stream { proxy_request_buffering off; proxy_pass http://backend; }
      location /decoded { proxy_pass http://backend$uri; }
      location /field { proxy_set_header X-Uri $uri; proxy_pass http://backend; }
    }`
  const { config, problems } = readNginxConfig(text, join(directory, "nginx.conf"), diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("\n"))
  const balancer = new Balancer(config)
  await balancer.start()
  cleanups.unshift(() => balancer.close({ graceMs: 0 }))
})
afterAll(async () => {
  for (const run of cleanups) await run()
})

/** `method path` of a request without a body; more of its fields follow. */
const get = (path: string, ...more: dsl.Field[]): dsl.Field[] => [
  ...([
    [":method", "GET"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "a"],
  ] as const),
  ...more,
]
const post = (path: string, ...more: dsl.Field[]): dsl.Field[] =>
  dsl.withFields(get(path, ...more), { ":method": "POST" })

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

type Row = [what: string, fields: dsl.Field[], bodies: string[], told: string, heard: string]

const ROWS: Row[] = [
  [
    "a length of nothing",
    post("/p", ["content-length", "0"]),
    [],
    "200",
    "POST /p | host: a | content-length: 0",
  ],
  ["a length, and less", post("/p", ["content-length", "5"]), ["ok"], "400", ""],
  ["a length, and more", post("/p", ["content-length", "2"]), [`ok${SMUGGLED}`], "400", ""],
  ["a length, and more as it comes", post("/stream", ["content-length", "2"]), ["ok", SMUGGLED], "400", ""],
  ["a length, and less as it comes", post("/stream", ["content-length", "50"]), ["ok"], "400", ""],
  [
    "a length twice",
    post("/p", ["content-length", "2"], ["content-length", "2"]),
    ["ok"],
    "200",
    'POST /p | host: a | content-length: 2 | "ok"',
  ],
  ["two lengths", post("/p", ["content-length", "2"], ["content-length", "3"]), ["ok"], "400", ""],
  ["a length with a sign", post("/p", ["content-length", "+2"]), ["ok"], "400", ""],
  ["a length in two numbers", post("/p", ["content-length", "2, 2"]), ["ok"], "400", ""],
  [
    "a length with zeros before it",
    post("/p", ["content-length", "0002"]),
    ["ok"],
    "200",
    'POST /p | host: a | content-length: 2 | "ok"',
  ],
  ["a coding", post("/p", ["transfer-encoding", "chunked"]), [`0\r\n\r\n${SMUGGLED}`], "400", ""],
  [
    "a coding with an underscore",
    post("/p", ["transfer_encoding", "chunked"]),
    [`0\r\n\r\n${SMUGGLED}`],
    "200",
    'POST /p | host: a | transfer_encoding: chunked | content-length: 40 | "0\\r\\n\\r\\nGET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"',
  ],
  [
    "no length",
    post("/p"),
    [`ok${SMUGGLED}`],
    "200",
    'POST /p | host: a | content-length: 37 | "okGET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"',
  ],
  [
    "no length, as it comes",
    post("/stream"),
    ["ok", SMUGGLED],
    "200",
    'POST /stream | host: a | transfer-encoding: chunked | "okGET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"',
  ],
  [
    "a body of GET",
    get("/g"),
    [SMUGGLED],
    "200",
    'GET /g | host: a | content-length: 35 | "GET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"',
  ],
  [
    "a method with a line's end",
    dsl.withFields(get("/g"), { ":method": `GET / HTTP/1.1\r\nHost: a\r\n\r\nGET` }),
    [],
    "400",
    "",
  ],
  ["a method with a space", dsl.withFields(get("/g"), { ":method": "GET /x" }), [], "400", ""],
  ["a method in lower case", dsl.withFields(get("/g"), { ":method": "get" }), [], "200", "get /g | host: a"],
  [
    "a method of HTTP/2's own",
    dsl.withFields(get("/g"), { ":method": "PRI" }),
    [],
    "200",
    "PRI /g | host: a",
  ],
  ["a path with a space", get("/g HTTP/1.1"), [], "400", ""],
  ["a path with a line's end", get(`/g HTTP/1.1\r\n\r\n${SMUGGLED}`), [], "400", ""],
  ["a path with a tab", get("/g\tx"), [], "400", ""],
  ["a path with a fragment", get("/g#x"), [], "400", ""],
  ["a path with octets of UTF-8", get("/g\xc3\xa9"), [], "200", "GET /gÃ© | host: a"],
  ["a path in absolute form", get("http://b/g"), [], "400", ""],
  [
    "a path with a line's end, encoded and decoded",
    get("/decoded/x%0d%0aX-B:%20c"),
    [],
    "200",
    "GET /decoded/x%0D%0AX-B:%20c | host: a",
  ],
  [
    "the same in a field",
    get("/field/x%0d%0aX-B:%20c"),
    [],
    "200",
    "GET /field/x%0d%0aX-B:%20c | host: backend | x-uri: /field/x%0D%0AX-B: c",
  ],
  [
    "an authority with a line's end",
    dsl.withFields(get("/g"), { ":authority": "a\r\nX-B: c" }),
    [],
    "400",
    "",
  ],
  ["an authority with a user", dsl.withFields(get("/g"), { ":authority": "b@a" }), [], "400", ""],
  ["a host beside the authority", get("/g", ["host", "A"]), [], "200", "GET /g | host: A"],
  ["another host beside it", get("/g", ["host", "b"]), [], "400", ""],
  [
    "a host in its place",
    dsl.withFields(get("/g", ["host", "b"]), { ":authority": undefined }),
    [],
    "200",
    "GET /g | host: b",
  ],
  [
    "two hosts in its place",
    dsl.withFields(get("/g", ["host", "a"], ["host", "b"]), { ":authority": undefined }),
    [],
    "400",
    "",
  ],
  ["a connection field", get("/g", ["connection", "x-a"], ["x-a", "1"]), [], "400", ""],
  ["an upgrade", get("/g", ["upgrade", "websocket"]), [], "400", ""],
  [
    "an expectation",
    post("/p", ["expect", "100-continue"]),
    ["ok"],
    "100",
    'POST /p | host: a | content-length: 2 | "ok"',
  ],
  ["a value with a line's end", get("/g", ["x-a", "1\r\nx-b: 2"]), [], "400", ""],
  ["a value with a bare LF", get("/g", ["x-a", "1\nx-b: 2"]), [], "400", ""],
  [
    "a value with other control characters",
    get("/g", ["x-a", "1\x0b\x7f\x012"]),
    [],
    "200",
    "GET /g | host: a | x-a: 1   2",
  ],
  ["a value with blanks at its ends", get("/g", ["x-a", " 1\t"]), [], "200", "GET /g | host: a | x-a: 1"],
  ["a name with a colon", get("/g", ["x-a: 1\r\nx-b", "2"]), [], "400", ""],
  ["a name with a space", get("/g", ["x a", "2"]), [], "400", ""],
  ["a name in upper case", get("/g", ["X-A", "2"]), [], "400", ""],
  ["a name of nothing", get("/g", ["", "2"]), [], "400", ""],
  [
    "cookies, each by itself",
    get("/g", ["cookie", "a=1"], ["cookie", "b=2"]),
    [],
    "200",
    "GET /g | host: a | cookie: a=1; b=2",
  ],
]

test.for(ROWS)("%s", async ([, fields, bodies, told, heard]) => {
  backend.taken()
  const client = await RawClient.connect(port)
  try {
    const id = client.open(fields, { endStream: bodies.length === 0 })
    for (const [i, body] of bodies.entries())
      client.send(dsl.data(id, Buffer.from(body, "latin1"), { endStream: i === bodies.length - 1 }))
    await client.end(id)
    const [first] = client.about(id)
    const said = /:status=(\d+)/.exec(first ?? "")?.[1] ?? first
    // An honest request behind it, on the connections that the backend has now.
    const honest = client.open(get("/honest"), { endStream: true })
    await client.end(honest)
    expect(client.about(honest)[0]).toContain(":status=200")
    expect([said, messages()]).toEqual([told, heard])
  } finally {
    client.destroy()
  }
})

/** Lines, fields that tell of smuggling, bodies. */
function messages(): string {
  return backend
    .taken()
    .filter(({ line }) => !line.startsWith("GET /honest "))
    .map(({ line, fields, body, isWhole }) => {
      const shown = fields.filter(([name]) => !/^(connection|accept-encoding)$/.test(name))
      return `${line.replace(/ HTTP\/1\.1$/, "")} | ${shown.map((field) => field.join(": ")).join(" | ")}${body === "" ? "" : ` | ${JSON.stringify(body)}`}${isWhole ? "" : "…"}`
    })
    .join(" + ")
}
