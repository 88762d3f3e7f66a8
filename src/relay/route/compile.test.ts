import { describe, expect, test } from "vitest"
import { type Request, RouteBed } from "../../../test/support/route-bed.ts"
import { withAnswer } from "./compile.ts"
import { ResponseRewrite } from "./head-rewrite.ts"
import type { Route } from "./route.ts"

const server = (text: string): RouteBed =>
  new RouteBed(`server { listen 80; server_name first.test second.test; ${text} }`)
const routeOf = (text: string, request: Request = "/"): Route => server(text).begin(request).route

describe("a route", () => {
  test("has its location's name and its server's first", () => {
    expect(routeOf("location ~ ^/a { grpc_pass c1; }", "/a")).toMatchObject({
      name: "~ ^/a",
      serverName: "first.test",
      isAnswer: false,
    })
    expect(routeOf("location /a { grpc_pass c1; }", "/b").name).toBe("")
    const nameless = new RouteBed("server { listen 80; location / { grpc_pass c1; } }")
    expect(nameless.begin("/").route.serverName).toBe("")
  })

  test("knows whether it answers by itself", () => {
    expect(routeOf("location / { return 200; }").isAnswer).toBe(true)
    expect(routeOf("location / { if ($arg_a) { return 200; } grpc_pass c1; }").isAnswer).toBe(false)
  })

  test("knows its cluster where all its calls go there", () => {
    expect(routeOf("location / { grpc_pass c1; }").findCluster()).toEqual({ name: "c1", mayResolve: false })
    expect(routeOf("location / { proxy_pass http://c1; }").findCluster()).toBe(undefined)
    expect(routeOf("location / { return 200; }").findCluster()).toBe(undefined)
  })

  test.each([
    ["grpc_pass c1;", false],
    ["grpc_pass grpcs://c1;", true],
    ["grpc_pass c1; grpc_bind 127.0.0.2;", true],
    ["grpc_pass c1; grpc_socket_keepalive on;", true],
    ["grpc_pass grpc://$arg_to;", false],
    ["grpc_pass grpcs://$arg_to;", true],
    ["proxy_pass http://c1;", true],
    ["return 204;", false],
  ])("%s has connections of its own: %s", (text, has) => {
    expect(server(`location / { ${text} }`).begin("/?to=c1").connector !== null).toBe(has)
  })

  test.each([
    ["grpcs://c1", "grpc_ssl_name $arg_n;", undefined],
    ["grpcs://c1", "grpc_ssl_name c.test; grpc_ssl_server_name on;", undefined],
    ["grpcs://c1", "grpc_ssl_name $arg_n; grpc_ssl_server_name on;", "b.test"],
    ["grpcs://$arg_to", "grpc_ssl_name x.$arg_n; grpc_ssl_server_name on;", "x.b.test"],
    ["https://c1", "proxy_ssl_name $arg_n; proxy_ssl_server_name on;", "b.test"],
  ])("to %s with %j a call says the name of its endpoint: %s", (to, text, name) => {
    const pass = to.startsWith("https") ? "proxy_pass" : "grpc_pass"
    const bed = server(`location / { ${pass} ${to}; ${text} }`)
    expect(bed.begin("/?to=c1&n=B.test").connector).toHaveProperty("serverName", name)
  })

  test.each([
    ["127.0.0.2", "127.0.0.2"],
    ["127.0.0.2:8000", "127.0.0.2:8000"],
    ["one.test", null],
    ["", null],
  ])("of %j its local address is %j", (said, address) => {
    for (const pass of ["grpc_pass grpc://c1; grpc_bind", "proxy_pass http://c1; proxy_bind"]) {
      const bed = server(`location / { ${pass} $arg_a; }`)
      expect(bed.begin(`/?a=${said}`).connector).toHaveProperty("localAddress", address)
    }
  })

  test.each([
    ["b.test:8443", "b.test"],
    ["[::1]:8443", "[::1]"],
    ["[::1", "["],
    ["", ""],
    [":1", ""],
    ["a".repeat(255), "a".repeat(255)],
    ["a".repeat(256), ""],
  ])("of %j its endpoint's name is %j", (said, name) => {
    const bed = server("location / { grpc_pass grpcs://c1; grpc_ssl_name $arg_n; grpc_ssl_server_name on; }")
    expect(bed.begin(`/?n=${said}`).connector).toHaveProperty("serverName", name)
  })

  test.each([
    ["", false],
    ["grpc_read_timeout 5s;", true],
    ["grpc_send_timeout 5s;", true],
    ["client_body_timeout 5s;", true],
  ])("with %j has timeouts of a silent stream: %s", (text, has) => {
    const off = ["grpc_read_timeout", "grpc_send_timeout", "client_body_timeout"]
      .filter((name) => !text.startsWith(name))
      .map((name) => `${name} 0;`)
    const { settings, hasStreamTimeouts } = routeOf(`location / { ${off.join(" ")} ${text} grpc_pass c1; }`)
    const isOn = [settings.readTimeoutMs, settings.sendTimeoutMs, settings.bodyTimeoutMs].some(
      (ms) => ms !== null,
    )
    expect(hasStreamTimeouts).toBe(isOn)
    expect(isOn).toBe(has)
  })

  test("of an error_page's statuses the first that names one counts", () => {
    const bed = server(`location / { grpc_pass c1; error_page 502 503 = @a; error_page 503 504 = @b; }
      location @a { internal; default_type application/grpc; add_header grpc-status 14; add_header grpc-message "a"; return 204; }
      location @b { internal; default_type application/grpc; add_header grpc-status 8; add_header grpc-message "b"; return 204; }`)
    const { errorStatuses } = bed.begin("/").route
    const said = [...errorStatuses].map(([status, { grpcStatus, message }]) => [
      status,
      grpcStatus,
      message.render(bed.begin("/").record, bed.context.env),
    ])
    expect(said).toEqual([
      [502, 14, "a"],
      [503, 14, "a"],
      [504, 8, "b"],
    ])
  })

  test("over TLS sends https as its scheme", () => {
    const scheme = (text: string): string | undefined =>
      server(`location / { ${text} }`).begin("/").sent.get(":scheme")
    expect(scheme("grpc_pass grpcs://c1;")).toBe("https")
    expect(scheme("grpc_pass c1;")).toBe("http")
    expect(scheme("set $to c1; grpc_pass grpcs://$to;")).toBe("https")
    expect(scheme("set $to c1; grpc_pass grpc://$to;")).toBe("http")
  })
})

