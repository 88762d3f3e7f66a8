/** `error_page`, and nginx's own pages: the same files and the same requests through nginx and through Sluice. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { type Answered, type Asked, BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** Of the server, and what is asked: a path or more than that. */
type Case = [server: string, asked: (string | Asked)[]]

const STATUSES = [301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413]
const MORE = [414, 415, 416, 418, 421, 422, 429, 451, 500, 501, 502, 503, 504, 505, 507, 508]

const CASES: Record<string, Case> = {
  "nginx's own pages": [
    [...STATUSES, ...MORE].map((status) => `location = /${status} { return ${status}; }`).join("\n"),
    [...STATUSES, ...MORE].flatMap((status) => [`/${status}`, { path: `/${status}`, method: "HEAD" }]),
  ],
  "server_tokens off": ["server_tokens off; location / { return 403; }", ["/"]],
  "what is no page": [
    `location = /text { return 404 "text"; } location = /empty { return 404 ""; } location = /var { return 404 $arg_none; }
     location = /ok { return 200; } location = /300 { return 300; }`,
    ["/text", "/empty", "/var", "/ok", "/300"],
  ],
  "to a path": [
    `error_page 404 /404.html; error_page 403 /no-such; error_page 500 /return; error_page 409 /args?a=b;
     location = /return { return 200 "$uri $status $request_uri $request_method"; }
     location = /args { return 200 "$args"; }
     location = /403 { return 403; } location = /500 { return 500; } location = /409 { return 409; }
     root ROOT;`,
    [
      "/missing",
      "/403",
      "/500",
      "/409",
      { path: "/500", method: "POST", body: "x" },
      { path: "/500", method: "HEAD" },
    ],
  ],
  "with another status": [
    `error_page 404 =200 /page; error_page 403 = /page; error_page 500 =410 @named; error_page 501 = @named; error_page 502 =0 @named;
     location = /page { return 201 "page"; } location @named { return 202 "named $uri $request_method"; }
     location = /403 { return 403; } location = /500 { return 500; } location = /501 { return 501; }
     location = /dead { proxy_pass http://unix:/none; } root ROOT;`,
    ["/missing", "/403", "/500", "/501", "/dead", { path: "/500", method: "PUT", body: "x" }],
  ],
  "to an address": [
    `error_page 404 http://a.test/x; error_page 403 =301 https://$host$uri; error_page 500 =200 http://a.test/; error_page 410 relative;
     location = /403 { return 403; } location = /500 { return 500; } location = /410 { return 410; } root ROOT;`,
    ["/missing", "/403", "/500", "/410"],
  ],
  "a location has its own, or those around it": [
    `error_page 404 /outer; location = /outer { return 200 "outer"; } location = /inner { return 200 "inner"; }
     location /a { return 404; } location /b { error_page 404 /inner; return 404; }
     location /c { error_page 500 /inner; return 404; } location /d { error_page 404 /inner; error_page 404 /outer; return 404; }`,
    ["/a", "/b", "/c", "/d"],
  ],
  "an error at the page": [
    `error_page 404 /missing.html; error_page 403 /gives404; error_page 500 @gives502;
     location = /gives404 { return 404; } location @gives502 { proxy_pass http://unix:/none; }
     location = /403 { return 403; } location = /500 { return 500; } root ROOT;`,
    ["/missing", "/403", "/500"],
  ],
  recursive_error_pages: [
    `recursive_error_pages on; error_page 404 /gives403; error_page 403 /gives500; error_page 500 /last; error_page 410 /loop;
     location = /gives403 { return 403; } location = /gives500 { return 500; } location = /last { return 200 "last $uri"; }
     location = /loop { return 410; } location = /off { recursive_error_pages off; return 404; } root ROOT;`,
    ["/missing", "/gives403", "/loop", "/off"],
  ],
  "internal locations, and access at the page": [
    `error_page 404 /inside; error_page 403 /denied; location = /inside { internal; return 200 "inside"; }
     location = /denied { deny all; return 200 "never"; } location = /403 { return 403; }
     location = /limit { limit_except GET { deny all; } try_files /none =404; } root ROOT;`,
    ["/missing", "/inside", "/403", { path: "/limit", method: "POST", body: "x" }],
  ],
  "the server's steps are taken again": [
    `set $n 0; if ($uri = /again) { return 202 "again"; } error_page 404 /again; error_page 403 @named;
     location @named { return 200 "named"; } location = /403 { return 403; } root ROOT;`,
    ["/missing", "/403", "/again"],
  ],
  "headers that are added": [
    `error_page 404 /page; error_page 403 @named; add_header x-outer 1; add_header x-always 1 always;
     location = /page { add_header x-page 1; add_header x-page-always 1 always; return 200 "page"; }
     location @named { add_header x-named $status always; return 200; } location = /403 { return 403; }
     location = /500 { return 500; } location = /301 { return 301 /x; } root ROOT;`,
    ["/missing", "/403", "/500", "/301"],
  ],
  "a body that is too large": [
    `client_max_body_size 4; error_page 413 /413; error_page 400 @bad; location = /413 { return 200 "too large"; }
     location @bad { return 200 "bad"; } root ROOT;`,
    [{ path: "/x", method: "POST", body: "12345" }, "/%zz"],
  ],
  "an unknown page": ["error_page 404 @none; root ROOT;", ["/missing"]],
  "a directory": ["root ROOT;", ["/dir", "/dir?x=1", "/dir/", { path: "/dir", method: "HEAD" }]],
  "nothing is answered": [
    "location = /444 { return 444; } location = /408 { return 408; }",
    ["/444", "/408"],
  ],
  variables: [
    `error_page 404 /page$arg_n?x=$arg_x; location /page { return 200 "$uri $args"; } root ROOT;`,
    ["/missing?n=1&x=2", "/missing"],
  ],
  "the if that holds": [
    `location / { error_page 404 /outer; if ($arg_if) { error_page 404 /inner; return 404; } return 404; }
     location = /outer { return 200 "outer"; } location = /inner { return 200 "inner"; }`,
    ["/x", "/x?if=1"],
  ],
  "a trick with 418": [
    `location / { error_page 418 = @other; if ($http_x_other) { return 418; } return 200 "here"; }
     location @other { return 200 "other $uri"; }`,
    ["/a", { path: "/a", headers: { "x-other": "1" } }],
  ],
  "what a backend answers": [
    `location /pass/ { proxy_pass http://unix:BACKEND:/; error_page 404 503 /page; }
     location /cut/ { proxy_pass http://unix:BACKEND:/; proxy_intercept_errors on; error_page 404 503 401 /page; error_page 403 = @other; }
     location = /page { return 200 "page $request_method"; } location @other { proxy_pass http://unix:BACKEND; }`,
    [
      ...["/pass/404", "/pass/503", "/cut/404", "/cut/503", "/cut/401", "/cut/403", "/cut/500", "/cut/200"],
      { path: "/cut/404", method: "HEAD" },
      { path: "/cut/403", method: "POST", body: "body" },
    ],
  ],
}

