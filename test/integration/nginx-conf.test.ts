/** One nginx.conf, run by Sluice and, where it is there, by nginx: what clients and backends see must be the same. */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2"
import { connect as connectSocket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import * as dsl from "../support/frame-dsl.ts"
import { isInstalled, startNginx } from "../support/nginx.ts"
import { RawServer } from "../support/raw-server.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

const conf = (listen: string, port: number): string => `
  upstream Back { server 127.0.0.1:${port}; }
  server {
    listen ${listen} http2;
    location /twice { grpc_set_header X-A one; grpc_set_header X-A two; grpc_pass grpc://Back; }
    location /variable { grpc_pass grpc://$arg_b; }
    location /page { grpc_pass grpc://127.0.0.1:1; error_page 502 = @down; }
    location @down {
      default_type application/grpc;
      add_header grpc-status 14;
      add_header grpc-message "service%20is%20down%3a%20%C3%A9";
      return 204;
    }
    location /returned { add_header grpc-status 14; add_header grpc-message "100%25 $arg_b"; return 204; }
    location /both { add_header grpc-status 14; add_header grpc-message gone; return 200 text; }
    location /accepted { add_header x-added yes; return 202 a; }
    location /hidden { grpc_hide_header X-Secret; grpc_pass grpc://Back; }
    location /status { add_header x-status $status always; grpc_hide_header content-length; grpc_pass grpc://Back; }
    location /failed { add_header x-status $status always; grpc_pass grpc://127.0.0.1:1; }
    location /typed { default_type a/b; location /typed { return 200 "{}"; } }
    location /plain { return 200 "{}"; }
    location /untyped { default_type ""; return 200 "{}"; }
    location /where { return 200 "$remote_addr [$remote_port] $server_addr [$server_port]"; }
    location /pseudo { grpc_hide_header :status; grpc_pass grpc://Back; }
    location /text { return 200 "é"; }
  }`

interface Case {
  path: string
  contentType?: string
  /** Of the response; undefined is not there. */
  response: Record<string, string | number | undefined>
  /** What the backend got of `x-a`; null where it must not be asked. */
  backend?: string[] | null
  body?: string
  /** As `response`; not looked at where there are none. */
  trailers?: Record<string, string | undefined>
}

const decoded = (message: unknown) => decodeURIComponent(String(message))
const CASES: Case[] = [
  { path: "/twice", response: { "grpc-status": "0" }, backend: ["one", "two"] },
  { path: "/variable?b=Back", response: { "grpc-status": "0" }, backend: [] },
  { path: "/variable?b=back", response: { "grpc-status": "0" }, backend: [] },
  { path: "/variable?b=BACK", response: { "grpc-status": "0" }, backend: [] },
  { path: "/page", response: { "grpc-status": "14", "grpc-message": "service is down: é" }, backend: null },
  { path: "/returned?b=x", response: { "grpc-status": "14", "grpc-message": "100% x" }, backend: null },
  {
    path: "/hidden",
    response: { "x-secret": undefined, "x-open": "1" },
    trailers: { "grpc-status": "0", "x-secret": undefined, "x-open": "1" },
  },
  {
    path: "/returned?b=x",
    contentType: "text/plain",
    response: {
      ":status": 204,
      "grpc-status": "14",
      "grpc-message": "100% x",
      "content-length": undefined,
    },
    body: "",
  },
  {
    path: "/both",
    contentType: "text/plain",
    response: { ":status": 200, "grpc-status": "14", "grpc-message": "gone", "content-length": "4" },
    body: "text",
  },
  { path: "/typed", contentType: "text/plain", response: { "content-type": "a/b" }, body: "{}" },
  { path: "/plain", contentType: "text/plain", response: { "content-type": "text/plain" }, body: "{}" },
  { path: "/untyped", contentType: "text/plain", response: { "content-type": undefined }, body: "{}" },
  {
    path: "/where",
    contentType: "text/plain",
    response: {},
    body: "unix: [] unix:SOCKET []",
  },
  { path: "/pseudo", response: { ":status": 200, "grpc-status": "0" } },
  { path: "/status", response: { ":status": 200, "x-status": "200" } },
  { path: "/failed", contentType: "text/plain", response: { ":status": 502, "x-status": "502" } },
  { path: "/accepted", contentType: "text/plain", response: { ":status": 202, "x-added": undefined } },
  { path: "/text", contentType: "text/plain", response: { ":status": 200 }, body: "é" },
]

async function ask(
  socket: string,
  session: ClientHttp2Session,
  backend: RawServer,
  one: Case,
): Promise<void> {
  const before = backend.streams.length
  const stream = session.request(
    {
      ":method": "POST",
      ":path": one.path,
      "content-type": one.contentType ?? "application/grpc",
      te: "trailers",
    },
    { endStream: true },
  )
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders]
  let body = ""
  let trailers: IncomingHttpHeaders = {}
  stream.on("trailers", (fields: IncomingHttpHeaders) => (trailers = fields))
  stream.setEncoding("utf8").on("data", (text: string) => (body += text))
  await once(stream, "close")
  for (const [name, value] of Object.entries(one.response))
    expect(name === "grpc-message" ? decoded(headers[name]) : headers[name], `${one.path}: ${name}`).toBe(
      value,
    )
  for (const [name, value] of Object.entries(one.trailers ?? {}))
    expect(trailers[name], `${one.path}: trailer ${name}`).toBe(value)
  const fields = backend.streams[before]?.fields ?? null
  if (one.backend !== undefined)
    expect(fields?.filter(([name]) => name === "x-a").map(([, value]) => value) ?? null).toEqual(one.backend)
  if (one.body !== undefined) expect(body).toBe(one.body.replace("SOCKET", socket))
}

async function startBackend(): Promise<RawServer> {
  const backend = await RawServer.start()
  const head: [string, string][] = [
    [":status", "200"],
    ["content-type", "application/grpc"],
  ]
  const status: [string, string] = ["grpc-status", "0"]
  const secret: [string, string][] = [
    ["x-secret", "1"],
    ["x-open", "1"],
  ]
  backend.onStream = ({ connection, id, fields }) => {
    if (!fields.some(([, value]) => value === "/hidden"))
      return connection.send(dsl.headers(id, [...head, status], { endStream: true }))
    connection.send(dsl.headers(id, [...head, ...secret]))
    connection.send(dsl.headers(id, [status, ...secret], { endStream: true }))
  }
  return backend
}

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-nginx-conf-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return { directory, socket: join(directory, "listen") }
}

function ending(t: TestContext, session: ClientHttp2Session): ClientHttp2Session {
  t.onTestFinished(() => session.destroy())
  return session
}

test("Sluice answers as the table says", async (t) => {
  const backend = await startBackend()
  t.onTestFinished(() => backend.close())
  const { directory, socket } = place(t)
  const text = conf(`unix:${socket}`, backend.port)
  const { config, problems } = readNginxConfig(text, join(directory, "nginx.conf"), diskFiles)
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  const balancer = new Balancer(config!)
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  const session = ending(t, connect("http://localhost", { createConnection: () => connectSocket(socket) }))
  for (const one of CASES) await ask(socket, session, backend, one)
})

test.skipIf(!hasNginx)("and so does nginx", async (t) => {
  const backend = await startBackend()
  t.onTestFinished(() => backend.close())
  const { directory, socket } = place(t)
  await startNginx(t, directory, "listen", conf(`unix:${socket}`, backend.port))
  const session = ending(t, connect("http://localhost", { createConnection: () => connectSocket(socket) }))
  for (const one of CASES) await ask(socket, session, backend, one)
})
