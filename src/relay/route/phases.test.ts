import { describe, expect, test } from "vitest"
import { RouteBed, type RoutedCall } from "../../../test/support/route-bed.ts"
import { redirectInside } from "./internal-redirect.ts"
import { leave } from "./phases.ts"
import type { Route } from "./route.ts"

const server = (text: string, limits = {}): RouteBed => new RouteBed(`server { listen 80; ${text} }`, limits)
const plain = (limits = {}): RouteBed => server("location / { grpc_pass c1; }", limits)

describe("what every request goes through", () => {
  test.each([
    ["GET", "to c1"],
    ["POST", "to c1"],
    ["OPTIONS", "to c1"],
    ["TRACE", "405 method_not_allowed: TRACE is not served"],
    ["CONNECT", "405 method_not_allowed: CONNECT is not served"],
  ])("%s: %s", (method, expected) => expect(plain().ask({ path: "/", method })).toBe(expected))

  test.each<[string | null | undefined, string]>([
    [undefined, "to c1"],
    [null, "to c1"],
    ["missing", "certificate_missing: no client certificate was sent, and one is required"],
    ["failed", "certificate_failed: the client certificate is not accepted: expired"],
  ])("a client's certificate that is %s: %s", (clientRefused, expected) => {
    const tls = clientRefused === undefined ? null : { clientRefused, clientVerify: "FAILED:expired" }
    expect(plain().ask({ path: "/", connection: { tls } as never })).toContain(expected)
  })

  test("a gRPC call's deadline counts from when it came, and never ends early", () => {
    const bed = plain()
    bed.clock.advance(1000)
    const deadline = (isGrpc: boolean, ...fields: string[]): number =>
      bed.begin({ path: "/", isGrpc, fields }).record.deadlineMs
    expect(deadline(true, "grpc-timeout", "250m")).toBe(1251)
    expect(deadline(true)).toBe(0)
    expect(deadline(false, "grpc-timeout", "250m")).toBe(0)
  })

  test("one that has no meaning is refused", () => {
    const bed = plain()
    const malformed = "9".repeat(50)
    expect(bed.ask({ path: "/", isGrpc: true, fields: ["grpc-timeout", malformed] })).toBe(
      `400 bad_request: malformed grpc-timeout: ${"9".repeat(40)}`,
    )
    expect(bed.counters.get("grpc_timeout_malformed")).toBe(1)
    expect(bed.log.saying("limit reached: grpc_timeout_malformed")).toEqual([{ client: "192.0.2.1" }])
    expect(bed.ask({ path: "/", isGrpc: false, fields: ["grpc-timeout", malformed] })).toBe("to c1")
  })
})

describe("client_max_body_size", () => {
  const bed = server(`location / { client_max_body_size 1000; grpc_pass c1; }
    location /any { client_max_body_size 0; grpc_pass c1; } location /to { client_max_body_size 5; rewrite ^ /; }`)
  const ask = (path: string, contentLength: number): string => bed.ask({ path, contentLength })
  const tooLarge = (octets: number): string =>
    `413 body_too_large: the request is larger than client_max_body_size (${octets} octets) (a backend may have seen it)`

  test("of what the request says of itself", () => {
    expect(ask("/", 1000)).toBe("to c1")
    expect(ask("/", 1001)).toBe(tooLarge(1000))
    expect(ask("/", -1)).toBe("to c1")
    expect(ask("/any", 1e9)).toBe("to c1")
  })

  test("a client may have sent some of it, so that it is no call that nobody has seen", () => {
    expect(bed.begin({ path: "/", contentLength: 1001 }).outcome).toMatchObject({ isUnsent: false })
  })
})

describe("where a call goes", () => {
  test("to a cluster, known or named by variables", () => {
    const bed = server(`location / { grpc_pass c1; } location /v { resolver 127.0.0.1; grpc_pass $arg_to; }`)
    expect(bed.ask("/")).toBe("to c1")
    expect(bed.ask("/v?to=c9")).toBe("to c9")
    expect(bed.begin("/").cluster).toEqual({ name: "c1", mayResolve: false })
    expect(bed.begin("/v?to=c9").cluster).toEqual({ name: "c9", mayResolve: true })
    expect(bed.ask("/v?to=x")).toBe("500 no_endpoint: there is no cluster x")
    const local = server("location /v { grpc_pass $arg_to; }")
    expect(local.begin("/v?to=c9").cluster).toEqual({ name: "c9", mayResolve: false })
  })

  test("nowhere", () => {
    const bed = server("location /a { grpc_pass c1; }")
    expect(bed.ask("/b?c")).toBe("404 no_route: no route for /b?c")
    expect(bed.begin("/b").outcome).toMatchObject({ isUnsent: true, grpcStatus: 12 })
  })

  test("an internal location is none for who asks from outside", () => {
    const bed = server(`location /in { internal; grpc_pass c1; } location /to { rewrite ^ /in last; }`)
    expect(bed.ask("/in")).toBe("404 no_route: no route for /in")
    expect(bed.ask("/to")).toBe("to c1")
    expect(bed.begin("/in", (state) => (state.isInternal = true)).said).toBe("to c1")
  })

  test("limit_except is another route", () => {
    const bed = server("location / { limit_except GET PUT { deny all; } grpc_pass c1; }")
    for (const method of ["GET", "PUT", "HEAD"]) expect(bed.ask({ path: "/", method })).toBe("to c1")
    expect(bed.ask({ path: "/", method: "POST" })).toMatch(/^403/)
  })
})