describe("a route whose address is made of variables", () => {
  const bed =
    server(`resolver 127.0.0.1; location /p { proxy_pass $arg_to; } location /f { proxy_pass http://$arg_to; }
    location /s { proxy_pass https://$arg_to; } location /v { proxy_pass http://127.0.0.1:$arg_to/; } location /l { proxy_pass $arg_to; deny all; }`)
  test.each([
    ["/p?to=http://c1/x", "to c1", "if"],
    ["/p?to=https://c1/x", "to c1", "/p"],
    ["/p?to=http://x", "502 no_endpoint: there is no cluster x", "if"],
    ["/p?to=nonsense", "500 no_endpoint: there is no cluster", "/p"],
    ["/f?to=", "500 no_endpoint: there is no cluster", "/f"],
    ["/f?to=x:99999", "500 no_endpoint: there is no cluster x:99999", "/f"],
    ["/v?to=word", "500 no_endpoint: there is no cluster 127.0.0.1:word", "/v"],
    ["/v?to=9", "502 no_endpoint: there is no cluster 127.0.0.1:9", "/v"],
    ["/f?to=c2", "to c2", "/f"],
    ["/s?to=c2", "to c2", "/s"],
    ["/l?to=http://c1", "403 access_denied: access forbidden by rule", "/l"],
  ])("%s: %s by route %s", (path, said, name) => {
    const call = bed.begin(path)
    expect(call.said.trim()).toBe(said)
    expect(call.route.name).toBe(name)
  })

  test("may be a host's name", () => {
    expect(bed.begin("/p?to=http://c1").cluster).toEqual({ name: "c1", mayResolve: true })
  })
})

test("a file is one kind of answer", () => {
  expect(server("root /tmp; location / { try_files $uri =404; }").ask("/x")).toBe("files")
})

