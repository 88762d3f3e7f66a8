import { existsSync, readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { checkTemplate } from "../../record/template.ts"
import type { Config, RouteConfig, RouteSettings } from "../model.ts"
import { messageOf } from "../problem.ts"
import { diskFiles } from "./include.ts"
import { type NginxConfig, readNginxConfig } from "./read.ts"

const TESTDATA = "src/config/nginx/testdata"

function read(text: string, files: Record<string, string> = {}): NginxConfig {
  return readNginxConfig(text, "nginx.conf", {
    read(path) {
      if (files[path] === undefined) throw new Error("no such file")
      return new TextEncoder().encode(files[path])
    },
    list: (directory) =>
      Object.keys(files).flatMap((path) =>
        path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [],
      ),
  })
}

/** The configuration of a text that must have no errors. */
function configOf(text: string): Config {
  const { config, problems } = read(text)
  if (config === null) throw new Error(problems.map(messageOf).join("; "))
  return config
}

const UPSTREAM = "upstream chat { server 127.0.0.1:3000; }"

/** The only route of a server with this location. */
function routeOf(location: string, before = ""): RouteConfig {
  return configOf(`${UPSTREAM} ${before} server { ${location} }`).servers[0]!.routes[0]!
}

const settingsOf = (directives: string): RouteSettings =>
  routeOf(`location / { grpc_pass chat; ${directives} }`).settings
const listenerOf = (directives: string) => configOf(`server { ${directives} }`).listeners[0]!
const messagesOf = ({ problems }: NginxConfig, severity: string) =>
  problems.filter((problem) => problem.severity === severity).map(messageOf)

describe("whole files", () => {
  const fromDisk = (path: string) => readNginxConfig(readFileSync(path, "utf8"), path, diskFiles)

  test.each([
    ["article-one-server.conf", ["127.0.0.1:3000"]],
    ["article-two-servers.conf", ["127.0.0.1:3000", "127.0.0.1:3001"]],
  ])("%s runs as it stands, without a word", (name, endpoints) => {
    const { config, problems } = fromDisk(`${TESTDATA}/${name}`)
    expect(problems).toEqual([])
    expect(config!.listeners.map((listener) => listener.name)).toEqual(["0.0.0.0:80"])
    expect(config!.clusters[0]!.endpoints.map(({ address }) => address)).toEqual(endpoints)
    const [route] = config!.servers[0]!.routes
    expect(route!.match).toEqual({ kind: "prefix", path: "/", final: false })
    expect(route!.action).toEqual({ kind: "cluster", cluster: config!.clusters[0]!.name, tls: null })
    expect(route!.settings.accessLogs[0]).toMatchObject({
      path: "/var/log/nginx/access.log",
      escape: "default",
    })
    expect(route!.settings.accessLogs[0]!.template).toContain('"$http_x_forwarded_for"')
  })

  test("a distribution's nginx.conf, with all it includes, has notes only", () => {
    const { config, problems, sources } = fromDisk(`${TESTDATA}/stock/nginx.conf`)
    expect(problems.filter(({ severity }) => severity !== "note")).toEqual([])
    expect([...sources.keys()]).toEqual(
      ["nginx.conf", "mime.types", "conf.d/chat.conf", "sites-enabled/default"].map(
        (name) => `${TESTDATA}/stock/${name}`,
      ),
    )
    expect(config).toMatchObject({ workers: "auto", pidFile: "/run/nginx.pid", log: { level: "error" } })
    expect(config!.clusters).toMatchObject([
      {
        name: "chat",
        policy: { name: "least_streams" },
        idleConnections: 32,
        endpoints: [
          {
            address: "127.0.0.1:3000",
            weight: 2,
            maxFails: 3,
            failTimeoutMs: 30_000,
            maxStreams: 1000,
            backup: false,
          },
          {
            address: "127.0.0.1:3001",
            weight: 1,
            maxFails: 1,
            failTimeoutMs: 10_000,
            maxStreams: null,
            backup: false,
          },
          { address: "unix:/run/chat.sock", unixPath: "/run/chat.sock", backup: true },
        ],
      },
    ])
    expect(config!.servers[0]!.routes).toHaveLength(2)
    expect(config!.servers[0]!.routes[0]!.settings).toMatchObject({
      readTimeoutMs: 3_600_000,
      errorStatuses: [{ httpStatuses: [502, 504], grpcStatus: 14, grpcMessage: "the chat is away" }],
    })
    expect(config!.servers[1]!.routes[0]!.action).toMatchObject({
      kind: "files",
      files: { root: "/var/www/html", tryFiles: ["$uri", "$uri/", "=404"] },
    })
  })

  const stock = "/etc/nginx/nginx.conf"
  const hasStock = existsSync(stock) && existsSync("/etc/nginx/sites-enabled/default")
  if (!hasStock)
    console.log(`skipped: reading this machine's ${stock} needs Debian's nginx (apt-get install nginx-light)`)
  test.skipIf(!hasStock)("so has this machine's own", () => {
    const { config, problems } = fromDisk(stock)
    expect(problems.filter(({ severity }) => severity !== "note")).toEqual([])
    expect(config).not.toBeNull()
  })
})

describe("includes", () => {
  const server = "server { location / { grpc_pass 127.0.0.1:1; } }"

  test("take the place of the directive, in the order of their names", () => {
    const { config } = read("include conf.d/*.conf;", {
      "conf.d/b.conf": "server { listen 2; }",
      "conf.d/a.conf": "server { listen 1; }",
    })
    expect(config!.listeners.map(({ port }) => port)).toEqual([1, 2])
  })

  test("may stand in any block", () => {
    const { config } = read("server { location / { include grpc.inc; } }", {
      "grpc.inc": "grpc_pass 127.0.0.1:1;",
    })
    expect(config!.clusters[0]!.name).toBe("127.0.0.1:1")
  })

  test("say in which file and line a problem is", () => {
    const { problems } = read(`include a.conf; ${server}`, { "a.conf": "\n\nlsten 80;" })
    expect(problems[0]).toMatchObject({
      file: "a.conf",
      line: 3,
      column: 1,
      message: 'unknown directive "lsten"',
    })
  })

  test("of themselves are refused", () => {
    const { problems } = read("include a.conf;", { "a.conf": "include b.conf;", "b.conf": "include a.conf;" })
    expect(problems[0]).toMatchObject({
      severity: "error",
      file: "b.conf",
      message: '"a.conf" includes itself',
    })
  })

  test("that fan out without end are cut", () => {
    let reads = 0
    const { config } = readNginxConfig("include d/*;", "nginx.conf", {
      read() {
        reads++
        return new TextEncoder().encode("include d/*;\n".repeat(20))
      },
      list: () => Array.from({ length: 20 }, (_, index) => `file-${index}`),
    })
    expect(config).toBeNull()
    expect(reads).toBeLessThanOrEqual(1000)
  })
})

describe("a level that sets a directive at all hides the outer ones", () => {
  test.each([
    [
      "",
      "",
      [
        ["host", "chat"],
        ["a", "outer"],
      ],
    ],
    [
      "grpc_set_header B inner;",
      "",
      [
        ["host", "chat"],
        ["b", "inner"],
      ],
    ],
    [
      "grpc_set_header B inner;",
      "grpc_set_header C server;",
      [
        ["host", "chat"],
        ["b", "inner"],
      ],
    ],
    [
      "",
      "grpc_set_header C server;",
      [
        ["host", "chat"],
        ["c", "server"],
      ],
    ],
    ["grpc_set_header Host $host;", "", [["host", "$host"]]],
    ["grpc_set_header Host '';", "", [["host", "chat"]]],
  ])("location %j, server %j", (location, server, expected) => {
    const route = routeOf(`${server} location / { grpc_pass chat; ${location} }`, "grpc_set_header A outer;")
    expect(new Map(route.settings.setHeaders as [string, string][])).toEqual(
      new Map(expected as [string, string][]),
    )
  })

  test.each([
    ["", 1],
    ["access_log off;", 0],
    ["access_log b.log; access_log c.log;", 2],
    ["access_log off; access_log b.log;", 0],
  ])("access_log: %j", (location, count) => {
    const route = routeOf(`location / { grpc_pass chat; ${location} }`, "access_log a.log;")
    expect(route.settings.accessLogs).toHaveLength(count)
  })

  test("through nested locations", () => {
    const route = routeOf(
      "grpc_read_timeout 1s; location /a { grpc_read_timeout 2s; location /a/b { grpc_pass chat; } }",
    )
    expect(route.routes[0]!.settings.readTimeoutMs).toBe(2000)
  })
})

describe("limits", () => {
  test("unwritten are Sluice's", () => {
    expect(settingsOf("")).toMatchObject({
      readTimeoutMs: null,
      sendTimeoutMs: null,
      bodyTimeoutMs: null,
      maxBodyOctets: null,
      retry: { conditions: ["error", "timeout"], tries: null, timeoutMs: null },
    })
    expect(listenerOf("").maxRequestsPerConnection).toBeNull()
  })

  test.each<[directives: string, settings: object]>([
    ["grpc_read_timeout 30s;", { readTimeoutMs: 30_000 }],
    ["grpc_send_timeout 1m;", { sendTimeoutMs: 60_000 }],
    ["grpc_connect_timeout 500ms;", { connectTimeoutMs: 500 }],
    ["client_body_timeout 60;", { bodyTimeoutMs: 60_000 }],
    ["grpc_max_stream_age 1h;", { maxStreamAgeMs: 3_600_000 }],
    ["client_max_body_size 1m;", { maxBodyOctets: 1_048_576 }],
    ["client_max_body_size 0;", { maxBodyOctets: null }],
    [
      "grpc_next_upstream http_503; grpc_next_upstream error http_503; grpc_next_upstream_tries 2;",
      { retry: { conditions: ["http_503", "error"], tries: 2, timeoutMs: null } },
    ],
    [
      "grpc_next_upstream error; grpc_next_upstream off;",
      { retry: { conditions: [], tries: null, timeoutMs: null } },
    ],
    ["grpc_next_upstream off;", { retry: { conditions: [], tries: null, timeoutMs: null } }],
    [
      "grpc_next_upstream error http_503 non_idempotent; grpc_next_upstream_tries 3; grpc_next_upstream_timeout 5s;",
      { retry: { conditions: ["error", "http_503", "non_idempotent"], tries: 3, timeoutMs: 5000 } },
    ],
    [
      "grpc_next_upstream_tries 0;",
      { retry: { conditions: ["error", "timeout"], tries: null, timeoutMs: null } },
    ],
    [
      "grpc_hide_header X-A; grpc_pass_header X-B; grpc_ignore_headers vary;",
      { hideHeaders: ["x-a"], passHeaders: ["x-b"], ignoreHeaders: ["vary"] },
    ],
    [
      "grpc_socket_keepalive on; grpc_intercept_errors on; grpc_bind 127.0.0.1;",
      { socketKeepalive: true, interceptErrors: true, bindAddress: "127.0.0.1" },
    ],
    [
      "add_header X-A $host always; add_header X-B b; add_header X-C '';",
      {
        addHeaders: [
          { name: "x-a", template: "$host", always: true },
          { name: "x-b", template: "b", always: false },
        ],
      },
    ],
  ])("written are honoured: %s", (directives, settings) => {
    expect(settingsOf(directives)).toMatchObject(settings)
  })

  test("of 0 would end every stream in nginx; here they are none, with a warning", () => {
    const result = read("server { location / { grpc_pass 127.0.0.1:1; grpc_read_timeout 0; } }")
    expect(result.config!.servers[0]!.routes[0]!.settings.readTimeoutMs).toBeNull()
    expect(messagesOf(result, "warning")).toHaveLength(1)
  })

  test("of a connection are those of the address's default server", () => {
    const config = configOf(`
      server { listen 80; keepalive_timeout 10s; client_header_timeout 1s; }
      server {
        listen 80 default_server; keepalive_timeout 20s 30s; keepalive_requests 5; http2_max_concurrent_streams 7;
        grpc_max_connection_age 1h; grpc_max_connection_age_grace 0;
      }`)
    expect(config.listeners).toMatchObject([
      {
        idleConnectionTimeoutMs: 20_000,
        maxRequestsPerConnection: 5,
        maxConcurrentStreams: 7,
        headerTimeoutMs: 10_000,
        maxConnectionAgeMs: 3_600_000,
        maxConnectionAgeGraceMs: 0,
      },
    ])
  })

  test.each([
    ["", null, null],
    ["keepalive_time 90s;", 90_000, null],
    ["keepalive_time 90s; keepalive_requests 5;", 90_000, 5],
    ["keepalive_time 0;", null, 1],
    ["keepalive_time 90s; grpc_max_connection_age 1h;", 3_600_000, null],
  ])("of a connection's age: %s", (text, maxConnectionAgeMs, maxRequestsPerConnection) => {
    const config = configOf(`server { listen 80; ${text} }`)
    expect(config.listeners).toMatchObject([{ maxConnectionAgeMs, maxRequestsPerConnection }])
  })
})

describe("log_format", () => {
  test.each([
    ["'$remote_addr $ssl_curve'", "$remote_addr -"],
    [`'$remote_addr \${ssl_curve}s $status'`, "$remote_addr -s $status"],
    [`'\${status}s $http_host'`, `\${status}s $http_host`],
    ["'$1st'", `\${1}st`],
    ["'$status' 's' '$' '{host}'", null],
    ["'$status' 's' ' $Host'", `\${status}s $Host`],
    ["'$sent_http_x $cookie_a$arg_b '", "$sent_http_x $cookie_a$arg_b "],
  ])("%s is %s, which can run", (format, template) => {
    const { config, problems } = read(`log_format x ${format}; access_log /l x; server {}`)
    const written = config === null ? null : config.servers[0]!.fallback.accessLogs[0]!.template
    expect(written).toBe(template)
    if (written !== null) expect(checkTemplate(written)).toBeNull()
    expect(problems.some(({ severity }) => severity === "error")).toBe(template === null)
  })
})

describe("listen", () => {
  test.each<[directive: string, listener: object]>([
    ["listen 8080;", { name: "0.0.0.0:8080", host: "0.0.0.0", port: 8080, ipv6Only: true, tls: null }],
    ["listen *:8080;", { name: "0.0.0.0:8080" }],
    ["listen localhost;", { name: "localhost:80", host: "localhost", port: 80 }],
    ["listen [0:0::1]:80;", { name: "[::1]:80", host: "::1" }],
    ["listen [::]:80 ipv6only=off;", { name: "[::]:80", ipv6Only: false }],
    [
      "listen unix:/run/s.sock;",
      { name: "unix:/run/s.sock", unixPath: "/run/s.sock", host: null, port: null },
    ],
    [
      "listen 80 backlog=7 reuseport proxy_protocol so_keepalive=on;",
      { backlog: 7, reusePort: true, proxyProtocol: true, socketKeepalive: true },
    ],
    ["", { name: "0.0.0.0:80" }],
  ])("%j", (directive, listener) => expect(listenerOf(directive)).toMatchObject(listener))

  test("a range is a listener each", () => {
    expect(configOf("server { listen 127.0.0.1:1-3; }").listeners.map(({ name }) => name)).toEqual([
      "127.0.0.1:1",
      "127.0.0.1:2",
      "127.0.0.1:3",
    ])
  })

  test("servers of one address share it; parameters of any hold for all", () => {
    const config = configOf(
      "server { listen 80; } server { listen *:80 default_server backlog=5; server_name b; }",
    )
    expect(config.listeners).toMatchObject([{ name: "0.0.0.0:80", backlog: 5 }])
    expect(config.servers.map(({ listeners, defaultFor }) => [listeners, defaultFor])).toEqual([
      [["0.0.0.0:80"], []],
      [["0.0.0.0:80"], ["0.0.0.0:80"]],
    ])
  })

  test.each([
    ["listen 80;", 1],
    ["listen 80 http2;", 0],
    ["listen 80; http2 on;", 0],
  ])("%j gets %i note for not saying http2", (directives, notes) => {
    expect(messagesOf(read(`server { ${directives} }`), "note")).toHaveLength(notes)
  })
})

test.each([
  ["a.example B.EXAMPLE", ["a.example", "b.example"]],
  ["*.a www.*", ["*.a", "www.*"]],
  [".a", ["a", "*.a"]],
  ["_ ''", ["_", ""]],
  [String.raw`~^(?P<n>\w+)\.a$`, [String.raw`~^(?P<n>\w+)\.a$`]],
])("server_name %s", (names, expected) => {
  expect(configOf(`server { server_name ${names}; }`).servers[0]!.names).toEqual(expected)
})

test("the same name twice on an address is warned of, as in nginx", () => {
  const result = read("server { server_name a; } server { server_name a; }")
  expect(messagesOf(result, "warning")).toEqual(['conflicting server name "a" on 0.0.0.0:80, ignored'])
})

test.each<[location: string, match: object]>([
  ["location /a {}", { kind: "prefix", path: "/a", final: false }],
  ["location ^~ /a {}", { kind: "prefix", path: "/a", final: true }],
  ["location ^~/a {}", { kind: "prefix", path: "/a", final: true }],
  ["location = /a {}", { kind: "exact", path: "/a" }],
  ["location =/a {}", { kind: "exact", path: "/a" }],
  [String.raw`location ~ \.Chat/ {}`, { kind: "regex", pattern: String.raw`\.Chat/`, ignoreCase: false }],
  ["location ~ '(?i)^/b|^/[a]' {}", { kind: "regex", pattern: "(?i)^/b|^/[a]", ignoreCase: false }],
  ["location ~*^/chat {}", { kind: "regex", pattern: "^/chat", ignoreCase: true }],
])("%s", (location, match) => expect(routeOf(location).match).toEqual(match))

describe("grpc_pass", () => {
  const tls = { verify: false, serverName: "127.0.0.1", sendServerName: false }

  test.each<[target: string, action: object, host: string]>([
    ["chat", { kind: "cluster", cluster: "chat", tls: null }, "chat"],
    ["grpc://CHAT", { kind: "cluster", cluster: "chat", tls: null }, "CHAT"],
    ["127.0.0.1:9", { kind: "cluster", cluster: "127.0.0.1:9" }, "127.0.0.1:9"],
    ["grpc://[::1]:9", { kind: "cluster", cluster: "[::1]:9" }, "[::1]:9"],
    ["backend.local:9", { kind: "cluster", cluster: "backend.local:9" }, "backend.local:9"],
    ["unix:/run/s.sock", { kind: "cluster", cluster: "unix:/run/s.sock" }, "localhost"],
    ["grpcs://127.0.0.1:9", { kind: "cluster", cluster: "127.0.0.1:9", tls }, "127.0.0.1:9"],
  ])("%s sends %j and :authority %s, as nginx does", (target, action, host) => {
    const route = routeOf(`location / { grpc_pass ${target}; }`)
    expect(route.action).toMatchObject(action)
    expect(route.settings.setHeaders).toEqual([["host", host]])
  })

  test.each([
    ["return 404;", []],
    ["break; return 404;", [["host", "chat"]]],
    ["if ($http_a) { break; } return 404;", [["host", "chat"]]],
    ["rewrite ^/a /b break; return 404;", [["host", "chat"]]],
  ])("behind %j has its :authority where it may be reached", (before, fields) => {
    expect(routeOf(`location / { ${before} grpc_pass chat; }`).settings.setHeaders).toEqual(fields)
  })

  test("by variables has what they come to as :authority", () => {
    const route = routeOf("location / { grpc_pass grpcs://$http_x_backend:443; }")
    expect(route.action).toMatchObject({
      kind: "variable",
      template: "$http_x_backend:443",
      tls: { serverName: null },
    })
    expect(route.settings.setHeaders).toEqual([["host", "$http_x_backend:443"]])
  })

  test("to one address in two places is one cluster", () => {
    expect(
      configOf("server { location /a { grpc_pass a:1; } location /b { grpc_pass grpc://A:1; } }").clusters,
    ).toHaveLength(1)
  })

  test("with grpc_ssl_*", () => {
    const route = routeOf(
      "location / { grpc_pass grpcs://chat; grpc_ssl_name a.example; grpc_ssl_server_name on; grpc_ssl_protocols TLSv1.3 SSLv3; grpc_ssl_verify_depth 3; }",
    )
    expect(route.action).toMatchObject({
      tls: { serverName: "a.example", sendServerName: true, protocols: ["TLSv1.3"], verifyDepth: 3 },
    })
  })
})

describe("grpc_ssl_name with variables", () => {
  const location = (more: string) =>
    `location / { grpc_pass grpcs://a.example:1; grpc_ssl_name $http_x_host; ${more} }`

  test("has no effect where the name is neither checked nor sent", () =>
    expect(routeOf(location("")).action).toMatchObject({ tls: { serverName: "a.example", verify: false } }))

  test.each(["grpc_ssl_server_name on;", "grpc_ssl_verify on; grpc_ssl_trusted_certificate /a.pem;"])(
    "is what each call says with %s",
    (directives) =>
      expect(routeOf(location(directives)).action).toMatchObject({ tls: { serverName: "$http_x_host" } }),
  )

  test("is an error where one of them is unknown", () =>
    expect(
      messagesOf(
        read(`server { ${location("grpc_ssl_server_name on;").replace("http_x_host", "nope")} }`),
        "error",
      ),
    ).toEqual(['unknown "nope" variable']))
})

describe("answers", () => {
  test.each<[directives: string, action: object]>([
    ["return 204;", { kind: "return", status: 204, template: "", grpcStatus: null }],
    ["return 200 'hello $host';", { kind: "return", status: 200, template: "hello $host" }],
    ["return 200 a;", { contentType: "text/plain" }],
    ["default_type a/b; return 200 a;", { contentType: "a/b" }],
    ["return 301 https://$host$request_uri;", { status: 301, template: "https://$host$request_uri" }],
    ["return https://x;", { status: 302, template: "https://x" }],
    [
      "add_header grpc-status 7; add_header grpc-message no%21; return 200 text;",
      { status: 200, template: "text", grpcStatus: 7, grpcMessage: "no!" },
    ],
    ["grpc_pass chat; return 403;", { kind: "return", status: 403 }],
    ["try_files $uri =404;", { kind: "return", status: 404 }],
    ["internal; grpc_pass chat;", { kind: "cluster" }],
    ["", { kind: "none" }],
  ])("location / { %s }", (directives, action) =>
    expect(routeOf(`location / { ${directives} }`).action).toMatchObject(action),
  )

  test("return in a server answers before any location", () => {
    const { routes } = configOf("server { return 444; location = /a { grpc_pass a:1; } }").servers[0]!
    expect(routes).toMatchObject([
      { match: { kind: "prefix", path: "", final: true }, action: { status: 444 } },
    ])
  })

  test.for<[directives: string, pages: object[]]>([
    ["error_page 502 504 = @b;", [{ httpStatuses: [502, 504], status: "target", target: "@b" }]],
    ["error_page 404 /404.html;", [{ httpStatuses: [404], status: null, target: "/404.html" }]],
    ["error_page 497 =301 https://$host/;", [{ httpStatuses: [497], status: 301, target: "https://$host/" }]],
    ["error_page 404 /a; error_page 404 /b;", [{ target: "/a" }, { target: "/b" }]],
  ])("%s", ([directives, pages]) => {
    const { config } = read(`server { ${directives} location @b { grpc_pass a:1; } }`)
    expect(config!.servers[0]!.fallback.errorPages).toMatchObject(pages)
  })

  test.for([
    ["error_page = /x;", 'invalid value "="'],
    ["error_page 499 /x;", 'invalid value "499"'],
    ["error_page 200 /x;", 'value "200" must be between 300 and 599'],
    ["error_page 404 =x /x;", 'invalid value "=x"'],
    ["error_page 404 /$none;", 'unknown "none" variable'],
  ] as const)("%s: %s", ([directive, message]) => {
    expect(messagesOf(read(`server { ${directive} }`), "error")[0]).toContain(message)
  })
})

test("TLS: certificates by server, the rest from the default server", () => {
  const { config, places } = read(
    `server { listen 443 ssl; server_name a; ssl_certificate a.pem; ssl_certificate_key a.key; ssl_protocols TLSv1.3; }
     server { listen 443 ssl; server_name b; ssl_certificate b.pem; ssl_certificate_key b.key; }`,
    { "a.pem": "", "a.key": "", "b.pem": "" },
  )
  expect(config!.listeners[0]!.tls).toMatchObject({
    certificates: [
      { names: ["a"], certFile: "a.pem", keyFile: "a.key" },
      { names: ["b"], certFile: "b.pem", keyFile: "b.key" },
    ],
    protocols: ["TLSv1.3"],
    verifyClient: "off",
    sessionTimeoutMs: 300_000,
  })
  expect(places.get("b.key")).toMatchObject({ line: 2, column: 89, length: 5 })
})

test("a server without a certificate shows that of its address's default server, also where a wildcard would fit", () => {
  const own = "ssl_certificate a.pem; ssl_certificate_key a.pem;"
  const shown = (text: string): unknown => {
    const result = read(text, { "a.pem": "", "b.pem": "" })
    const errors = messagesOf(result, "error")
    return errors.length > 0 ? errors : result.config!.listeners[0]!.tls!.certificates
  }
  const b = "ssl_certificate b.pem; ssl_certificate_key b.pem;"
  const text = `server { listen 443 ssl; server_name *.b; ${b} }
     server { listen 443 ssl; server_name a.b; }
     server { listen 443 ssl default_server; server_name a; ${own} }`
  expect(shown(text)).toMatchObject([
    { names: ["a"], certFile: "a.pem" },
    { names: ["*.b"], certFile: "b.pem" },
    { names: ["a.b"], certFile: "a.pem" },
  ])
  const missing = 'no "ssl_certificate" is defined for the "listen ... ssl" directive'
  expect(shown(`server { listen 443 ssl; } server { listen 443 ssl; server_name b; ${b} }`)).toEqual([
    missing,
  ])
  expect(shown("server { listen 443 ssl; } server { listen 443 ssl; server_name b; }")).toEqual([missing])
  const rejecting = "server { listen 443 ssl; ssl_reject_handshake on; }"
  expect(shown(`${rejecting} server { listen 443 ssl; server_name b; }`)).toEqual([])
})

test("a server may ask clients for more than its address's default does", () => {
  const certificate = "listen 443 ssl; ssl_certificate a.pem; ssl_certificate_key a.pem;"
  const result = read(
    `server { ${certificate} server_name a; }
     server { ${certificate} server_name b A; ssl_verify_client on; ssl_client_certificate a.pem; }
     server { ${certificate} server_name ""; ssl_verify_client optional; ssl_client_certificate a.pem; }
     server { ${certificate} }`,
    { "a.pem": "" },
  )
  expect(messagesOf(result, "error")).toEqual([])
  const asked = result.config!.listeners[0]!.tls!.certificates.map(({ names, clients }) => [
    names,
    clients?.verifyClient,
  ])
  // A name is its first server's; a call without a host is let in as its own server says.
  expect(asked).toEqual([
    [["a"], undefined],
    [["b"], "on"],
    [[""], "optional"],
  ])
})

test.each([
  ["server { listen 80\n server_name a; }", 'is a ";" missing after "80" on line 1?'],
  ["server { lisen 80; }", 'did you mean "listen"?'],
  ["upstream chat { server a:1; } server { location / { grpc_pass caht; } }", 'did you mean "chat"?'],
  ["server { listen 80 http; }", 'did you mean "http2"?'],
  ["server { access_log a mian; }", 'did you mean "main"?'],
  ["server { location / { listen 80; } }", "it belongs in server"],
  ["server { location / { add_header a $remote_adr; } }", 'did you mean "remote_addr"?'],
  ["server { location / { add_header a $ssl_preread_server_name; } }", 'it is one of "stream"'],
  [
    "server { location / { add_header a $connection_upgrade; } }",
    'it is made by: map $http_upgrade $connection_upgrade { default upgrade; "" close; }',
  ],
  [
    "upstream a { server grpc://b:1; }",
    "an address has no scheme: write host:port, and the scheme in grpc_pass",
  ],
])("%j has the hint %s", (text, hint) => {
  expect(read(text).problems.map((problem) => problem.hint)).toContain(hint)
})

test("all problems come at once", () => {
  const { problems } = read(
    "a; server { b; location / { c; grpc_read_timeout x; grpc_pass nope; } listen y z; }",
  )
  expect(problems.filter(({ severity }) => severity === "error")).toHaveLength(6)
})

test.each([
  ["grpc_set_header Connection upgrade;", '"Connection" is not sent: it belongs to HTTP/1.1'],
  ["grpc_set_header Connection '';", null],
  ["grpc_set_header X-A 'a ';", 'the value of "X-A" begins or ends in white space'],
  ["grpc_set_header Host 'a b';", '"a b" is no host'],
  ["grpc_set_header Content-Length $content_length;", '"Content-Length" is not sent'],
  ["add_header Keep-Alive timeout=5;", '"Keep-Alive" is not sent'],
  ["add_header X-A 'a\n  b' always;", 'the value of "X-A" holds a line break'],
  ["add_header Trailer x;", null],
])("%s is warned of at its name: %s", (directive, message) => {
  const { problems } = read(`server {\n listen 80;\n ${directive}\n}`)
  const warnings = problems.filter(({ severity }) => severity === "warning")
  expect(warnings).toEqual(
    message === null ? [] : [expect.objectContaining({ line: 3, message: expect.stringContaining(message) })],
  )
})

test("each block of Lua is one error at its first line, and all else is read", () => {
  const { problems } = read(`
lua_package_path "/x/?.lua;;";
lua_shared_dict limits 10m;
init_by_lua_block {
  require "resty.core"
  local t = { ["a;b"] = function() return "}" end }
}
upstream back {
  server 127.0.0.1:1;
  balancer_by_lua_block { local b = require "ngx.balancer"; assert(b.set_current_peer("127.0.0.1", 8080)) }
}
server {
  listen 80;
  ssl_certificate_by_lua_block { -- it's }
    print("{")
  }
  location / {
    set_by_lua_block $who { return ngx.var.arg_who or "{" }
    access_by_lua_block {
      if ngx.var.arg_token ~= "s3cret;" then
        return ngx.exit(403) -- no }
      end
    }
    new_phase_by_lua_block { x }
    log_by_lua 'ngx.log(ngx.ERR, "a")';
    rewrite_by_lua_file /x.lua;
    grpc_set_header X-Who $who;
    grpc_pass grpc://back;
  }
  js_import main from a.js;
  location /js { js_content main.hello; grpc_pass grpc://back; }
}`)
  const errors = problems.filter(({ severity }) => severity === "error")
  expect(errors.map(({ line, message }) => `${line} ${message.replace(/:.*/, "")}`)).toEqual([
    '4 "init_by_lua_block" is not supported',
    '10 "balancer_by_lua_block" is not supported',
    '14 "ssl_certificate_by_lua_block" is not supported',
    '18 "set_by_lua_block" is not supported',
    '19 "access_by_lua_block" is not supported',
    '24 "new_phase_by_lua_block" is not supported',
    '25 "log_by_lua" is not supported',
    '26 "rewrite_by_lua_file" is not supported',
    '31 "js_content" is not supported',
    '27 variable "$who" is not supported',
  ])
  expect(errors[0]!.hint).toContain("keep OpenResty in front")
})

describe("a missing ; is told where it is missing, and has no other consequence", () => {
  const errorsOf = (text: string) =>
    read(text)
      .problems.filter(({ severity }) => severity === "error")
      .map(({ line, column, message }) => `${line}:${column} ${message.replace(/:.*/, "")}`)
  const missing = (name: string) => `directive "${name}" is not terminated by ";"`
  test.each<[what: string, text: string, errors: string[]]>([
    [
      "two of them, and another error",
      "server {\n listen 8080\n server_name a.test\n location / { return 200; }\n location /x { retrun 200; }\n}",
      [`2:9 ${missing("listen")}`, `3:14 ${missing("server_name")}`, '5:16 unknown directive "retrun"'],
    ],
    [
      "at the level of the file",
      "worker_processes 1\nevents {}\nhttp { server { listen 80; return 200; } }",
      [`1:18 ${missing("worker_processes")}`],
    ],
    [
      "before http itself",
      "worker_processes 1\nhttp { server { listen 80; return 200; } }",
      [`1:18 ${missing("worker_processes")}`],
    ],
    [
      "before a map, whose variable is used",
      "tcp_nodelay on\nmap $host $x { default 1; }\nserver { listen 80; return 200 $x; }",
      [`1:13 ${missing("tcp_nodelay")}`],
    ],
    [
      "before an upstream, which is used",
      "tcp_nodelay on\nupstream a { server 127.0.0.1:1; }\nserver { listen 80; location / { grpc_pass a; } }",
      [`1:13 ${missing("tcp_nodelay")}`],
    ],
    [
      "before a block on the same line",
      "server { listen 80; server_name a location / { return 200; } }",
      [`1:33 ${missing("server_name")}`],
    ],
    [
      "before an if, whose variable it sets",
      "server { listen 80;\n set $x 1\n if ($x) { return 403; }\n}",
      [`2:9 ${missing("set")}`],
    ],
    [
      "with nothing but a name",
      "server { listen 80;\n server_name\n location / { return 200; } }",
      [`2:2 ${missing("server_name")}`],
    ],
    [
      "before a block that does not belong there",
      "server {\n listen 80\n upstream x {\n server 127.0.0.1:1;\n }\n}",
      [`2:9 ${missing("listen")}`, '3:2 "upstream" directive is not allowed here'],
    ],
    [
      "of a name that is wrong itself",
      "server {\n lisen 80\n location / { return 200; }\n}",
      [`2:8 ${missing("lisen")}`, '2:2 unknown directive "lisen"'],
    ],
    [
      "before a block of Lua",
      'server { listen 80;\n location / {\n default_type a/b\n content_by_lua_block {\n ngx.say("}; {")\n }\n }\n}',
      [`3:15 ${missing("default_type")}`, '4:2 "content_by_lua_block" is not supported'],
    ],
    [
      "before the end of the only server of an upstream",
      "upstream a {\n server 127.0.0.1:1\n}\nserver { listen 80; location / { grpc_pass a; } }",
      [`2:9 ${missing("server")}`],
    ],
    [
      "before the end of a block that sets what another needs",
      "server {\n listen 80; location / { return 200 $x; }\n set $x 1\n}",
      [`3:9 ${missing("set")}`],
    ],
  ])("%s", (_what, text, errors) => {
    expect(errorsOf(text)).toEqual(errors)
  })

  test("the block that follows has its verdict", () => {
    const { blocks } = read("server {\n listen 80\n location /a { }\n location /b { }\n}")
    expect(blocks.map(({ name }) => name)).toEqual(["server", "location /a", "location /b"])
  })
})

test("HTTP/3 beside a listen over TCP is warned of, alone it is an error", () => {
  const severities = (listens: string) =>
    read(`server { ${listens} location / { return 200; } }`).problems.map(({ severity }) => severity)
  expect(severities("listen 8443 quic; listen 8443;")).toContain("warning")
  expect(severities("listen 8443 quic; listen 8443;")).not.toContain("error")
  expect(severities("listen 8443 quic reuseport;")).toContain("error")
})

test("a limit of bodies where streams pass is warned of, once, and 0 is none", () => {
  const warnings = (limit: string, locations: string) =>
    read(`client_max_body_size ${limit}; server { listen 8080; ${locations} }`).problems.filter(
      ({ severity, message }) => severity === "warning" && message.startsWith("client_max_body_size"),
    ).length
  const pass = "location /a { grpc_pass a:1; } location /b { grpc_pass a:1; }"
  expect(warnings("4m", pass)).toBe(1)
  expect(warnings("0", pass)).toBe(0)
  expect(warnings("4m", "location / { return 200; }")).toBe(0)
})

test("of two named locations of one name the first is there, as in nginx", () => {
  const { config, problems } = read("server { location @a { return 204; } location @a { return 205; } }")
  expect(config?.servers[0]?.routes).toHaveLength(1)
  expect(problems.map(({ severity, message }) => [severity, message])).toContainEqual([
    "warning",
    'location "@a" is never used',
  ])
})

test.each([
  ["add_header a 1; server { SERVER add_header b 2; location / { return 200; } }", "b"],
  [
    "add_header a 1; server { SERVER add_header_inherit merge; add_header b 2; location / { return 200; } }",
    "b a",
  ],
  ["add_header a 1; server { SERVER location / { add_header_inherit off; return 200; } }", ""],
  [
    "add_header a 1; server { SERVER add_header b 2; location / { add_header_inherit merge; add_header c 3; return 200; } }",
    "c b",
  ],
  [
    "add_header_inherit merge; add_header a 1; server { SERVER add_header b 2; location / { add_header c 3; return 200; } }",
    "c b a",
  ],
  [
    "add_header a 1; server { SERVER add_header_inherit merge; location / { add_header_inherit on; add_header c 3; return 200; } }",
    "c",
  ],
])("what add_header_inherit and add_trailer_inherit make of outer levels: %s", (text, names) => {
  const read = (all: string) => {
    const { config } = readNginxConfig(
      `http { ${all.replace("SERVER", "listen 8080;")} }`,
      "nginx.conf",
      diskFiles,
    )
    return config!.servers[0]!.routes[0]!.settings
  }
  expect(
    read(text)
      .addHeaders.map(({ name }) => name)
      .join(" "),
  ).toBe(names)
  expect(
    read(text.replaceAll("header", "trailer"))
      .addTrailers.map(({ name }) => name)
      .join(" "),
  ).toBe(names)
})

test.each([
  ["http { merge_slashes off; server { listen 8080; return 200; } }", false],
  ["http { server { listen 8080; merge_slashes off; return 200; } }", false],
  ["http { merge_slashes off; server { listen 8080; merge_slashes on; return 200; } }", true],
  ["http { server { listen 8080; return 200; } }", true],
])("whether slashes are merged is a matter of the server: %s", (text, merges) => {
  const { config } = readNginxConfig(text, "nginx.conf", diskFiles)
  expect(config?.servers[0]?.mergeSlashes).toBe(merges)
})

test("add_header of nothing is none, but for the two fields that it takes out", () => {
  const { servers } = configOf(
    `http { server { listen 1; add_header X-A ""; add_header ETag "" always; add_header Last-Modified ""; location / { return 204; } } }`,
  )
  expect(servers[0]!.routes[0]!.settings.addHeaders).toEqual([
    { name: "etag", template: "", always: true },
    { name: "last-modified", template: "", always: false },
  ])
})
