/** Ways around what a file says of who gets in, on real sockets: what Sluice makes of each, and nginx beside it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { exchange, readMessages } from "../support/http1-wire.ts"
import { PROXIES, type Proxy as ProxyName } from "../support/misbehaving-http1.ts"

const SERVERS = `
  map $http_x_gate $gated { default 0; 1 1; }
  server {
    listen SOCKET;
    server_name good.test;
    set_real_ip_from unix:; set_real_ip_from 10.0.0.0/8;
    real_ip_header X-Client; real_ip_recursive on;
    location / { return 200 "open $uri"; }
    location /returned { deny all; return 200 returned; }
    location = /exact { deny all; root /; }
    location /denied { deny all; root /; }
    location ~ \\.secret$ { deny all; root /; }
    location /inside/ { internal; return 200 "got in"; }
    location /basic/ { auth_basic r; auth_basic_user_file users; try_files /none =204; }
    location /any/ { satisfy any; deny all; auth_basic r; auth_basic_user_file users; try_files /none =204; }
    location /both/ { deny all; auth_basic r; auth_basic_user_file users; try_files /none =204; }
    location /if/ { deny all; if ($gated) { set $x 1; } try_files /none =204; }
    location /outer/ { deny all;
      location /outer/inner/ { try_files /none =204; }
      location /outer/open/ { allow all; try_files /none =204; } }
    location /reads/ { limit_except GET { deny all; } try_files /none =204; }
    location /rewritten/ { rewrite ^/rewritten/(.*)$ /denied/$1 last; }
    location /asked/ { auth_request /judge; try_files /none =204; }
    location = /judge { internal; if ($http_authorization = "Bearer good") { return 204; } return 401; }
    location /near/ { allow unix:; deny all; try_files /none =204; }
    location /known/ { allow 192.168.0.0/16; deny all; try_files /none =204; }
  }
  server { listen SOCKET; server_name other.test; location / { return 200 "other $uri"; } }`

const sockets: Partial<Record<ProxyName, string>> = {}
const cleanups: (() => Promise<void> | void)[] = []
beforeAll(async () => {
  const t = { onTestFinished: (run: () => Promise<void> | void) => void cleanups.unshift(run) } as never
  const beside = new BesideNginx(t)
  writeFileSync(join(beside.directory, "users"), "alice:{PLAIN}secret\n")
  await beside.startSluice(SERVERS)
  if ((PROXIES as readonly ProxyName[]).includes("nginx")) await beside.startNginx(t, SERVERS)
  for (const name of PROXIES) sockets[name] = join(beside.directory, name)
})
afterAll(async () => {
  for (const run of cleanups) await run()
})

type Row = [what: string, head: string, sluice: string, nginx?: string]

const line = (target: string, fields = "", host = "good.test"): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`
const method = (name: string, target: string): string => line(target).replace("GET", name)
const authorization = (...values: string[]): string =>
  values.map((value) => `Authorization: ${value}\r\n`).join("")
const basic = (text: string): string => `Basic ${Buffer.from(text, "latin1").toString("base64")}`
const client = (...values: string[]): string => values.map((value) => `X-Client: ${value}\r\n`).join("")
const ALICE = basic("alice:secret")

const TRICKS: Record<string, Row[]> = {
  paths: [
    ["/returned", line("/returned"), "200 returned"],
    ["/denied/", line("/denied/"), "403"],
    ["/Denied", line("/Denied"), "200 open /Denied"],
    ["/%64enied/x", line("/%64enied/x"), "403"],
    ["/a/../denied/x", line("/a/../denied/x"), "403"],
    ["/./denied/x", line("/./denied/x"), "403"],
    ["//denied/x", line("//denied/x"), "403"],
    ["/x//../denied", line("/x//../denied"), "403"],
    ["/denied%2fx", line("/denied%2fx"), "403"],
    ["/denied;x", line("/denied;x"), "403"],
    ["/x/..%2fdenied/x", line("/x/..%2fdenied/x"), "403"],
    ["/x/%2e%2e/denied/x", line("/x/%2e%2e/denied/x"), "403"],
    ["/denied.", line("/denied."), "403"],
    ["/denied/.", line("/denied/."), "403"],
    ["/denied%00", line("/denied%00"), "400"],
    ["/%2564enied", line("/%2564enied"), "200 open /%64enied"],
    ["/denied?x", line("/denied?x"), "403"],
    ["/denied#x", line("/denied#x"), "400", "403"],
    ["/x#/../denied", line("/x#/../denied"), "400", "200 open /x"],
    ["/x?/../../denied", line("/x?/../../denied"), "200 open /x"],
    ["/exact", line("/exact"), "403"],
    ["/exact/", line("/exact/"), "200 open /exact/"],
    ["/exact?", line("/exact?"), "403"],
    ["/exact%3f", line("/exact%3f"), "200 open /exact?"],
    ["/exact/..", line("/exact/.."), "200 open /"],
    ["/./exact", line("/./exact"), "403"],
    ["/x/../exact", line("/x/../exact"), "403"],
    ["/x.secret", line("/x.secret"), "403"],
    ["/x.secret/", line("/x.secret/"), "200 open /x.secret/"],
    ["/x.secret;", line("/x.secret;"), "200 open /x.secret;"],
    ["/x.secre%74", line("/x.secre%74"), "403"],
    ["/x.secret%00", line("/x.secret%00"), "400"],
    ["/inside/x", line("/inside/x"), "404"],
    ["/%69nside/x", line("/%69nside/x"), "404"],
    ["/../x", line("/../x"), "400"],
    ["/..%2f..", line("/..%2f.."), "400"],
    ["/a%5c..%5cdenied", line("/a%5c..%5cdenied"), "200 open /a\\..\\denied"],
    ["/a\\\\..\\\\denied", line("/a\\..\\denied"), "200 open /a\\..\\denied"],
    ["/denied%ff", line("/denied%ff"), "403"],
    ["/%c0%ae%c0%ae/denied", line("/%c0%ae%c0%ae/denied"), "200 open /À®À®/denied"],
    ["/%u0064enied", line("/%u0064enied"), "400"],
    ["/%zz", line("/%zz"), "400"],
    ["/rewritten/x", line("/rewritten/x"), "403"],
    ["/outer/x", line("/outer/x"), "403"],
    ["/outer/inner/x", line("/outer/inner/x"), "403"],
    ["/outer/open/x", line("/outer/open/x"), "204"],
    ["/outer/open/../inner/x", line("/outer/open/../inner/x"), "403"],
  ],
  "targets and hosts": [
    ["absolute form", line("http://good.test/denied"), "403"],
    ["absolute form of another host", line("http://other.test/denied"), "200 other /denied"],
    ["an authority with a user", line("http://other.test@good.test/denied"), "400"],
    ["an authority with a port and a user", line("http://good.test:80@other.test/denied"), "400"],
    ["another scheme", line("ftp://good.test/denied"), "400", "403"],
    ["a query without a path", line("http://good.test?/denied"), "200 open /"],
    ["no slash", line("denied"), "400"],
    ["a host in upper case", line("/denied", "", "GOOD.TEST"), "403"],
    ["a host with a dot", line("/denied", "", "good.test."), "403"],
    ["a host with a port", line("/denied", "", "good.test:99"), "403"],
    ["a host with a path", line("/denied", "", "other.test/good.test"), "400"],
    ["two hosts in one", line("/denied", "", "other.test,good.test"), "403"],
    ["a second host", line("/denied", "Host: other.test\r\n"), "400"],
  ],
  methods: [
    ["GET", line("/reads/x"), "204"],
    ["HEAD", method("HEAD", "/reads/x"), "204"],
    ["POST", method("POST", "/reads/x"), "403"],
    ["one in lower case", method("get", "/reads/x"), "400"],
    ["one that a field names", line("/reads/x", "X-HTTP-Method-Override: POST\r\n"), "204"],
  ],
  passwords: [
    ["none", line("/basic/x"), "401"],
    ["the right one", line("/basic/x", authorization(ALICE)), "204"],
    ["the right one, then another", line("/basic/x", authorization(ALICE, basic("root:x"))), "401", "400"],
    ["another, then the right one", line("/basic/x", authorization(basic("root:x"), ALICE)), "401", "400"],
    ["with a NUL behind it", line("/basic/x", authorization(basic("alice:secret\0"))), "401", "204"],
    ["of a user with a NUL", line("/basic/x", authorization(basic("alice\0:secret"))), "401"],
    ["in another alphabet", line("/basic/x", authorization(`${ALICE}_`)), "401"],
    ["without its user", line("/basic/x", authorization(basic(":secret"))), "401"],
    ["for any", line("/any/x", authorization(ALICE)), "204"],
    ["none for any", line("/any/x"), "401"],
    ["for both, where a rule denies", line("/both/x", authorization(ALICE)), "403"],
    ["a condition that holds", line("/if/x", "X-Gate: 1\r\n"), "403"],
    [
      "named by connection",
      line("/basic/x", `${authorization(ALICE)}Connection: authorization\r\n`),
      "401",
      "204",
    ],
  ],
  "a service that is asked": [
    ["no token", line("/asked/x"), "401"],
    ["a good token", line("/asked/x", authorization("Bearer good")), "204"],
    [
      "a good token, then another",
      line("/asked/x", authorization("Bearer good", "Bearer evil")),
      "401",
      "400",
    ],
    ["another, then a good one", line("/asked/x", authorization("Bearer evil", "Bearer good")), "401", "400"],
    ["itself", line("/judge", authorization("Bearer good")), "404"],
  ],
  "the client behind proxies": [
    ["none but the proxy, who is near", line("/near/x"), "204"],
    ["one behind the proxy, who is not", line("/near/x", client("8.8.8.8")), "403"],
    [
      "the same, whom connection names",
      line("/near/x", `${client("8.8.8.8")}Connection: x-client\r\n`),
      "403",
    ],
    ["a field of forwarding named by connection", line("/near/x", "Connection: x-real-ip\r\n"), "400", "204"],
    ["nobody", line("/known/x"), "403"],
    ["one who is known", line("/known/x", client("192.168.1.1")), "204"],
    ["one before another", line("/known/x", client("192.168.1.1, 8.8.8.8")), "403"],
    ["one before a proxy", line("/known/x", client("192.168.1.1, 10.1.1.1")), "204"],
    ["one before a proxy as IPv6", line("/known/x", client("192.168.1.1, ::ffff:10.1.1.1")), "204"],
    ["one in a field before another", line("/known/x", client("192.168.1.1", "8.8.8.8")), "403", "204"],
    ["one as IPv6", line("/known/x", client("::ffff:192.168.1.1")), "204"],
    ["one with a port", line("/known/x", client("192.168.1.1:99")), "204"],
    ["one with leading zeros", line("/known/x", client("192.168.001.01")), "204"],
    ["IPv4 before the end of IPv6", line("/known/x", client("192.168.1.1::")), "403"],
    ["the same in brackets", line("/known/x", client("[192.168.1.1::]:80")), "403"],
    ["IPv6 that ends in leading zeros", line("/known/x", client("::ffff:192.168.1.01")), "204"],
    ["one with no port", line("/known/x", client("192.168.1.1:99999")), "403"],
    ["no address behind one", line("/known/x", client("192.168.1.1, x")), "403"],
    ["one in octal digits", line("/known/x", client("0300.168.1.1")), "403"],
    ["one in hexadecimal digits", line("/known/x", client("0xc0.168.1.1")), "403"],
    ["one with zones", line("/known/x", client("192.168.1.1%1")), "403"],
    ["one behind a tab", line("/known/x", client("8.8.8.8,\t192.168.1.1")), "403"],
    ["one in quotes", line("/known/x", client('"192.168.1.1"')), "403"],
    ["a socket", line("/known/x", client("unix:")), "403"],
    [
      "another, whom connection names",
      line("/known/x", `${client("8.8.8.8")}Connection: x-client\r\n`),
      "403",
    ],
    [
      "another, whom connection names beside one",
      line("/known/x", `${client("192.168.1.1", "8.8.8.8")}Connection: x-client\r\n`),
      "403",
      "204",
    ],
  ],
}

for (const [group, rows] of Object.entries(TRICKS))
  describe(group, () => {
    describe.each(PROXIES)("%s", (proxy) => {
      test.for(rows)("%s", async ([, head, sluice, nginx = sluice]) => {
        expect(await told(sockets[proxy]!, head)).toBe(proxy === "sluice" ? sluice : nginx)
      })
    })
  })

/** The status, and the body where it is not a page. */
async function told(socketPath: string, head: string): Promise<string> {
  const text = await exchange(socketPath, [head])
  const all = readMessages(text, { endsByClose: true, isBodiless: () => head.startsWith("HEAD") })
  return all
    .map(({ line, body }) => `${line.split(" ")[1]}${body.startsWith("<") || body === "" ? "" : ` ${body}`}`)
    .join(" + ")
}
