/** The same requests through real nginx: its log must say what our variables and escapes say. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as http2 from "node:http2"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { attemptRecord, streamRecord, templateEnvironment } from "../../test/support/stream-record.ts"
import { HeaderList } from "../http2/header-list.ts"
import type { Escape } from "./escape.ts"
import type { StreamRecord } from "./record.ts"
import { compileTemplate } from "./template.ts"
import { normalizeUri } from "./uri.ts"

const missing = spawnSync("nginx", ["-v"]).status !== 0
if (missing) console.log("skipped: variables against nginx; install it with `apt-get install nginx-light`")

const VARIABLES = [
  ...["request", "request_method", "request_uri", "uri", "document_uri", "args", "query_string", "is_args"],
  ...[
    "arg_b",
    "host",
    "http_host",
    "server_name",
    "server_protocol",
    "scheme",
    "https",
    "status",
    "remote_addr",
  ],
  ...[
    "remote_user",
    "http_user_agent",
    "http_x_odd",
    "http_x_none",
    "http_x_empty",
    "http_cookie",
    "cookie_b",
  ],
  ...["content_type", "content_length", "proxy_add_x_forwarded_for", "connection_requests", "ssl_protocol"],
  ...["upstream_addr", "upstream_status", "body_bytes_sent"],
]
const MODES: Escape[] = ["default", "json", "none"]

const authority = "Chat.Example.:8080"
const requests: { path: string; headers?: Record<string, string | string[]> }[] = [
  { path: "/" },
  { path: "/a//b/./c/../d?b=1&c" },
  { path: "/a/b/.." },
  { path: "/a/." },
  { path: "/a?" },
  { path: "/a?bb=0&B=%20" },
  { path: "/a?b" },
  { path: "/a?x=b=1&b=" },
  { path: "/a%2Fb%2f%2e%2e/c" },
  { path: "/a%252F%3Fb%23c?d" },
  { path: "/%e6%94%b6%22%5c%0a%7f" },
  { path: "/a+b;c=d" },
  { path: "/", headers: { "x-odd": '"\\ \t~\u00e6\u00ff', "x-empty": "" } },
  { path: "/", headers: { cookie: ["a=1", "b=2"], "content-type": "application/grpc" } },
  { path: "/", headers: { authorization: `Basic ${btoa("ann:pa:ss")}`, "x-forwarded-for": "10.1.1.1" } },
  { path: "/", headers: { authorization: `basic  ${btoa("bob:")}` } },
  { path: "/", headers: { authorization: `Basic ${btoa(":x")}` } },
  { path: "/", headers: { authorization: "Bearer x" } },
]
const refused = ["/..", "/a/../../b", "/a%", "/a%zz", "/a%00", "/%2e%2e/a"]

const directory = missing ? "" : mkdtempSync(join(tmpdir(), "sluice-nginx-"))
const path = (name: string) => join(directory, name)
let nginx: ChildProcess
let client: http2.ClientHttp2Session
let backend: http2.Http2Server

beforeAll(async () => {
  if (missing) return
  backend = http2.createServer((_request, response) =>
    response.writeHead(200, { "x-internal": "yes" }).end("hello"),
  )
  backend.listen(path("backend"))
  await once(backend, "listening")
  writeFileSync(path("nginx.conf"), nginxConf())
  nginx = spawn("nginx", ["-p", directory, "-c", path("nginx.conf"), "-e", path("error.log")], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  await new Promise<void>((resolve, reject) => {
    let said = ""
    nginx.stderr!.on("data", (chunk) => {
      said += chunk
      if (said.includes("event method")) resolve()
    })
    nginx.on("exit", () => reject(new Error(said)))
  })
  client = http2.connect("http://localhost", { createConnection: () => connect(path("listen")) })
})

afterAll(() => {
  client?.close()
  backend?.close()
  nginx?.kill("SIGKILL")
  if (!missing) rmSync(directory, { recursive: true })
})

function nginxConf(): string {
  const formats = MODES.map((mode) => {
    const text = VARIABLES.map((name) => `${name}=<$${name}>`).join("|")
    return `log_format ${mode} escape=${mode} '${text}\x1e'; access_log ${path(mode)} ${mode};`
  })
  const tries = ["upstream_addr", "upstream_status", "upstream_connect_time", "upstream_header_time"]
  tries.push(
    "upstream_response_time",
    "upstream_bytes_received",
    "upstream_http_x_internal",
    "upstream_http_none",
  )
  return `daemon off; master_process off; pid ${path("pid")}; error_log stderr notice;
    events {}
    http {
      client_body_temp_path ${path("body")}; proxy_temp_path ${path("proxy")};
      fastcgi_temp_path ${path("f")}; uwsgi_temp_path ${path("u")}; scgi_temp_path ${path("s")};
      upstream chat { server unix:${path("dead")}; server unix:${path("backend")}; }
      log_format tries '${tries.map((name) => `$${name}`).join("|")}';
      ${formats.join("\n")}
      server {
        listen unix:${path("listen")} http2;
        server_name chat.example;
        location / { return 204; }
        location /tries { access_log ${path("tries")} tries; grpc_pass chat; }
      }
    }`
}

async function ask(path: string, headers: Record<string, string | string[]> = {}): Promise<number> {
  const stream = client.request(
    { ":method": "POST", ":path": path, ":authority": authority, ...headers },
    { endStream: true },
  )
  const [response] = (await once(stream, "response")) as [http2.IncomingHttpHeaders & { ":status": number }]
  stream.resume()
  await once(stream, "close")
  return response[":status"]
}

function recordOf({ path, headers = {} }: (typeof requests)[number], requestNumber: number): StreamRecord {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, one]),
  )
  return streamRecord({
    requestNumber,
    authority,
    path,
    requestHeaders: new HeaderList(fields),
    status: 204,
    responseOctets: 0,
    attempts: [],
    connection: { remoteAddress: "unix:" },
  })
}

test.skipIf(missing)("nginx logs what our templates say, and refuses the paths we refuse", async () => {
  for (const { path, headers } of requests) expect(await ask(path, headers), path).toBe(204)
  for (const path of refused) {
    expect(await ask(path), path).toBe(400)
    expect(normalizeUri(path)).toBeNull()
  }
  await ask("/tries")
  await ask("/tries")
  nginx.removeAllListeners("exit")
  const exited = once(nginx, "exit")
  client.close()
  nginx.kill("SIGQUIT")
  await exited

  for (const mode of MODES) {
    const lines = readFileSync(path(mode), "latin1").split("\x1e\n")
    for (const [index, request] of requests.entries()) {
      const ours = VARIABLES.map((name) => {
        const text = compileTemplate(`${name}=<$${name}>`, mode).render(
          recordOf(request, index + 1),
          templateEnvironment(),
        )
        return text
      })
      expect(ours, `${mode}: ${request.path}`).toEqual(lines[index]!.split("|"))
    }
  }
  const tried = readFileSync(path("tries"), "latin1").split("\n")
  const record = streamRecord({
    attempts: [
      attemptRecord({ address: `unix:${path("dead")}`, status: 502, connectedMs: 0, headersMs: 0 }),
      attemptRecord({
        address: `unix:${path("backend")}`,
        responseHeaders: new HeaderList(["x-internal", "yes"]),
      }),
    ],
  })
  const shape = (line: string) => line.replaceAll(/\d\.\d{3}/g, "T").replaceAll(/\d+, \d+(?=\|yes)/g, "N, N")
  const template =
    "$upstream_addr|$upstream_status|$upstream_connect_time|$upstream_header_time|$upstream_response_time|$upstream_bytes_received|$upstream_http_x_internal|$upstream_http_none"
  expect(shape(compileTemplate(template, "default").render(record, templateEnvironment()))).toBe(
    shape(tried[0]!),
  )
})
