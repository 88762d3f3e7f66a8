/** Where the method of the client and the one that a backend is sent differ: beside nginx, over HTTP/1.1 and HTTP/2. */
import { once } from "node:events"
import { createServer } from "node:http"
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2"
import { connect, type Server } from "node:net"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** A backend of HTTP/1.1 that says its method in a field, and in a body of five octets where it may. */
async function backend(t: TestContext, socket: string): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(Number(request.headers["x-status"] ?? 200), {
        "x-method": request.method!,
        ...(request.url!.endsWith("chunked") ? {} : { "content-length": "5" }),
      })
      response.end("hello")
    })
  })
  await listen(t, server, socket)
}

async function grpcBackend(t: TestContext, socket: string): Promise<void> {
  const server = createHttp2Server((request, response) => {
    response.writeHead(200, { "x-method": request.method })
    response.end("hello")
  })
  await listen(t, server, socket)
}

async function listen(t: TestContext, server: Server, socket: string) {
  server.listen(socket)
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
}

interface Told {
  readonly status: unknown
  readonly method: unknown
  readonly length: unknown
  readonly body: string
  /** HTTP/2: there were octets or an end behind the head. */
  readonly isMore?: boolean
}

/** Over HTTP/1.1, on one connection with the next request behind it: what is a body is told by what follows. */
function overHttp1(socketPath: string, method: string, path: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let text = ""
    socket.setEncoding("latin1").on("error", reject)
    socket.on("data", (octets: string) => (text += octets))
    socket.on("end", () => {
      const [head] = text.split("\r\n\r\n")
      const body = text.slice(head!.length + 4)
      resolve({
        status: Number(/^HTTP\/1.1 (\d+)/.exec(head!)?.[1]),
        method: /^x-method: (\S+)/im.exec(head!)?.[1],
        length: lengthOf(/^HTTP\/1.1 204/.test(head!) ? "0" : /^content-length: (\S+)/im.exec(head!)?.[1]),
        body: body.slice(0, body.indexOf("HTTP/1.1 ")),
      })
      socket.destroy()
    })
    const length = method === "POST" ? "Content-Length: 3\r\n" : ""
    const last = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: h\r\n${length}\r\n${length === "" ? "" : "abc"}${last}`)
  })
}

/** nginx says the length of what has none: of 204, and 0 of what HEAD asks for. */
const lengthOf = (said: string | undefined): string | undefined => (said === "0" ? undefined : said)

const END_STREAM = 1

function overHttp2(socketPath: string, method: string, path: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2("http://h", { createConnection: () => connect(socketPath) })
    session.on("error", reject)
    const stream = session.request({ ":method": method, ":path": path }, { endStream: method !== "POST" })
    let body = ""
    let told: Omit<Told, "body"> | null = null
    stream.setEncoding("latin1")
    stream.on("response", (head, flags) => {
      const isMore = (flags & END_STREAM) === 0
      const length = lengthOf(head["content-length"])
      told = { status: head[":status"], method: head["x-method"], length, isMore }
    })
    stream.on("data", (octets: string) => (body += octets))
    stream.on("error", reject)
    stream.on("end", () => {
      session.destroy()
      resolve({ ...told!, body })
    })
    if (method === "POST") stream.end("abc")
  })
}

const SERVER = `server { listen SOCKET; listen SOCKET.2 http2; proxy_http_version 1.1;
  location / { proxy_pass http://BACKEND; }
  location /last { return 200; }
  location /post { proxy_method POST; proxy_pass http://BACKEND; }
  location /get { proxy_method GET; proxy_pass http://BACKEND; }
  location /head { proxy_method HEAD; proxy_pass http://BACKEND; }
  location /none { proxy_set_header X-Status 204; proxy_method POST; proxy_pass http://BACKEND; }
  location /same { proxy_set_header X-Status 304; proxy_method POST; proxy_pass http://BACKEND; }
  location /grpc { grpc_pass unix:GRPC; }
  location /page { error_page 404 /paged; return 404; }
  location /paged { proxy_pass http://BACKEND; }
  location /named { error_page 404 @named; return 404; }
  location @named { proxy_method PUT; proxy_pass http://BACKEND; }
  location /grpc-page { error_page 404 /grpc; return 404; }
  location /caught { error_page 401 /paged; proxy_intercept_errors on; proxy_method POST;
    proxy_set_header X-Status 401; proxy_pass http://BACKEND; }
  location /auth { auth_request /allow; proxy_method PUT; proxy_pass http://BACKEND; }
  location = /allow { proxy_method HEAD; proxy_pass_request_body off; proxy_set_header Content-Length "";
    proxy_pass http://BACKEND; }
}`

const CASES = [
  ...[
    "/",
    "/chunked",
    "/get",
    "/get/chunked",
    "/post",
    "/post/chunked",
    "/head",
    "/none",
    "/same",
    "/grpc",
  ].map((path): [string, string] => ["HEAD", path]),
  ...["/page", "/named", "/grpc-page", "/caught", "/auth", "/auth/chunked"].map((path): [string, string] => [
    "HEAD",
    path,
  ]),
  ...["/get", "/page", "/named", "/grpc-page", "/caught", "/auth", "/none", "/same"].map(
    (path): [string, string] => ["POST", path],
  ),
]

test.skipIf(!hasNginx)("a method of the client's and one of the backend's", async (t) => {
  const beside = new BesideNginx(t)
  const socket = (name: string): string => join(beside.directory, name)
  await backend(t, socket("backend"))
  await grpcBackend(t, socket("grpc"))
  const text = SERVER.replaceAll("BACKEND", `unix:${socket("backend")}`).replaceAll("GRPC", socket("grpc"))
  await beside.startNginx(t, text)
  await beside.startSluice(text)
  for (const [method, path] of CASES) {
    const one = `${method} ${path}`
    const [ours, theirs] = await Promise.all(
      ["sluice", "nginx"].map(async (name) => ({
        http1: await overHttp1(socket(name), method, path),
        http2: await overHttp2(socket(`${name}.2`), method, path),
      })),
    )
    expect(ours, one).toEqual(theirs)
  }
})

test("a client that asks for a body, and whose backend was asked for a head, is told of no length", async (t) => {
  const beside = new BesideNginx(t)
  const socket = (name: string): string => join(beside.directory, name)
  await backend(t, socket("backend"))
  await beside.startSluice(
    SERVER.replaceAll("BACKEND", `unix:${socket("backend")}`).replaceAll("GRPC", "none"),
  )
  const told = { status: 200, method: "HEAD", length: undefined }
  for (const method of ["GET", "POST"]) {
    expect(await overHttp1(socket("sluice"), method, "/head")).toEqual({ ...told, body: "0\r\n\r\n" })
    expect(await overHttp2(socket("sluice.2"), method, "/head")).toEqual({ ...told, body: "", isMore: false })
  }
})
