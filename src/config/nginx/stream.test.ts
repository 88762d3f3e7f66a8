/** `stream {}` as the model, as sluice.yaml and back, and what is wrong with it. */
import { describe, expect, test } from "vitest"
import { defaultTcpSettings } from "../defaults.ts"
import type { TcpSettings } from "../tcp-model.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"

const noFiles = { read: () => "", expand: () => [], list: () => [] } as unknown as Parameters<
  typeof readNginxConfig
>[2]

function read(stream: string, http = "") {
  return readNginxConfig(`events {} ${http} stream {\n${stream}\n}`, "nginx.conf", noFiles)
}

function errors(stream: string, http = ""): string[] {
  return read(stream, http)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ line, message }) => `${line}: ${message}`)
}

const server = (inner: string): string => `server { listen 1.2.3.4:5; proxy_pass 10.0.0.1:80; ${inner} }`

describe("settings", () => {
  test.for<[directives: string, settings: Partial<TcpSettings>]>([
    ["", {}],
    ["proxy_timeout 1h;", { idleTimeoutMs: 3_600_000 }],
    ["proxy_connect_timeout 5s;", { connectTimeoutMs: 5000 }],
    ["proxy_next_upstream off;", { retry: { isOn: false, tries: null, timeoutMs: null } }],
    [
      "proxy_next_upstream_tries 2; proxy_next_upstream_timeout 3s;",
      { retry: { isOn: true, tries: 2, timeoutMs: 3000 } },
    ],
    ["proxy_next_upstream_tries 0; proxy_next_upstream_timeout 0;", {}],
    ["proxy_protocol on;", { sendProxyProtocol: "v1" }],
    ["proxy_protocol v2;", { sendProxyProtocol: "v2" }],
    ["proxy_half_close off;", { halfClose: false }],
    [
      "proxy_upload_rate 10k; proxy_download_rate 1m;",
      { uploadOctetsPerSecond: 10_240, downloadOctetsPerSecond: 1_048_576 },
    ],
    ["proxy_upload_rate 0;", {}],
    ["proxy_upload_rate $x; set $x 1k;", { uploadOctetsPerSecond: "$x", set: [["x", "1k"]] }],
    ["proxy_bind [::1]:8000;", { bindAddress: "[::1]:8000" }],
    ["proxy_bind $server_addr;", { bindAddress: "$server_addr" }],
    ["proxy_bind 10.0.0.9; proxy_socket_keepalive on;", { bindAddress: "10.0.0.9", socketKeepalive: true }],
    [
      "ssl_preread on; preread_timeout 1s; preread_buffer_size 4k;",
      { readHello: true, prereadTimeoutMs: 1000, prereadOctets: 4096 },
    ],
    ["proxy_protocol_timeout 2s; tcp_nodelay off;", { proxyProtocolTimeoutMs: 2000, noDelay: false }],
    ["ssl_handshake_timeout 3s;", { handshakeTimeoutMs: 3000 }],
    [
      "allow 10.0.0.0/8; deny all;",
      {
        rules: [
          { allow: true, from: "10.0.0.0/8" },
          { allow: false, from: "all" },
        ],
      },
    ],
    ["set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:;", { realIpFrom: ["10.0.0.0/8", "unix:"] }],
    [
      "set $a x; set $b $a$remote_addr;",
      {
        set: [
          ["a", "x"],
          ["b", "$a$remote_addr"],
        ],
      },
    ],
  ])("%s", ([directives, settings]) => {
    const { config, problems } = read(server(directives))
    expect(problems.filter(({ severity }) => severity !== "note")).toEqual([])
    expect(config!.tcp.servers[0]!.settings).toEqual({ ...defaultTcpSettings(), ...settings })
  })
})

