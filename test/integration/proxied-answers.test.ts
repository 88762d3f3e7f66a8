/** What is said of answers beside what the backend said: the same file and the same requests through nginx and through Sluice. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, type TestContext, test } from "vitest"
import { type Asked, BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** Answers with the fields that the query names, and says what it saw. */
async function backend(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    let body = ""
    request.on("data", (octets: Buffer) => (body += octets.toString()))
    request.on("end", () => {
      const { searchParams } = new URL(request.url!, "http://a")
      response.statusCode = Number(searchParams.get("status") ?? 200)
      for (const name of new Set(searchParams.keys()))
        if (name !== "status") response.setHeader(name, searchParams.getAll(name))
      response.end(`${request.method} ${request.headers["content-length"] ?? "-"} ${body}`)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const said = (fields: Record<string, string | string[]>, path = "/"): string => {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  )
  return `${path}?${new URLSearchParams(pairs).toString()}`
}

const CACHED = { "cache-control": "private", expires: "Thu, 01 Jan 2026 00:00:00 GMT" }
const HTML = { "content-type": "text/html" }
const FLAGS = "a=b; Path=/x; Secure; HttpOnly; SameSite=Lax"

/** `BACKEND` is where the backend listens. */
const CASES: Record<string, [server: string, asked: (string | Asked)[], http?: string]> = {
  "expires of proxied answers": [
    `location / { expires epoch; proxy_pass http://BACKEND; }
     location /max { expires max; proxy_pass http://BACKEND; }
     location /off { expires off; proxy_pass http://BACKEND; }
     location /by { expires $by; proxy_pass http://BACKEND; }
     location /text { expires max; return 200 "text"; }
     location /error { expires max; return 404; }`,
    [
      ...["/", said(CACHED), said({ status: "404", ...CACHED }), said({ status: "301" }), "/text", "/error"],
      ...[said(CACHED, "/max"), said(CACHED, "/off")],
      ...["off", "epoch", "max", "", "nonsense"].map((by) => said({ by, ...CACHED }, "/by")),
    ],
    "map $arg_by $by { default $arg_by; }",
  ],
  charset: [
    `charset utf-8; location / { proxy_pass http://BACKEND; }
     location /off { charset off; proxy_pass http://BACKEND; }
     location /types { charset $arg_of; charset_types text/css; proxy_pass http://BACKEND; }
     location /text { return 200 "text"; } location /error { return 404; } location /to { return 301 /; }
     location /json { default_type application/json; return 200 "{}"; }`,
    [
      ...[
        said(HTML),
        said({ "content-type": "text/HTML; charset=koi8-r" }),
        said({ status: "404", ...HTML }),
      ],
      ...[said({ "content-type": "image/png" }), said({ "content-type": "text/css" }), said({})],
      ...[said(HTML, "/off"), "/text", "/error", "/to", "/json"],
      ...[
        said({ of: "latin1", "content-type": "text/css" }, "/types"),
        said({ of: "latin1", ...HTML }, "/types"),
      ],
      said({ of: "", ...HTML }, "/types"),
    ],
  ],
  proxy_cookie_flags: [
    `location / { proxy_cookie_flags a secure httponly samesite=strict; proxy_pass http://BACKEND; }
     location /no { proxy_cookie_flags ~^A nosecure nohttponly nosamesite; proxy_pass http://BACKEND; }
     location /case { proxy_cookie_flags ~^A$ nosecure; proxy_cookie_flags a httponly; proxy_pass http://BACKEND; }
     location /var { proxy_cookie_flags $arg_name $arg_flag; proxy_pass http://BACKEND; }
     location /all { proxy_cookie_flags ~ samesite=none; proxy_cookie_path /x /y; proxy_cookie_domain a.test b.test;
       proxy_pass http://BACKEND; }
     location /all/off { proxy_cookie_flags off; proxy_pass http://BACKEND; }`,
    [
      ...["/", "/no", "/case", "/all", "/all/off"].flatMap((path) => [
        said({ "set-cookie": ["a=1", "b=2"] }, path),
        said({ "set-cookie": FLAGS }, path),
        said({ "set-cookie": [FLAGS.replace("a=", "A="), "a=;path=/x/z;  domain=.A.test ;x"] }, path),
        said({ "set-cookie": "a" }, path),
      ]),
      said({ name: "A", flag: "secure", "set-cookie": "a=1" }, "/var"),
      said({ name: "a", flag: "samesite=lax", "set-cookie": "a=1" }, "/var"),
    ],
  ],
  proxy_set_body: [
    `location / { proxy_set_body "of $arg_of"; proxy_pass http://BACKEND; }
     location /empty { proxy_set_body ""; proxy_pass http://BACKEND; }
     location /not { proxy_pass_request_body off; proxy_set_body own; proxy_pass http://BACKEND; }`,
    [
      ...["/?of=x", "/not"],
      ...["/?of=x", "/empty", "/not"].flatMap((path): Asked[] => [
        { path, method: "POST", body: "what the client sends" },
        { path, method: "PUT", body: "x", headers: { "transfer-encoding": "chunked" } },
      ]),
    ],
  ],
}

test.skipIf(!hasNginx).for(Object.entries(CASES))("%s", async ([, [server, asked, http = ""]], t) => {
  const beside = new BesideNginx(t)
  const port = await backend(t)
  const text = `${http} server { listen SOCKET; ${server.replaceAll("BACKEND", `127.0.0.1:${port}`)} }`
  const nginx = await beside.startNginx(t, text)
  const sluice = await beside.startSluice(text)
  for (const one of asked) {
    const request = typeof one === "string" ? { path: one } : one
    const [theirs, ours] = await Promise.all([nginx(request), sluice(request)])
    const told = ({ status, headers, body }: typeof theirs) => ({
      status,
      expires: headers.expires,
      cacheControl: headers["cache-control"],
      type: headers["content-type"],
      cookies: headers["set-cookie"],
      body: status === 200 ? body : "",
    })
    expect([request, told(ours)]).toEqual([request, told(theirs)])
  }
})
