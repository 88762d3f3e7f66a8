import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import type { Config } from "../../../src/config/model.ts"
import { readNginxConfig } from "../../../src/config/nginx/read.ts"
import type { StreamRecord } from "../../../src/record/record.ts"
import { normalizeUri } from "../../../src/record/uri.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { runEdge } from "../oracles/edge.ts"
import { echoing, saying } from "../oracles/peers.ts"
import { REQUESTS } from "../requests.ts"

/** Two servers on one address with each phase; all that either answers says which of the two it was. */
const FILE = `
map $http_x_kind $kind { default plain; ~^(?<first>[a-z]+)-(.*)$ $first; loop $kind2; }
map $kind $kind2 { default none; volatile; plain p$arg_a; }
geo $net { default far; 192.0.2.0/24 near; }
split_clients "$remote_addr$uri$args" $part { 30% one; 20% two; * three; }
limit_req_zone $arg_key zone=req:64k rate=2r/s;
limit_conn_zone $cookie_who zone=conn:64k;
upstream backends { server 127.0.0.1:3000; }
server {
  listen 8080 default_server; server_name a.test ~^(?<sub>[a-z]+)[.]a[.]test$;
  add_header x-server a always; error_page 404 /missing; error_page 403 = @denied; recursive_error_pages on;
  set $where $part; if ($arg_go) { rewrite ^/(.*)$ /$arg_go/$1; }
  if ($http_user_agent ~* "(bad)(.*)") { return 403 $2; }
  location / { grpc_pass backends; grpc_set_header x-where "$where $kind $kind2 $net $1 $sub"; }
  location = /exact { return 200 "$request_uri $uri $args"; }
  location ^~ /secret/ { deny all; grpc_pass backends; }
  location ~ ^/v([0-9]+)/(.*)$ { rewrite ^/v1/(.*)$ /$1?v=$1 last; rewrite ^/v2/(.*)$ /v1/$1 break; grpc_pass backends; }
  location /around { rewrite ^/around(.*)$ /around/x$1 last; }
  location /inside { internal; return 200 inside; }
  location /missing { internal; return 404 missing; }
  location @denied { return 403 denied; }
  location /limited { limit_req zone=req burst=1 nodelay; limit_conn conn 1; grpc_pass backends; }
  location /if { if ($request_method = POST) { set $a 1; } if ($http_x_a) { set $a "\${a}2"; }
    if ($a = 12) { return 302 /moved$is_args$args; } if ($args ~ (.*)b(.*)) { rewrite ^ /exact$1$2 last; } grpc_pass backends; }
  location /only { limit_except GET { deny all; } grpc_pass backends; }
}
server {
  listen 8080; server_name b.test *.b.test; add_header x-server b always; access_log off;
  location / { return 200 "b $host $part"; }
  location ~* [.]PHP$ { return 404; }
  location /pass { auth_request /ask; grpc_pass backends; } location = /ask { internal; return 204; }
}
`

/** The listener and the endpoint are those of the virtual network. */
function readConfig(): Config {
  const { config, problems } = readNginxConfig(FILE, "nginx.conf", {
    read: () => new Uint8Array(),
    list: () => [],
  })
  assert(config !== null, problems.map(({ message }) => message).join("; "))
  return JSON.parse(
    JSON.stringify(config)
      .replaceAll('"0.0.0.0:8080"', '"fuzz:8080"')
      .replaceAll('"host":"0.0.0.0","port":8080', '"host":"fuzz","port":8080')
      .replaceAll('"address":"127.0.0.1:3000","host":"127.0.0.1"', '"address":"fuzz:3000","host":"fuzz"'),
  ) as Config
}

const CONFIG = readConfig()

/** Whatever stands behind the colon is no part of the name, as in nginx, and neither is the dot before it. */
const hostOf = (authority: string): string => /^[^:]*/.exec(authority.toLowerCase())![0].replace(/\.$/, "")

/** What could not be read is answered by the server that it named so far, which the record does not tell. */
const isRefused = ({ authority, status }: StreamRecord): boolean => authority === "" && status >= 400

/** Never another server's answer, and no call goes through where all are denied, or to an internal location. */
function checkRoutes(ended: readonly StreamRecord[]): void {
  for (const record of ended) {
    const said = record.responseHeaders?.get("x-server")
    if (said === undefined || isRefused(record)) continue
    const host = hostOf(record.authority)
    const own = host === "b.test" || host.endsWith(".b.test") ? "b" : "a"
    assert.equal(said, own, `the answer of another server, to ${record.authority}`)
    if (own === "b" || record.state?.isInternal === true) continue
    const uri = normalizeUri(record.path) ?? ""
    if (uri.startsWith("/secret/"))
      assert.equal(record.attempts.length, 0, "a call got in where all are denied")
    if (uri.startsWith("/inside")) assert.notEqual(record.status, 200, "an internal location from outside")
  }
}

export const phases: Target = {
  steps: { base: 1_000_000, perOctet: 5000 },
  words: [
    ...[
      "a.test",
      "b.test",
      "x.b.test",
      "/exact",
      "/secret/",
      "/v1/",
      "/v2/",
      "/around",
      "/inside",
      "/limited?key=1",
    ],
    ...[
      "/if",
      "/only",
      "?go=inside",
      "?go=secret",
      "x-kind: ab-c\r\n",
      "x-kind: loop\r\n",
      "user-agent: bad\r\n",
      "%2f",
      "..",
    ],
    ...["cookie: who=1\r\n", "x-a: 1\r\n", "&b=", "/pass", "host: ", "\r\n\r\n"],
  ],
  *seeds() {
    for (const host of ["a.test", "q.a.test", "b.test", "x.b.test:80", "other"])
      for (const path of [
        "/",
        "/exact?x",
        "/secret/a",
        "/v1/x?go=v2",
        "/v2/y",
        "/around",
        "/inside",
        "/limited?key=1",
        "/if?ab",
      ])
        yield Buffer.from(`\0GET ${path} HTTP/1.1\r\nhost: ${host}\r\nx-kind: ab-c\r\ncookie: who=1\r\n\r\n`)
    yield Buffer.from(
      "\0GET /pass HTTP/1.1\r\nhost: b.test\r\n\r\nPOST /if HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n",
    )
    for (const said of REQUESTS) yield Buffer.concat([Buffer.from([3]), said])
  },
  run(input) {
    const cut = (input[0] ?? 0) & 0x3f
    const octets = input.subarray(1)
    const pieces = cut === 0 ? [octets] : randomly(seededRandom(cut), 2 * cut)(octets)
    return runEdge({
      client: saying(pieces),
      backend: echoing,
      config: () => structuredClone(CONFIG),
      check: checkRoutes,
    })
  },
}
