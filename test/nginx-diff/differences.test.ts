/** A name explains what it says and nothing beside: outcomes that nothing has ever answered with. */
import { expect, test } from "vitest"
import { compare } from "./compare.ts"
import { differences, type Outcome } from "./differences.ts"
import type { Probe } from "./probes.ts"
import type { Answer } from "./send.ts"
import { readShape } from "./shape.ts"
import type { Seen } from "./stub.ts"

type Pairs = [string, string][]
const GRPC: Pairs = [["content-type", "application/grpc"]]

function probe(server: string, headers: Pairs = GRPC): Probe {
  const servers = readShape("f", server)
  const listen = {
    ...{ original: "80", host: "127.0.0.1", port: 80, unixPath: null },
    ...{ isTls: false, isHttp2: true, isProxied: false, servers },
  }
  const isGrpc = headers === GRPC
  return { listen, http: "2", host: "a.example", method: "POST", path: "/", headers, body: [], isGrpc }
}

const seen = (backend: string, more: Partial<Seen> = {}): Seen => ({
  ...{ backend, protocol: "HTTP/2", isTls: false, method: "POST", path: "/", headers: [], body: "" },
  ...more,
})

function outcome(status: number, answer: Partial<Answer>, ...all: Seen[]): Outcome {
  return { answer: { status, error: "", headers: [], trailers: [], body: "", ...answer }, seen: all }
}

/** Of each thing that is not the same the name, or null. */
function namesOf(asked: Probe, nginx: Outcome, sluice: Outcome): Record<string, string | null> {
  const found = compare(nginx, sluice).map((mismatch) => {
    const difference = differences.find((each) => each.explains(mismatch, asked, nginx, sluice))
    return [mismatch.what, difference?.name ?? null]
  })
  return Object.fromEntries(found)
}

const ofGrpc = (status: string): Outcome => outcome(200, { headers: [...GRPC, ["grpc-status", status]] })
const page = (status: number, headers: Pairs = []): Outcome => outcome(status, { headers, body: "page" })

test.each<[why: string, nginx: Outcome, grpcStatus: string, isNamed: boolean]>([
  ["an error's own status", page(502), "14", true],
  ["another", page(502), "13", false],
  ["OK of an error", page(502), "0", false],
  ["that of the cause", page(503), "8", true],
  ["one of no cause", page(503), "7", false],
  ["a limit whose status the file says", page(429), "8", true],
  ["403", page(403), "7", true],
  ["403 as UNAUTHENTICATED", page(403), "16", false],
  ["OK of a page", page(200), "0", true],
  ["an error of a page", page(200), "14", false],
  ["an error of 204", page(204), "12", false],
  ["what the file says", page(204, [["grpc-status", "12"]]), "12", true],
  ["otherwise than the file says", page(403, [["grpc-status", "12"]]), "7", false],
])("gRPC status: %s", (_, nginx, grpcStatus, isNamed) => {
  const names = Object.values(namesOf(probe("server { }"), nginx, ofGrpc(grpcStatus)))
  expect(new Set(names)).toEqual(new Set([isNamed ? "gRPC status" : null]))
})

test.each([
  ["12", "gRPC status"],
  ["14", null],
])("gRPC status: %s of a page of 200 that stands for 404", (grpcStatus, name) => {
  const asked = probe("server { location / { error_page 404 =200 /page; } }")
  expect(new Set(Object.values(namesOf(asked, page(200), ofGrpc(grpcStatus))))).toEqual(new Set([name]))
})

test.each([
  ["error_page 503 =404 /page;", "14", "gRPC status"],
  ["error_page 503 =404 /page;", "7", null],
  ["error_page 503 = @page;", "14", "gRPC status"],
  ["error_page 503 /page;", "14", null],
  ["error_page 503 =405 /page;", "14", null],
])("gRPC status: of a page of 404 by %s, %s", (written, grpcStatus, name) => {
  const asked = probe(`server { location / { ${written} } }`)
  expect(new Set(Object.values(namesOf(asked, page(404), ofGrpc(grpcStatus))))).toEqual(new Set([name]))
})