describe("as sluice.yaml, and back", () => {
  const SNI =
    "map $ssl_preread_server_name $to { hostnames; a.example u; .b.example 10.0.0.9:443; default $ssl_preread_protocol; }"
  test.for<[stream: string, http?: string]>([
    [server("")],
    [server("proxy_ssl on; proxy_ssl_server_name on; proxy_ssl_name x; proxy_ssl_alpn h2 http/1.1;")],
    [server("proxy_ssl on; proxy_ssl_server_name on; proxy_ssl_name $ssl_preread_server_name;")],
    [server("proxy_bind $server_addr; set $x 1k; proxy_upload_rate $x; proxy_download_rate 2m;")],
    [
      `${SNI} upstream u { hash $remote_addr consistent; server 10.0.0.1:443 weight=2 max_conns=3; server 10.0.0.2:443 backup; }
      resolver 127.0.0.1; server { listen 443; ssl_preread on; proxy_pass $to; }`.replace(
        "server 10.0.0.2:443 backup;",
        "",
      ),
    ],
    [
      "geo $a { default x; 10.0.0.0/8 y; } split_clients $remote_addr $b { 10% x; * y; } server { listen 1.1.1.1:1; return $a$b; }",
    ],
    [
      "limit_conn_zone $binary_remote_addr zone=a:1m; server { listen 1.1.1.1:1; limit_conn a 3; limit_conn_dry_run on; return x; }",
    ],
    [
      "log_format f escape=json '$status $session_time'; server { listen 1.1.1.1:1; access_log a.log f buffer=4k flush=1s; return x; }",
    ],
    ["server { listen 1.1.1.1:1; pass unix:/run/x; } server { listen unix:/run/x; return x; }"],
    ["server { listen 1.1.1.1:1; ssl_preread on; pass $ssl_preread_server_name:443; }"],
    [
      "server { listen 1.1.1.1:1 so_keepalive=on proxy_protocol; listen unix:/run/x; listen [::1]:5; server_name a b; return x; } server { listen 1.1.1.1:1 default_server; return y; }",
    ],
    [
      "upstream u { server 10.0.0.1:1; } server { listen 1.1.1.1:1; proxy_pass u; }",
      "http { upstream u { server 10.0.0.1:2; } server { listen 80; location / { grpc_pass u; } } }",
    ],
    [
      "upstream u { least_conn; server 10.0.0.1:1 max_fails=3 fail_timeout=5s down; server 10.0.0.2:1; } server { listen 1.1.1.1:1; proxy_pass u; health_check interval=3s; }",
    ],
  ])("%s", ([stream, http]) => {
    const { config, problems } = read(stream, http)
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
    const yaml = toYaml(config!)
    const again = loadYaml(yaml, "sluice.yaml")
    expect(again.problems.filter(({ severity }) => severity === "error")).toEqual([])
    expect(again.config).toEqual(config)
  })
})

test.for<[method: string, policy: object]>([
  ["least_time connect;", { name: "peak_ewma", by: "connect_time", inflight: false }],
  ["least_time first_byte inflight;", { name: "peak_ewma", by: "header_time", inflight: true }],
  ["least_time last_byte;", { name: "peak_ewma", by: "last_byte_time", inflight: false }],
  ["random two least_time=connect;", { name: "random_two", by: "connect_time" }],
  ["random two least_time=first_byte;", { name: "random_two", by: "header_time" }],
])("%s", ([method, policy]) => {
  const stream = `upstream u { ${method} server 10.0.0.1:1; } server { listen 1.1.1.1:1; proxy_pass u; }`
  const { config } = read(stream)
  expect(config!.clusters[0]!.policy).toEqual(policy)
  const again = loadYaml(toYaml(config!), "sluice.yaml")
  expect(again.config).toEqual(config)
})

test("an upstream with the name of one of http is another, and servers find it", () => {
  const { config } = read(
    "upstream U { server 10.0.0.1:1; } server { listen 1.1.1.1:1; proxy_pass u; }",
    "http { upstream u { server 10.0.0.1:2; } server { listen 80; location / { grpc_pass u; } } }",
  )
  expect(config!.clusters.map(({ name, protocol }) => [name, protocol])).toEqual([
    ["u", "http"],
    ["tcp:U", "tcp"],
  ])
  expect(config!.tcp.servers[0]!.action).toMatchObject({ kind: "cluster", cluster: "tcp:U" })
})

const HTTP = "http { server { listen 1.2.3.4:5; listen 8080; return 200; } }"

