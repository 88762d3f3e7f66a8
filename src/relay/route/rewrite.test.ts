/** nginx's rewrite module. That nginx answers the same is looked for in test/integration/nginx-phases.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"

const server = (text: string): RouteBed => new RouteBed(`server { listen 80; ${text} }`)

describe("if", () => {
  const bed = server(`location / {
    set $r "";
    if ($arg_a) { set $r "$r set"; }
    if ($arg_a = b) { set $r "$r eq"; }
    if ($arg_a != b) { set $r "$r ne"; }
    if ($arg_a ~ ^B) { set $r "$r re"; }
    if ($arg_a ~* ^B) { set $r "$r rei"; }
    if ($arg_a !~ ^B) { set $r "$r nre"; }
    if ($arg_a !~* ^B) { set $r "$r nrei"; }
    return 200 "$arg_a:$r"; }`)
  test.each([
    ["/", "200 : ne nre nrei"],
    ["/?a=b", "200 b: set eq rei nre"],
    ["/?a=Bc", "200 Bc: set ne re rei"],
    ["/?a=0", "200 0: ne nre nrei"],
    ["/?a=00", "200 00: set ne nre nrei"],
  ])("%s", (path, expected) => expect(bed.ask(path)).toBe(expected))

  test("asks of files", () => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-if-"))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    writeFileSync(join(directory, "plain"), "")
    writeFileSync(join(directory, "program"), "", { mode: 0o755 })
    const files = server(`location / {
      set $r "";
      if (-f ${directory}$arg_p) { set $r "$r f"; }
      if (-d ${directory}$arg_p) { set $r "$r d"; }
      if (-e ${directory}$arg_p) { set $r "$r e"; }
      if (-x ${directory}$arg_p) { set $r "$r x"; }
      if (!-f ${directory}$arg_p) { set $r "$r !f"; }
      if (!-d ${directory}$arg_p) { set $r "$r !d"; }
      if (!-e ${directory}$arg_p) { set $r "$r !e"; }
      if (!-x ${directory}$arg_p) { set $r "$r !x"; }
      return 200 "$r"; }`)
    expect(files.ask("/?p=/plain")).toBe("200  f e !d !x")
    expect(files.ask("/?p=/program")).toBe("200  f e x !d")
    expect(files.ask("/")).toBe("200  d e x !f")
    expect(files.ask("/?p=/nothing")).toBe("200  !f !d !e !x")
  })

  test("what holds in its block holds for the rest of the location, the last that held before all", () => {
    const ifs = server(`location / {
      grpc_pass c1; if ($arg_a) { grpc_pass c2; } if ($arg_b) { grpc_pass c3; } if ($arg_c) { set $x 1; } }`)
    expect(ifs.ask("/")).toBe("to c1")
    expect(ifs.ask("/?a=1")).toBe("to c2")
    expect(ifs.ask("/?b=1")).toBe("to c3")
    expect(ifs.ask("/?a=1&b=1")).toBe("to c3")
    expect(ifs.ask("/?a=1&c=1")).toBe("to c1")
    expect(ifs.begin("/?a=1").route.name).toBe("if")
  })

  test("an answer within it is the last step", () => {
    const ifs = server(`if ($arg_a) { return 403; set $x 1; } set $x 2; location / { return 200 "$x"; }`)
    expect(ifs.ask("/?a=1")).toMatch(/^403/)
    expect(ifs.ask("/")).toBe("200 2")
  })
})

describe("groups", () => {
  const bed = server(`
    location /x/ { rewrite ^/x/(.*)$ /x/$1 break; if ($arg_a ~ "(.)(.)") { return 200 "[$1$2]"; } return 200 "[$1]"; }
    location ~ ^/y/(.*)$ { if ($arg_a ~ "b") { return 200 "b[$1]"; } return 200 "[$1]"; }
    location ~ ^/(?<first>[a-z]+)/(\\d+) { return 200 "$first $1 $2 $3"; }
    location ~* ^/SAME/(.) { return 200 "same $1"; }
    location ~ ^/none { return 200 "[$1]"; }`)
  test.each([
    ["/ab/12", "200 ab ab 12"],
    ["/y/q", "200 []"],
    ["/y/q?a=b", "200 b[]"],
    ["/same/z", "200 same z"],
    ["/none", "200 []"],
  ])("%s", (path, expected) => expect(bed.ask(path)).toBe(expected))

  test("of a test that did not match there are none", () => {
    const tried = server(`location ~ ^/y/(.*)$ { if ($arg_a ~ "(b)") { set $x 1; } return 200 "[$1]"; }`)
    expect(tried.ask("/y/q?a=b")).toBe("200 [b]")
    expect(tried.ask("/y/q?a=c")).toBe("200 []")
  })

  test("of a server's name", () => {
    const named = new RouteBed(
      `server { listen 80; server_name x.test; return 200 "x"; }
       server { listen 80; server_name "~^(?<who>[a-z]+)\\.b\\.test$"; location / { return 200 "$who"; } }`,
    )
    expect(named.ask({ path: "/", host: "Ann.b.test:8080" })).toBe("200 ann")
  })
})

test.each([
  ["a rewrite with break", "rewrite ^/a(.*)$ /b$1 break; rewrite ^/b(.*)$ /c$1;"],
  ["a break after a rewrite", "rewrite ^/a(.*)$ /b$1; break; set $x 1;"],
  ["a break in an if", 'if ($uri ~ "^/a") { rewrite ^/a(.*)$ /b$1; break; } rewrite ^/b(.*)$ /c$1;'],
])("of a server, %s: the location is that of the new path", (_, steps) => {
  const bed = server(`${steps}
    location /a { return 200 "a"; } location /b { return 200 "b $uri"; } location /c { return 200 "c"; }
    location / { return 200 "other"; }`)
  expect(bed.ask("/a/x")).toBe("200 b /b/x")
  expect(bed.ask("/b/x")).toBe(steps.includes("/c") ? "200 c" : "200 b /b/x")
  expect(bed.ask("/z")).toBe("200 other")
})

describe("a rewrite", () => {
  const bed = server(`
    location /a { rewrite ^/a(.*)$ /b$1; rewrite ^/b(.*)$ /c$1; return 200 "a $uri"; }
    location /d { rewrite ^/d(.*)$ /c$1 last; return 200 "d"; }
    location /e { rewrite ^/e(.*)$ /c$1; set $x 1; }
    location /f { rewrite ^/f(.*)$ /c$1 break; return 200 "never"; }
    location /g { if ($arg_b) { break; } return 200 "passed"; }
    location /h { rewrite ^/h(.*)$ /c$1; break; }
    location /i { rewrite ^/nothing$ /c; return 200 "i $uri"; }
    location /query { rewrite ^ ?x=1; }
    location /empty { rewrite ^ $arg_none; }
    location /c { return 200 "c $uri [$x]"; }`)
  test.each([
    ["/a/1", "200 a /c/1", "without a flag goes on with the next step"],
    ["/d/1", "200 c /c/1 []", "last looks for the location of what came of it"],
    ["/e/1", "200 c /c/1 [1]", "so does the end of the steps"],
    ["/f/1", "404 no_route: no route for /f/1", "break stays"],
    ["/g", "200 passed", "a break that is not reached"],
    ["/g?b=1", "404 no_route: no route for /g?b=1", "break ends the steps"],
    ["/h/1", "404 no_route: no route for /h/1", "break keeps the location after a change, too"],
    ["/query", "500 internal: the rewritten path is empty", "to a query without a path"],
    ["/i", "200 i /i", "what does not match changes nothing"],
    ["/empty", "500 internal: the rewritten path is empty", "to nothing"],
  ])("%s: %s, %s", (path, expected) => expect(bed.ask(path)).toBe(expected))

  test("goes to ten locations, and no more", () => {
    const loop = server(`location /loop { rewrite ^ /loop; }
      ${Array.from({ length: 10 }, (_, at) => `location = /s${at} { rewrite ^ /s${at + 1}; }`).join("\n")}
      location = /s10 { return 200 "there"; } location = /t { rewrite ^ /s0; }`)
    const tooOften = (uri: string): string =>
      `500 internal: the request was sent to another location too often, last to ${uri}`
    expect(loop.ask("/s0")).toBe("200 there")
    expect(loop.ask("/t")).toBe(tooOften("/s10"))
    expect(loop.ask("/loop")).toBe(tooOften("/loop"))
  })

  test("arguments", () => {
    const args = server(`
      location /a/ { rewrite ^/a/(.*)$ /z?v=$1; } location /b/ { rewrite ^/b/(.*)$ /z?v=$1?; }
      location /c/ { rewrite ^/c/(.*)$ /z?; } location /d/ { set $args x=$arg_y; rewrite ^ /z; }
      location /u/ { rewrite ^/u/.*$ /z?v=$1; }
      location /n/ { rewrite ^/(?<rest>.*)$ /z?v=$rest; } location /e/ { rewrite ^ /z; }
      location /z { return 200 "$uri|$args|$arg_v"; }`)
    expect(args.ask("/a/1")).toBe("200 /z|v=1|1")
    expect(args.ask("/a/1?w=2")).toBe("200 /z|v=1&w=2|1")
    expect(args.ask("/a/1%262")).toBe("200 /z|v=1%262|1%262")
    expect(args.ask("/a/a+b")).toBe("200 /z|v=a%2Bb|a%2Bb")
    expect(args.ask("/a/a=b?q=%20")).toBe("200 /z|v=a=b&q=%20|a=b")
    expect(args.ask("/a/a&b")).toBe("200 /z|v=a&b|a")
    expect(args.ask("/u/%20")).toBe("200 /z|v=|")
    expect(args.ask("/b/1?w=2")).toBe("200 /z|v=1|1")
    expect(args.ask("/c/1?w=2")).toBe("200 /z||")
    expect(args.ask("/d/1?y=9")).toBe("200 /z|x=9|")
    expect(args.ask("/e/1?y=9")).toBe("200 /z|y=9|")
    expect(args.ask("/n/1%262")).toBe("200 /z|v=n/1&2|n/1")
  })

  test("set $args is what the upstream is sent", () => {
    const args = server(
      "location / { set $args x=1; grpc_pass c1; } location /o { set $other 1; grpc_pass c1; }",
    )
    expect(args.begin("/a?b=2").record.state).toMatchObject({ args: "x=1", isRewritten: true })
    expect(args.begin("/o?b=2").record.state).toMatchObject({ args: "b=2", isRewritten: false })
  })

  test("the upstream is sent the new path, and only break leaves it in its location", () => {
    const passed = server(`location /a { rewrite ^/a(.*)$ /n$1 break; grpc_pass c1; }
      location /b { rewrite ^/b(.*)$ /n$1; } location /n { internal; grpc_pass c2; }`)
    expect(passed.begin("/a/1").record.state).toMatchObject({
      uri: "/n/1",
      isRewritten: true,
      hasLeftPrefix: true,
      isInternal: true,
      isUriChanged: false,
    })
    expect(passed.begin("/a/%201").sent.get(":path")).toBe("/n/%201")
    expect(passed.begin("/b/1?x").sent.get(":path")).toBe("/n/1?x")
    expect(passed.ask("/a/1")).toBe("to c1")
    expect(passed.ask("/b/1")).toBe("to c2")
    expect(passed.begin("/b/1").record.state).toMatchObject({ uri: "/n/1", hasLeftPrefix: false })
  })
})

describe("redirects", () => {
  const bed = server(`
    location /p/ { rewrite ^/p/(.*)$ http://x.test/$1 permanent; }
    location /q/ { rewrite ^/q/(.*)$ http://x.test/?to=$1 redirect; }
    location /s/ { rewrite ^/s/(.*)$ https://x.test/$1?; }
    location /v/ { rewrite ^/v/(.*)$ /a?b=c redirect; }
    location /h/ { rewrite ^/h/(.*)$ $scheme://$host/$1; }
    location /d/ { rewrite ^/d/(.*)$ /there/$1? redirect; }
    location /w/ { rewrite ^/w/(.*)$ ?to=$1 redirect; }
    location /m/ { rewrite ^/m/(.*)$ /$1/http://x permanent; }`)
  test.each([
    ["/p/a", "301 http://x.test/a"],
    ["/p/a%20b?x=y", "301 http://x.test/a%20b?x=y"],
    ["/p/a+b", "301 http://x.test/a+b"],
    ["/p/a%25b", "301 http://x.test/a%25b"],
    ["/p/a%26%27b", "301 http://x.test/a&'b"],
    ["/p/a%7Eb%7F", "301 http://x.test/a~b%7F"],
    ["/q/a%26b?x=y", "302 http://x.test/?to=a%26b&x=y"],
    ["/s/a?x=y", "302 https://x.test/a"],
    ["/v/a?x=y", "302 /a?b=c&x=y"],
    ["/v/a", "302 /a?b=c"],
    ["/h/a?z", "302 http://a.test/a?z"],
    ["/d/a?z", "302 /there/a"],
    ["/w/%26", "302 ?to=%26"],
    ["/m/a", "301 /a/http://x"],
  ])("%s leads to %s", (path, expected) => expect(bed.ask(path)).toBe(expected))

  test("are no gRPC answer and have no content type", () => {
    expect(bed.begin("/p/a").outcome).toMatchObject({ grpcStatus: null, grpcMessage: null, contentType: "" })
  })
})

describe("the steps of a server", () => {
  test("come before its locations", () => {
    const bed = server(`set $s 1; if ($arg_no) { return 403 "no $s"; } rewrite ^/old/(.*)$ /new/$1;
      location / { return 200 "root $uri"; } location /new/ { return 200 "new $uri $args $s"; }`)
    expect(bed.ask("/")).toBe("200 root /")
    expect(bed.ask("/old/a?x=1")).toBe("200 new /new/a x=1 1")
    expect(bed.ask("/?no=1")).toBe("403 no 1")
    expect(bed.ask("/old/?no=0")).toBe("200 new /new/ no=0 1")
  })

  test("a path that they change is looked for once", () => {
    const bed = server(
      `rewrite ^/old$ /new; location /new { set $x "\${x}1"; grpc_set_header x-x $x; grpc_pass c1; }`,
    )
    expect(bed.begin("/old").sent.get("x-x")).toBe("1")
  })

  test("variables have names of any case", () => {
    expect(server(`set $Foo 1; location / { return 200 "$foo"; }`).ask("/")).toBe("200 1")
  })

  test("an answer of theirs is made as the server's own settings have it", () => {
    const bed = server("if ($arg_no) { return 403; } location / { client_max_body_size 7; grpc_pass c1; }")
    expect(bed.begin("/?no=1").route.settings.maxBodyOctets).not.toBe(7)
    expect(bed.begin("/").route.settings.maxBodyOctets).toBe(7)
  })

  test("a changed path does not count as one of the ten changes of location", () => {
    const bed = server(`rewrite ^/t$ /s0;
      ${Array.from({ length: 10 }, (_, at) => `location = /s${at} { rewrite ^ /s${at + 1}; }`).join("\n")}
      location = /s10 { return 200 "there"; }`)
    expect(bed.ask("/t")).toBe("200 there")
  })
})

describe("a regex that takes too many steps is answered 500", () => {
  const slow = `"^/(a|aa)+(a|aa)+(a|aa)+\\1x$"`
  const path = `/${"a".repeat(60)}`
  const overrun = "500 internal: a regex of the configuration took more than regexSteps for this request"
  test.each([
    ["of a rewrite", `location / { rewrite ${slow} /x; return 200 "ok"; }`],
    ["of an if", `location / { if ($uri ~ ${slow}) { return 204; } return 200 "ok"; }`],
    ["of an if that is to fail", `location / { if ($uri !~ ${slow}) { return 204; } return 200 "ok"; }`],
    [
      "of a location that is looked for",
      `rewrite ^/r(.*)$ /$1; location / { return 200 "ok"; } location ~ ${slow} { return 204; }`,
    ],
  ])("%s", (_, text) => {
    const bed = new RouteBed(`server { listen 80; ${text} }`, { regexSteps: 1000 })
    expect(bed.ask("/b")).toBe(text.includes("!~") ? "204" : "200 ok")
    expect(bed.ask(text.includes("^/r") ? `/r${path.slice(1)}` : path)).toBe(overrun)
  })
})