describe("who is admitted", () => {
  test("is counted, and given back", () => {
    const bed = plain({ workerStreamsMax: 2 })
    const [first] = [bed.begin("/"), bed.begin("/")]
    expect(bed.admission.streamsOpen).toBe(2)
    expect(bed.ask("/")).toMatch(/^503 overload: workerStreamsMax/)
    leave(first!.record, bed.context, "answered")
    expect(bed.admission.streamsOpen).toBe(1)
    expect(bed.ask("/")).toBe("to c1")
  })

  test("one with a short deadline, where too many of those were cut, is not", () => {
    const bed = plain({ cutCallsMax: 1 })
    const connection = bed.begin({ path: "/", isGrpc: true, fields: ["grpc-timeout", "20m"] }).record
      .connection
    expect(connection.cutCalls).toBe(1)
    const short = { path: "/", isGrpc: true, fields: ["grpc-timeout", "20m"], connection: { cutCalls: 1 } }
    expect(bed.admission.streamsOpen).toBe(1)
    expect(bed.ask(short)).toMatch(/^503 overload: cutCallsMax/)
    expect(bed.admission.streamsOpen).toBe(1)
  })

  test("one that ends otherwise than by its deadline has its charge back", () => {
    const bed = plain()
    const { record } = bed.begin({ path: "/", isGrpc: true, fields: ["grpc-timeout", "20m"] })
    expect(record.connection.cutCalls).toBe(1)
    leave(record, bed.context, "otherwise")
    expect(record.connection.cutCalls).toBe(0)
  })
})

describe("a request that is sent to another location of its server", () => {
  const bed = server(`location / { return 200 "root"; } location /there { internal; return 200 "$uri|$args"; }
    location @named { return 200 "named $uri"; }`)
  const sent = (target: string, args?: string, from = "/a?b=c"): { call: RoutedCall; said: string } => {
    const call = bed.begin(from)
    const verdict = redirectInside(call.record, target, args, call.route.host)!
    if (verdict.kind !== "goto") return { call, said: verdict.kind }
    call.route = { ...verdict.route, phases: verdict.phases } as Route
    call.run()
    return { call, said: call.said }
  }

  test.each<[target: string, args: string | undefined, said: string]>([
    ["/there", undefined, "200 /there|"],
    ["/there?x=y?z", undefined, "200 /there|x=y?z"],
    ["/there", "q=1", "200 /there|q=1"],
    ["/there?x", "q=1", "200 /there?x|q=1"],
    ["@named", undefined, "200 named /a"],
    ["@nobody", undefined, "internal"],
    ["/", undefined, "200 root"],
  ])("to %s with %s: %s", (target, args, said) => expect(sent(target, args).said).toBe(said))

  test("as files do it", () => {
    const files = server(`location / { root /x; } location /there { internal; return 200 "$uri|$args"; }`)
    files.leadsTo = ["/there", "a=b"]
    expect(files.ask("/x")).toBe("200 /there|a=b")
    files.leadsTo = ["/there?c"]
    expect(files.ask("/x")).toBe("200 /there|c")
    expect(files.ask("/x")).toBe("files")
  })

  test("the upstream is sent the new path whole", () => {
    const call = bed.begin("/a", (state) => void (state.hasLeftPrefix = true))
    redirectInside(call.record, "/there?x=y", undefined, call.route.host)
    expect(call.record.state).toMatchObject({ isInternal: true, isRewritten: true, hasLeftPrefix: false })
  })

  test("ten times at most", () => {
    const call = bed.begin("/")
    for (let at = 0; at < 10; at++)
      expect(redirectInside(call.record, "/there", undefined, call.route.host)?.kind).toBe("goto")
    const last = redirectInside(call.record, "/x", undefined, call.route.host)
    expect(last).toMatchObject({
      kind: "internal",
      message: "the request was sent to another location too often, last to /there",
    })
  })
})