/** Answers with the status that its path says, and what it was asked. */
const BACKEND = `server { listen unix:BACKEND; location / { set $code 200; if ($uri ~ ^/(\\d+)$) { set $code $1; }
  add_header x-backend 1 always; add_header www-authenticate Custom always; try_files /none @say; }
  location @say { if ($code = 404) { return 404 "b404"; } if ($code = 503) { return 503 "b503"; } if ($code = 401) { return 401 "b401"; }
  if ($code = 403) { return 403 "b403"; } if ($code = 500) { return 500 "b500"; } return 200 "b200 $request_method $uri"; } }`

const request = (asked: string | Asked): Asked => (typeof asked === "string" ? { path: asked } : asked)
const OF_EACH = new Set([
  "date",
  "server",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "last-modified",
  "etag",
])

/** All of it, but for what names the server and says the time. */
function seen({ status, headers, body }: Answered, asked: Asked): unknown {
  const page = body.replace(/(?<=<hr><center>)(nginx|sluice)[^<]*/, "NAME")
  const isPage = page !== body || (asked.method === "HEAD" && status >= 300)
  const kept = Object.entries(headers).filter(
    ([name]) => !OF_EACH.has(name) && !(isPage && name === "content-length"),
  )
  return { status, headers: kept.sort(([a], [b]) => a.localeCompare(b)), body: page }
}

test.skipIf(!hasNginx)("nginx and Sluice answer errors the same", async (t) => {
  const beside = new BesideNginx(t)
  const root = join(beside.directory, "root")
  mkdirSync(join(root, "dir"), { recursive: true })
  writeFileSync(join(root, "404.html"), "<p>nothing here")
  const backend = join(beside.directory, "backend")
  const servers = Object.values(CASES).map(
    ([server], at) => `server { listen SOCKET; server_name case${at}; ${server} }`,
  )
  const http = servers.join("\n").replaceAll("ROOT", root).replaceAll("BACKEND", backend)
  const nginx = await beside.startNginx(t, `${http}\n${BACKEND.replaceAll("BACKEND", backend)}`)
  const sluice = await beside.startSluice(http)
  const different: unknown[] = []
  for (const [at, [name, [, requests]]] of Object.entries(CASES).entries())
    for (const asked of requests.map(request)) {
      const sent = { ...asked, headers: { ...asked.headers, host: `case${at}` } }
      const theirs = await nginx(sent).then((answer) => seen(answer, sent), String)
      const ours = await sluice(sent).then((answer) => seen(answer, sent), String)
      if (JSON.stringify(theirs) !== JSON.stringify(ours)) different.push({ name, asked, theirs, ours })
    }
  expect(different).toEqual([])
})
