/** `add_trailer`: the same file and the same requests through nginx and through Sluice, over HTTP/1 and HTTP/2. */
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer, request as requestHttp1 } from "node:http"
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
} from "node:http2"
import { connect, type Server } from "node:net"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

const SERVER = `proxy_http_version 1.1;
  add_trailer X-Time "of $request_method"; add_trailer X-Always "$sent_http_x_own$status" always; add_trailer X-No "";
  location / { root DIRECTORY; }
  location /text { return 200 "a text"; }
  location /none { return 204; }
  location /to { return 301 /text; }
  location /gone { return 404; }
  location /proxy { proxy_pass http://unix:BACKEND; }
  location /grpc { grpc_pass unix:GRPC; }
  location /inner { add_trailer X-Inner 1; proxy_pass http://unix:BACKEND; }
  location /led { error_page 404 /inner; return 404; }`

interface Told {
  status: unknown
  length: unknown
  trailers: Record<string, unknown>
  body: string
}

const shown = (trailers: IncomingHttpHeaders): Record<string, unknown> => ({ ...trailers })

function overHttp1(socketPath: string, method: string, path: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    const request = requestHttp1({ socketPath, method, path, agent: false }, (response) => {
      let body = ""
      response.setEncoding("latin1").on("data", (octets: string) => (body += octets))
      response.on("error", reject)
      response.on("end", () => {
        const { statusCode: status, headers, trailers } = response
        resolve({
          status,
          length: lengthOf(status, headers["content-length"]),
          trailers: shown(trailers),
          body: bodyOf(status, body),
        })
      })
    })
    request.on("error", reject).end()
  })
}

/** What nginx's own pages call themselves is not what is asked here. */
const lengthOf = (status: unknown, said: unknown): unknown =>
  status === 200 ? (said === "0" ? undefined : said) : said !== undefined

const bodyOf = (status: unknown, body: string): string => (status === 200 ? body : "")

function overHttp2(
  socketPath: string,
  method: string,
  path: string,
  fields: Record<string, string> = {},
): Promise<Told & { head?: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2("http://h", { createConnection: () => connect(socketPath) })
    session.on("error", reject)
    const stream = session.request({ ":method": method, ":path": path, ...fields })
    const told: Told & { head?: IncomingHttpHeaders } = {
      status: 0,
      length: undefined,
      trailers: {},
      body: "",
    }
    stream.setEncoding("latin1").on("error", reject)
    stream.on("response", (head) => {
      told.status = head[":status"]
      told.length = head["content-length"]
      if (fields["content-type"] !== undefined) told.head = head
    })
    stream.on("trailers", (trailers) => (told.trailers = shown(trailers)))
    stream.on("data", (octets: string) => (told.body += octets))
    stream.on("end", () => {
      session.destroy()
      resolve({ ...told, length: lengthOf(told.status, told.length), body: bodyOf(told.status, told.body) })
    })
    stream.end()
  })
}

async function listen(t: TestContext, server: Server, socket: string): Promise<void> {
  server.listen(socket)
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
}

async function files(
  t: TestContext,
): Promise<{ beside: BesideNginx; text: string; socket(name: string): string }> {
  const beside = new BesideNginx(t)
  const socket = (name: string): string => join(beside.directory, name)
  mkdirSync(socket("files"))
  writeFileSync(join(socket("files"), "x.txt"), "the file")
  writeFileSync(join(socket("files"), "empty.txt"), "")
  const backend = createServer((request, response) => {
    response.setHeader("X-Own", "own")
    if (request.url!.includes("chunked")) response.write("some, ")
    response.statusCode = request.url!.includes("500") ? 500 : 200
    response.end("the rest")
  })
  const grpc = createHttp2Server((request, response) => {
    response.writeHead(200, { "content-type": "application/grpc", "x-own": "own" })
    if (!request.url.includes("empty")) response.write("message")
    response.addTrailers({ "grpc-status": "0" })
    response.end()
  })
  await listen(t, backend, socket("backend"))
  await listen(t, grpc, socket("grpc"))
  const server = SERVER.replaceAll("DIRECTORY", socket("files"))
    .replaceAll("BACKEND", socket("backend"))
    .replaceAll("GRPC", socket("grpc"))
  return { beside, socket, text: `server { listen SOCKET; listen SOCKET.2 http2; ${server} }` }
}

const PATHS = [
  ...["/x.txt", "/empty.txt", "/missing.txt", "/text", "/none", "/to", "/gone", "/proxy", "/proxy/chunked"],
  ...["/proxy/500", "/grpc", "/grpc/empty", "/inner", "/led"],
]

test.skipIf(!hasNginx)("trailers are added as nginx adds them", async (t) => {
  const { beside, text, socket } = await files(t)
  await beside.startNginx(t, text)
  await beside.startSluice(text)
  for (const method of ["GET", "HEAD"])
    for (const path of PATHS) {
      const [ours, theirs] = await Promise.all(
        ["sluice", "nginx"].map(async (name) => ({
          http1: await overHttp1(socket(name), method, path),
          http2: await overHttp2(socket(`${name}.2`), method, path),
        })),
      )
      expect(ours, `${method} ${path}`).toEqual(theirs)
    }
})

test("how a call of gRPC has ended stands where its client looks, trailers or not", async (t) => {
  const { beside, text, socket } = await files(t)
  const server = text.replace("location /none", "location /refused { return 403; } location /none")
  await beside.startSluice(server)
  const told = await overHttp2(socket("sluice.2"), "POST", "/refused", { "content-type": "application/grpc" })
  expect(told.trailers).toEqual({})
  expect(told.head).toMatchObject({ "grpc-status": "7", "x-always": expect.stringMatching(/\d/) })
})

test("an answer whose messages have a rate gets its trailers once, whatever page of an error it comes to", async (t) => {
  const { beside, text, socket } = await files(t)
  const led = "proxy_pass http://unix:/nowhere; error_page 502 /text;"
  const rated = `location /rated { limit_messages rate=9/s; ${led} } location /unrated { ${led} } location /none`
  await beside.startSluice(text.replace("location /none", rated))
  const [limited, unlimited] = await Promise.all(
    ["/rated", "/unrated"].map((path) => overHttp2(socket("sluice.2"), "GET", path)),
  )
  expect(unlimited!.trailers["x-always"]).toBe("502")
  expect(limited).toEqual(unlimited)
})
