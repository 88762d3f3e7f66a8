/** `auth_request` of gRPC calls and of HTTP, asked of servers that do not do what they should. */
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2"
import type { AddressInfo } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { TestBed } from "../support/test-bed.ts"

const { OK, PERMISSION_DENIED, UNAUTHENTICATED, UNAVAILABLE, INTERNAL } = grpc.status

/** A balancer that asks `answer` about every call. */
async function start(t: TestContext, answer: RequestListener, limits: Record<string, number> = {}) {
  const server = createServer(answer)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return TestBed.start(t, {
    config: (addresses) => ({
      clusters: { test: addresses, auth: [`127.0.0.1:${port}`] },
      limits,
      routes: [
        {
          prefix: "/",
          cluster: "test",
          access: { request: { path: "/auth", set: { who: "$upstream_http_x_who" } } },
          addHeaders: { "x-who": "$who" },
        },
        { exact: "/auth", internal: true, proxy: { cluster: "auth" } },
      ],
    }),
  })
}

const saying =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers)
    response.end()
  }

async function httpHead(t: TestContext, { port }: TestBed) {
  const session = connect(`http://127.0.0.1:${port}`)
  t.onTestFinished(() => session.destroy())
  const [head] = (await once(session.request({ ":path": "/" }), "response")) as [
    IncomingHttpHeaders & IncomingHttpStatusHeader,
  ]
  return head
}

test("what it answers becomes a variable, for gRPC too, and it sees the call's fields and no body", async (t) => {
  const seen: IncomingHttpHeaders[] = []
  const bed = await start(t, (request, response) => {
    seen.push(request.headers)
    saying(204, { "x-who": "alice" })(request, response)
  })
  const metadata = new grpc.Metadata()
  metadata.set("authorization", "Bearer a")
  const { code, initial } = await bed.client().unary(Buffer.from("x"), metadata)
  expect([code, initial!.get("x-who")]).toEqual([OK, ["alice"]])
  expect(seen).toMatchObject([{ authorization: "Bearer a" }])
  expect(seen[0]!["content-length"] ?? "0").toBe("0")
})

describe("a server that", () => {
  test.for<[what: string, answer: RequestListener, code: number, details: string, http: number]>([
    ["says 401", saying(401, { "www-authenticate": "Bearer" }), UNAUTHENTICATED, "asks for credentials", 401],
    ["says 403", saying(403), PERMISSION_DENIED, "refuses the request", 403],
    ["says 500", saying(500), UNAVAILABLE, "the authorization server failed: 500", 500],
    ["says 503", saying(503), UNAVAILABLE, "the authorization server failed: 503", 500],
    ["redirects", saying(302, { location: "/" }), INTERNAL, "unexpected status: 302", 500],
    ["says 404", saying(404), INTERNAL, "unexpected status: 404", 500],
    ["hangs", () => {}, UNAVAILABLE, "the authorization server failed: 504", 500],
    ["breaks off", (request) => request.socket.destroy(), UNAVAILABLE, "failed: 502", 500],
    ["speaks no HTTP", (request) => request.socket.end("no\r\n\r\n"), UNAVAILABLE, "failed: 502", 500],
  ])("%s lets no call in", async ([what, answer, code, details, http], t) => {
    const bed = await start(t, answer, what === "hangs" ? { subrequestTimeoutMs: 150 } : {})
    const told = await bed.client().unary(Buffer.from("x"))
    expect([told.code, told.details]).toEqual([code, expect.stringContaining(details)])
    const head = await httpHead(t, bed)
    expect([head[":status"], head["www-authenticate"]]).toEqual([http, http === 401 ? "Bearer" : undefined])
    expect(bed.records.every(({ attempts }) => attempts.length === 0)).toBe(true)
  })
})