describe("a server's name that is a regex", () => {
  const names = (text: string): RouteBed =>
    new RouteBed(
      `server { listen 80; server_name x.test; } server { listen 80; server_name ${text}; location / { return 200 "[$1]"; } }`,
    )
  test("keeps its groups, whatever its case", () => {
    expect(names(`"~^(.)\\.b$"`).ask({ path: "/", host: "Q.B" })).toBe("200 [q]")
    expect(names(`"~^.\\.b$"`).ask({ path: "/", host: "q.b" })).toBe("200 []")
    expect(names(`"~^(?:.)\\.b$"`).ask({ path: "/", host: "q.b" })).toBe("200 []")
  })

  test("are those of the first that matches, and of none where a name is written out", () => {
    const bed = names(`"~^(q)\\.b$" "~^(.)\\.b$" z.b *.c "~^(.*)\\.c$"`)
    expect(bed.ask({ path: "/", host: "q.b" })).toBe("200 [q]")
    expect(bed.ask({ path: "/", host: "r.b" })).toBe("200 [r]")
    expect(bed.ask({ path: "/", host: "z.b" })).toBe("200 []")
    expect(bed.ask({ path: "/", host: "q.c" })).toBe("200 []")
    expect(names(`"~^.\\.b$" "~^(.)\\.b$"`).ask({ path: "/", host: "q.b" })).toBe("200 []")
  })

  test("the location's come after", () => {
    const bed = new RouteBed(
      `server { listen 80; server_name x.test; } server { listen 80; server_name "~^(.)\\.b$"; location ~ ^/(.*) { return 200 "[$1]"; } location ~ ^/(?:x) { return 200 "$1"; } }`,
    )
    expect(bed.ask({ path: "/z", host: "q.b" })).toBe("200 [z]")
  })

  test("a location's regex without groups leaves them", () => {
    const bed = new RouteBed(
      `server { listen 80; server_name x.test; } server { listen 80; server_name "~^(.)\\.b$"; location ~ ^/(?:x) { return 200 "[$1]"; } location ~ ^/y { return 200 "[$1]"; } }`,
    )
    expect(bed.ask({ path: "/x", host: "q.b" })).toBe("200 [q]")
    expect(bed.ask({ path: "/y", host: "q.b" })).toBe("200 [q]")
  })
})

describe("an answer in place of a route", () => {
  test("keeps all but where it leads, and whom it lets in", () => {
    const bed = server("location / { client_max_body_size 5; deny all; grpc_pass c1; }")
    const { route } = bed.begin("/")
    const action = { ...bed.begin("/").outcome, kind: "return", status: 200 } as never
    const rewrite = new ResponseRewrite(route.settings)
    const answer = withAnswer(route, action, rewrite)
    expect(answer).toMatchObject({ name: "/", serverName: "first.test", isAnswer: true })
    expect(answer.responseRewrite).toBe(rewrite)
    const run = (contentLength: number, method = "GET"): unknown => {
      const call = bed.begin({ path: "/", contentLength, method })
      return answer.phases.map((phase) => phase(call, bed.context)).find((verdict) => verdict !== null)
    }
    expect(run(5)).toBe(action)
    expect(run(6)).toMatchObject({ kind: "body_too_large" })
    expect(run(5, "TRACE")).toMatchObject({ kind: "method_not_allowed" })
    expect(answer.locationPhases).toHaveLength(2)
    const any = withAnswer(
      { ...route, settings: { ...route.settings, maxBodyOctets: null } },
      action,
      rewrite,
    )
    expect(any.locationPhases).toHaveLength(1)
  })
})

test("what nginx returns to gRPC", () => {
  const bed =
    server(`location / { default_type application/grpc; add_header grpc-status 7; add_header grpc-message "no $arg_a"; return 204; }
    location /t { default_type text/x; return 200 "$arg_a"; }`)
  const call = bed.begin("/?a=b")
  const outcome = call.outcome as { grpcStatus: number; grpcMessage: { render(...args: unknown[]): string } }
  expect(outcome.grpcStatus).toBe(7)
  expect(outcome.grpcMessage.render(call.record, bed.context.env)).toBe("no b")
  expect(bed.begin("/t?a=b").outcome).toMatchObject({ contentType: "text/x", grpcMessage: null })
  expect(bed.ask("/t?a=b")).toBe("200 b")
})