test.each([
  ["the plain HTTP request was sent", "13", "HTTP/2 to a port with TLS"],
  ["the plain HTTP request was sent", "2", null],
  ["no plain words", "13", null],
])("HTTP/2 to a port with TLS: %s, %s", (message, grpcStatus, name) => {
  const { answer } = ofGrpc(grpcStatus)
  const sluice = outcome(200, { headers: [...answer.headers, ["grpc-message", message]] })
  expect(new Set(Object.values(namesOf(probe("server { }"), page(502), sluice)))).toEqual(new Set([name]))
})

test("gRPC status: another answer of a backend's", () => {
  const nginx = outcome(200, { headers: [...GRPC, ["grpc-status", "5"]] }, seen("a"))
  const sluice = outcome(200, { headers: [...GRPC, ["grpc-status", "0"]] }, seen("a"))
  expect(namesOf(probe("server { }"), nginx, sluice)).toEqual({ "header grpc-status": null })
})

test("further tries: only of those that may be repeated, and only what backends saw and said", () => {
  const body = (backend: string): Partial<Answer> => ({ body: `{"backend":"${backend}"}` })
  const nginx = outcome(503, body("a"), seen("a"))
  const sluice = outcome(503, body("b"), seen("a"), seen("b"))
  const of = (words: string, more = "") =>
    probe(`server { server_name a.example; location / { grpc_next_upstream ${words}; } } ${more}`)
  const name = "further tries"
  expect(namesOf(of("http_503 non_idempotent"), nginx, sluice)).toEqual({ seen: name, body: name })
  expect(namesOf(of("http_503"), nginx, sluice)).toEqual({ seen: null, body: null })
  const other = "server { server_name b.example; grpc_next_upstream http_503 non_idempotent; }"
  expect(namesOf(of("http_503", other), nginx, sluice)).toEqual({ seen: null, body: null })
  const wrong = outcome(500, { body: "b", headers: [["x-from", "b"]] }, seen("a"), seen("b"))
  expect(namesOf(of("http_503 non_idempotent"), nginx, wrong)).toEqual({
    ...{ status: null, "header x-from": null },
    ...{ body: null, seen: name },
  })
})

test("gzip: what compressing changes", () => {
  const asked = probe("server { gzip on; gzip_vary on; }", [["accept-encoding", "gzip"]])
  const zipped: Pairs = [
    ["content-encoding", "gzip"],
    ["vary", "Accept-Encoding"],
    ["x-a", "1"],
  ]
  const nginx = outcome(200, { headers: zipped, body: "zipped" }, seen("a"))
  const sluice = outcome(404, { headers: [["x-a", "2"]], body: "plain" }, seen("b"))
  expect(namesOf(asked, nginx, sluice)).toEqual({
    ...{ status: null, "header content-encoding": "gzip", "header vary": "gzip", "header x-a": null },
    ...{ body: "gzip", "seen backend": null },
  })
  const varied = outcome(200, { headers: [["vary", "Accept-Encoding"]] })
  expect(namesOf(asked, varied, outcome(200, {}))).toEqual({ "header vary": "gzip" })
  expect(namesOf(probe("server { gzip on; }"), varied, outcome(200, {}))).toEqual({ "header vary": null })
})

test("mirror: what backends saw of a copy", () => {
  const asked = probe("server { location / { mirror /copy; } }", [])
  const plain = outcome(200, {}, seen("a"))
  expect(namesOf(asked, outcome(404, {}, seen("a"), seen("m")), plain)).toEqual({
    status: null,
    seen: "mirror",
  })
  expect(namesOf(asked, plain, outcome(200, {}, seen("a"), seen("a")))).toEqual({ seen: null })
  const late = outcome(200, {}, seen("a", { path: "/copy", method: "GET" }))
  expect(namesOf(asked, late, plain)).toEqual({ "seen path": "mirror", "seen method": "mirror" })
  const wrong = outcome(200, {}, seen("a", { path: "/b", headers: [["x-a", "1"]] }))
  expect(namesOf(asked, wrong, plain)).toEqual({ "seen path": null, "seen x-a": null })
})