test.for<[stream: string, error: string, http?: string]>([
  [
    "server { listen 1.1.1.1:1 udp; proxy_pass 1.1.1.1:1; }",
    '2: "udp" is not supported: only TCP is relayed',
  ],
  ["server { listen 1.1.1.1:1 http2; return x; }", '2: invalid parameter "http2"'],
  ["server { listen 1.1.1.1; return x; }", '2: no port in "1.1.1.1" of the "listen" directive'],
  ["server { return x; }", '2: no "listen" is defined for this server'],
  [server(""), "2: 1.2.3.4:5 is taken: a server of http listens on 1.2.3.4:5", HTTP],
  [
    "server { listen 127.0.0.1:8080; return x; }",
    "2: 127.0.0.1:8080 is taken: a server of http listens on 0.0.0.0:8080",
    HTTP,
  ],
  ["server { listen 1.1.1.1:1; proxy_pass nowhere; }", '2: no port in upstream "nowhere"'],
  ["server { listen 1.1.1.1:1; proxy_pass http://a:1; }", '2: invalid host in upstream "http://a:1"'],
  [
    "upstream u { server 10.0.0.1; } server { listen 1.1.1.1:1; proxy_pass u; }",
    '2: no port in upstream "10.0.0.1"',
  ],
  [
    "upstream u { server 10.0.0.1:1 drain; } server { listen 1.1.1.1:1; proxy_pass u; }",
    '2: invalid parameter "drain"',
  ],
  ["upstream u { least_time header; server 10.0.0.1:1; }", '2: invalid parameter "header"'],
  ["upstream u { sticky cookie a; server 10.0.0.1:1; }", '2: "sticky" directive is not allowed here'],
  ["upstream u { ip_hash; server 10.0.0.1:1; }", '2: "ip_hash" directive is not allowed here'],
  [server("proxy_protocol v3;"), '2: invalid value "v3"'],
  [server("set $status x;"), '2: the duplicate "status" variable'],
  [server("set $x $uri;"), '2: unknown "uri" variable'],
  ["log_format a $session_tim; server { listen 1.1.1.1:1; return x; }", '2: unknown "session_tim" variable'],
  [server("access_log a.log;"), "2: log format is not specified"],
  [server("access_log a.log combined;"), '2: unknown log format "combined"'],
  [server("location / { }"), '2: "location" directive is not allowed here'],
  ["server { listen 1.1.1.1:1; pass one.example:1; }", '2: "pass" directive has no addresses'],
  ["server { listen 1.1.1.1:1; pass 1.1.1.1; }", '2: "pass" directive has no port'],
  ["server { listen 1.1.1.1:1; pass 1.1.1.1:0; }", '2: invalid port in "1.1.1.1:0" of the "pass" directive'],
  ["server { listen 1.1.1.1:1; pass $uri; }", '2: unknown "uri" variable'],
  [server("preread_buffer_size 2m;"), '2: "preread_buffer_size" directive invalid value "2m"'],
  [server("proxy_upload_rate $x;"), '2: unknown "x" variable'],
  [server("proxy_ssl on; proxy_ssl_server_name on; proxy_ssl_name $x;"), '2: unknown "x" variable'],
  [server("proxy_bind $x;"), '2: unknown "x" variable'],
  [server("proxy_bind one.example;"), '2: invalid address "one.example"'],
  [server("proxy_bind $remote_addr transparent;"), '2: proxy_bind "transparent" is not supported'],
  [
    "server { listen 1.1.1.1:1 ssl; return x; }",
    '2: no "ssl_certificate" is defined for the "listen ... ssl" directive',
  ],
])("%s", ([stream, error, http]) => {
  expect(errors(stream, http)).toContain(error)
})

test.for<[stream: string, warnings: string[], http?: string]>([
  ["server { listen 1.1.1.1:1; pass 1.1.1.1:2; } server { listen 1.1.1.1:2; return x; }", []],
  ["server { listen 1.1.1.1:1; pass 127.0.0.1:8080; }", [], HTTP],
  [
    "server { listen 1.1.1.1:1; pass [::1]:8080; }",
    ["2: no listener has the address [::1]:8080: connections end at once"],
    HTTP,
  ],
  [
    "server { listen 1.1.1.1:1; pass unix:/x; }",
    ["2: no listener has the address unix:/x: connections end at once"],
  ],
  ["server { listen 1.1.1.1:1; pass $remote_addr:80; }", []],
  [
    "server { listen 1.1.1.1:1; pass 1.1.1.1:9; return x; }",
    ["2: no listener has the address 1.1.1.1:9: connections end at once"],
  ],
])("where nothing listens: %s", ([stream, warnings, http]) => {
  const { problems } = read(stream, http)
  const said = problems.filter(({ severity }) => severity === "warning")
  expect(said.map(({ line, message }) => `${line}: ${message}`)).toEqual(warnings)
})

test.for<[written: string, kind: string]>([
  ["proxy_pass 1.1.1.1:1; pass 1.1.1.1:5; return x;", "return"],
  ["return x; pass 1.1.1.1:5;", "pass"],
  ["pass 1.1.1.1:5; proxy_pass 1.1.1.1:1;", "cluster"],
])("the last of several counts: %s", ([written, kind]) => {
  const { config } = read(`server { listen 1.1.1.1:5; ${written} }`)
  expect(config!.tcp.servers[0]!.action.kind).toBe(kind)
})

test("HTTP has none of its variables, and it none of HTTP's own", () => {
  const http = "http { map $ssl_preread_server_name $a { default x; } server { listen 80; return 200; } }"
  expect(errors("server { listen 1.1.1.1:1; return x; }", http)).toEqual([
    '1: unknown "ssl_preread_server_name" variable',
  ])
  expect(
    errors(
      "map $a $b { default x; } server { listen 1.1.1.1:1; return $b; }",
      "http { map $uri $a { default 1; } }",
    ),
  ).toEqual(['2: unknown "a" variable'])
})

test("a template is told of its variables, and not of stream's own", () => {
  const { problems } = read(
    "map $remote_addr $UPSTREAM { default 1.1.1.1:1; } server { listen 1.1.1.1:1; proxy_pass $UPSTREAM; }",
  )
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
})