test("if behind if: only where one of several passes requests on, and nginx asks no backend", () => {
  const name = "if behind if"
  const of = (ifs: string) => probe(`server { location / { ${ifs} proxy_pass http://b; } }`, [])
  const sluice = outcome(200, {}, seen("b"))
  const two = "if ($http_a) { grpc_pass a; } if ($http_b) { set $b 1; }"
  expect(namesOf(of(two), outcome(500, {}), sluice)).toEqual({ status: name, seen: name })
  expect(namesOf(of(two), outcome(500, {}, seen("b")), sluice)).toEqual({ status: null })
  expect(namesOf(of(two), outcome(404, {}), sluice)).toEqual({ status: null, seen: null })
  expect(namesOf(of("if ($http_a) { grpc_pass a; }"), outcome(500, {}), sluice)).toEqual({
    ...{ status: null, seen: null },
  })
  expect(namesOf(of("if ($a) { set $b 1; } if ($b) { set $a 1; }"), outcome(500, {}), sluice)).toEqual({
    ...{ status: null, seen: null },
  })
})

test("length of a request: a number alone, where the file asks for it", () => {
  const asked = probe("server { return 200 $request_length; }", [])
  const body = (text: string) => outcome(200, { body: text })
  expect(namesOf(asked, body("GET 19"), body("GET 52"))).toEqual({ body: "length of a request" })
  expect(namesOf(asked, body("GET 19"), body("PUT 52"))).toEqual({ body: null })
  expect(namesOf(probe("server { }", []), body("19"), body("52"))).toEqual({ body: null })
})

test.each([
  ["16", "gRPC status"],
  ["7", null],
  ["0", null],
])("gRPC status: %s where a redirect stands for 401", (grpcStatus, name) => {
  const asked = probe("server { error_page 401 = @login; }")
  expect(new Set(Object.values(namesOf(asked, page(302), ofGrpc(grpcStatus))))).toEqual(new Set([name]))
})

test("satisfy any: 403 where the authorization server failed, and nothing else", () => {
  const name = "satisfy any"
  const any = probe("server { satisfy any; }", [])
  expect(namesOf(any, outcome(403, {}), outcome(500, {}))).toEqual({ status: name })
  expect(namesOf(any, outcome(403, {}), outcome(200, {}))).toEqual({ status: null })
  expect(namesOf(any, outcome(200, {}), outcome(500, {}))).toEqual({ status: null })
  expect(namesOf(probe("server { satisfy all; }", []), outcome(403, {}), outcome(500, {}))).toEqual({
    status: null,
  })
})

test("dollar sign: that of a redirect alone", () => {
  const to = (location: string) => outcome(301, { headers: [["location", location]] })
  const names = (nginx: string, sluice: string) => namesOf(probe("server { }", []), to(nginx), to(sluice))
  expect(names("http://a/$b/", "http://a/%24b/")).toEqual({ "header location": "dollar sign" })
  expect(names("http://a/$b/", "http://a/%24c/")).toEqual({ "header location": null })
})

test.each<[what: string, headers: Pairs, theirs: Pairs, ours: Pairs, name: string | null]>([
  ["no one asked for it", [], [["upgrade", "websocket"]], [], "HTTP/1.1 upstream"],
  ["the client did", [["upgrade", "websocket"]], [["upgrade", "websocket"]], [], null],
  ["it is sent of Sluice's own", [], [], [["upgrade", "websocket"]], null],
])("HTTP/1.1 upstream, Upgrade: %s", (_, headers, theirs, ours, name) => {
  const asked = probe("server { }", headers)
  const answered = (fields: Pairs): Outcome => outcome(200, {}, seen("a", { headers: fields }))
  expect(namesOf(asked, answered(theirs), answered(ours))).toEqual({ "seen upgrade": name })
})

test.each<[upstreams: string, nginx: number, sluice: number, name: string | null]>([
  ["grpc_pass grpc://u; } location /b { proxy_pass http://u;", 1, 2, "one upstream, two protocols"],
  ["grpc_pass grpc://u; } location /b { proxy_pass http://u;", 2, 1, null],
  ["grpc_pass grpc://u; } location /b { proxy_pass http://v;", 1, 2, null],
])("one upstream, two protocols, several requests at once: %s %i %i", (inner, nginx, sluice, name) => {
  const asked = { ...probe(`server { location / { ${inner} } }`, []), raw: "GET / HTTP/1.1\r\n\r\n" }
  const answered = (count: number): Outcome =>
    outcome(200, {}, ...Array.from({ length: count }, () => seen("a")))
  expect(namesOf(asked, answered(nginx), answered(sluice))).toEqual({ seen: name })
})
