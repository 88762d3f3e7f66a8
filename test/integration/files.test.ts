/** Files: the same directory and the same requests through nginx and through Sluice. */
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { expect, test } from "vitest"
import { type Answered, type Asked, BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

const MODIFIED = new Date("2024-05-06T07:08:09Z")
const SAME = MODIFIED.toUTCString()
const OLDER = "Sun, 05 May 2024 07:08:09 GMT"
const NEWER = "Tue, 07 May 2024 07:08:09 GMT"
const ETAG = '"663881d9-a"'
const LARGE_OCTETS = 3_000_000

/** Names and texts; a name that ends with `/` is a directory. */
const FILES: Record<string, string> = {
  "www/": "",
  "www/index.html": "<p>start",
  "www/a.txt": "0123456789",
  "www/a.HTML": "upper",
  "www/a.b/noextension": "none",
  "www/a b%25?.html": "odd name",
  "www/\u804a.txt": "chat",
  "www/back\\slash.txt": "back",
  "www/.hidden": "hidden",
  "www/empty.txt": "",
  "www/large.bin": "x".repeat(LARGE_OCTETS),
  "www/dir/": "",
  "www/dir/index.html": "inside",
  "www/dir/home.txt": "home",
  "www/bare/": "",
  "www/bare/x.js": "js",
  "secret/": "",
  "secret/key.txt": "secret",
}

type Case = [server: string, asked: (string | Asked)[]]
const withHeaders = (path: string, headers: Record<string, string>, method = "GET"): Asked => ({
  path,
  headers,
  method,
})

const CASES: Record<string, Case> = {
  root: [
    "root ROOT/www; location /none { }",
    [
      ...["/", "/a.txt", "/a.txt?x=1", "/a.HTML", "/a.b/noextension", "/.hidden", "/empty.txt", "/missing"],
      ...["/a%20b%2525%3F.html", "/%E8%81%8A.txt", "/back%5Cslash.txt", "/large.bin", "/missing/", "/none"],
      ...[
        "/dir",
        "/dir?x=1",
        "/dir/",
        "/bare",
        "/bare/",
        "/bare/x.js",
        "/bare/x.js/",
        "/a.txt/b",
        "/link.txt",
      ],
      ...["HEAD", "POST", "PUT", "DELETE", "OPTIONS"].flatMap((method) =>
        ["/a.txt", "/missing", "/dir", "/dir/", "/bare/"].map((path) => ({ path, method })),
      ),
    ],
  ],
  "paths that would leave it": [
    "root ROOT/www;",
    [
      ...[
        "/../secret/key.txt",
        "/dir/../../secret/key.txt",
        "/%2e%2e/secret/key.txt",
        "/..%2fsecret/key.txt",
      ],
      ...["/dir/..%2f..%2fsecret/key.txt", "/%2e%2e%2fsecret%2fkey.txt", "/..\\secret\\key.txt", "/a.txt%00"],
      ...[
        "/..%5csecret/key.txt",
        "/%252e%252e/secret/key.txt",
        "/dir/%2e%2e/a.txt",
        "/dir/./../a.txt",
        "//a.txt",
      ],
      ...["/....//secret/key.txt", "/.%2e/secret/key.txt", "/%c0%ae%c0%ae/secret/key.txt", "/a.txt%00.html"],
    ],
  ],
  conditions: [
    "root ROOT/www; location /before/ { alias ROOT/www/; if_modified_since before; } location /off/ { alias ROOT/www/; if_modified_since off; } location /plain/ { alias ROOT/www/; etag off; }",
    [
      ...["/", "/before/", "/off/", "/plain/"].flatMap((at) => [
        ...[SAME, OLDER, NEWER, "nonsense"].flatMap((date) => [
          withHeaders(`${at}a.txt`, { "if-modified-since": date }),
          withHeaders(`${at}a.txt`, { "if-unmodified-since": date }),
          withHeaders(`${at}a.txt`, { "if-modified-since": date, "if-none-match": '"other"' }),
          withHeaders(`${at}a.txt`, { "if-range": date, range: "bytes=2-3" }),
        ]),
        ...[ETAG, `W/${ETAG}`, "*", '"other"', `"other", ${ETAG}`].flatMap((tag) => [
          withHeaders(`${at}a.txt`, { "if-none-match": tag }),
          withHeaders(`${at}a.txt`, { "if-none-match": tag }, "HEAD"),
          withHeaders(`${at}a.txt`, { "if-match": tag }),
          withHeaders(`${at}a.txt`, { "if-range": tag, range: "bytes=2-3" }),
        ]),
      ]),
    ],
  ],
  ranges: [
    "root ROOT/www;",
    [
      ...[
        "0-0",
        "2-",
        "-3",
        "5-100",
        "0-9",
        "9-9",
        "10-",
        "-0",
        "-100",
        "3-2",
        "20-30",
        "-",
        "0-1,4-5",
        "-1, 0 - 1",
      ].flatMap((range) => [
        withHeaders("/a.txt", { range: `bytes=${range}` }),
        withHeaders("/a.txt", { range: `bytes=${range}` }, "HEAD"),
      ]),
      ...["0-0,20-30", "0-5,4-9", "0-4,4-8", "0-0,x", "0-0,", "1-2;3", "9999999999999999-", "x", ""].map(
        (range) => withHeaders("/a.txt", { range: `bytes=${range}` }),
      ),
      withHeaders("/a.html", { range: "bytes=0-0,2-2" }),
      withHeaders("/a.b/noextension", { range: "bytes=0-0,2-2" }),
      withHeaders("/a.txt", { range: "bytes=0-0,2-2", "if-range": ETAG }),
      withHeaders("/a.txt", { range: "bytes=0-0,2-2", "if-range": '"other"' }),
      withHeaders("/large.bin", { range: "bytes=0-999999,1000000-1999999,2999999-" }),
      withHeaders("/empty.txt", { range: "bytes=0-" }),
      withHeaders("/a.txt", { range: "lines=1-2" }),
      withHeaders("/large.bin", { range: "bytes=1000000-2999998" }),
    ],
  ],
  max_ranges: [
    `root ROOT/www; location /0/ { alias ROOT/www/; max_ranges 0; } location /1/ { alias ROOT/www/; max_ranges 1; }
     location /2/ { alias ROOT/www/; max_ranges 2; }`,
    ["0", "1", "2"].flatMap((most) =>
      ["0-1", "0-0,2-2", "0-0,2-2,4-4", "20-30", "0-0,20-30,4-4"].map((range) =>
        withHeaders(`/${most}/a.txt`, { range: `bytes=${range}` }),
      ),
    ),
  ],
  "ranges and charset": [
    `root ROOT/www; charset utf-8; location /all/ { alias ROOT/www/; charset_types *; }
     location /none/ { alias ROOT/www/; charset_types text/x; } location /typeless/ { alias ROOT/www/; types { } default_type ""; }
     location /own/ { alias ROOT/www/; types { } default_type "text/html; charset=x"; }`,
    ["", "/all", "/none", "/typeless", "/own"].flatMap((at) =>
      ["0-0", "0-0,2-2"].flatMap((range) =>
        ["GET", "HEAD"].map((method) => withHeaders(`${at}/a.txt`, { range: `bytes=${range}` }, method)),
      ),
    ),
  ],
  "alias, exact, prefix and regex": [
    `location /i/ { alias ROOT/www/dir/; } location /j { alias ROOT/www/dir; } location = /k { alias ROOT/www/a.txt; }
     location ~ ^/r/(.*)$ { alias ROOT/www/$1; } location /outer/ { root ROOT/www; location /outer/x/ { alias ROOT/www/bare/; } }`,
    [
      ...["/i/home.txt", "/i/", "/i", "/j/home.txt", "/j/", "/j", "/k", "/kk", "/r/a.txt", "/r/", "/r/dir"],
      ...["/outer/x/x.js", "/outer/x/", "/outer/"],
    ],
  ],
  index: [
    `root ROOT/www; index none.html home.txt index.html; location /abs/ { alias ROOT/www/bare/; index none /a.txt; }
     location = /dir/home.txt { return 200 "redirected inside"; } location /no/ { alias ROOT/www/dir/; index nothing; }
     location /rel { alias ROOT/www; absolute_redirect off; }`,
    ["/", "/dir/", "/dir/?x", "/abs/", "/no/", "/rel/dir?x", "/rel"],
  ],
  try_files: [
    `root ROOT/www;
     location /app { try_files $uri $uri/ /index.html; }
     location /code { try_files $uri =418; }
     location /named { try_files $uri @other; }
     location /query { try_files $uri /shown?from=$uri; }
     location /fixed { try_files /a.txt =404; }
     location /loop { try_files $uri /loop/x; }
     location /arg { try_files /$arg_f =404; }
     location /dir { try_files $uri $uri/ =404; }
     location /i/ { alias ROOT/www/dir/; try_files $uri $uri/ =404; }
     location ~ ^/re/(.*)$ { alias ROOT/www/; try_files $1 dir/$1 dir/ =404; }
     location ~ ^/rf/(.*)$ { alias ROOT/www/dir; try_files /$1 /shown?$1; }
     location ~ ^/rc/(.*)$ { alias ROOT/www/$1; try_files "" /home.txt =404; }
     location /shown { return 200 "$uri $args"; }
     location @other { return 200 "other $uri"; }`,
    [
      ...["/app", "/app/x/y", "/code", "/named", "/named?x", "/query/1?x=2", "/fixed", "/loop"],
      ...["/arg?f=a.txt", "/arg?f=../secret/none", "/dir", "/dir/", "/dir/home.txt", "/dir/none"],
      ...["/i/home.txt", "/i/none", "/i/"],
      ...[
        "/re/a.txt",
        "/re/home.txt",
        "/re/none",
        "/re/",
        "/rf/home.txt",
        "/rf/none",
        "/rc/a.txt",
        "/rc/dir",
      ],
      { path: "/app/x", method: "POST" },
      { path: "/named/x", method: "POST", body: "text" },
    ],
  ],
  types: [
    `root ROOT/www; types { application/javascript js; text/x-up HTML; } default_type application/x-other;
     location /empty { alias ROOT/www/; types { } default_type ""; }`,
    ["/a.txt", "/a.HTML", "/index.html", "/bare/x.js", "/empty/a.txt"],
  ],
  expires: [
    `root ROOT/www; location /max/ { alias ROOT/www/; expires max; } location /epoch/ { alias ROOT/www/; expires epoch; }
     location /no/ { alias ROOT/www/; expires -1; } location /off/ { alias ROOT/www/; expires off; }
     location /some/ { alias ROOT/www/; expires 1h30m; } location /mod/ { alias ROOT/www/; expires modified +100y; }
     location /gone/ { alias ROOT/www/; expires modified 1d; }`,
    ["max", "epoch", "no", "off", "some", "mod", "gone"].flatMap((each) => [
      `/${each}/a.txt`,
      `/${each}/missing`,
      withHeaders(`/${each}/a.txt`, { "if-none-match": ETAG }),
    ]),
  ],
  "steps before it": [
    `root ROOT/www; location /old/ { rewrite ^/old/(.*)$ /$1 last; } location /new/ { rewrite ^/new/(.*)$ /dir/$1 break; }
     location /in/ { internal; alias ROOT/www/; } location /to/ { try_files $uri /in/a.txt; }
     location /if/ { alias ROOT/www/; if ($arg_a) { return 402; } } add_header x-here 1;`,
    ["/old/a.txt", "/new/home.txt", "/in/a.txt", "/to/", "/to/x", "/if/a.txt", "/if/a.txt?a=1"],
  ],
}

const HEADERS = [
  ...[
    "content-type",
    "content-length",
    "content-range",
    "accept-ranges",
    "last-modified",
    "etag",
    "location",
  ],
  ...["x-here", "cache-control"],
]

/** What both must agree on. nginx's own pages are HTML, ours are empty. */
function seen({ status, headers, body }: Answered): unknown {
  const isOwnPage = status >= 300
  const compared = HEADERS.filter((name) => !isOwnPage || !["content-type", "content-length"].includes(name))
  const said = compared.map((name) => [name, bounded(String(headers[name]))])
  const expires = headers.expires === undefined ? null : Math.round(Date.parse(headers.expires) / 10_000)
  return { status, said, expires, body: isOwnPage ? "" : body.length > 999 ? body.length : bounded(body) }
}

/** Each has boundaries of its own between ranges. */
const bounded = (text: string): string => text.replace(/\b\d{20}\b/g, "BOUNDARY")

function layOut(directory: string): void {
  for (const [name, text] of Object.entries(FILES)) {
    const path = join(directory, name)
    if (name.endsWith("/")) mkdirSync(path, { recursive: true })
    else {
      mkdirSync(join(path, ".."), { recursive: true })
      writeFileSync(path, text)
      utimesSync(path, MODIFIED, MODIFIED)
    }
  }
  symlinkSync(join(directory, "secret/key.txt"), join(directory, "www/link.txt"))
}

test.skipIf(!hasNginx)("nginx and Sluice serve the same", async (t) => {
  const beside = new BesideNginx(t)
  layOut(beside.directory)
  const http = Object.values(CASES)
    .map(([server], at) => `server { listen SOCKET; server_name case${at}; ${server} }`)
    .join("\n")
    .replaceAll("ROOT", beside.directory)
  const nginx = await beside.startNginx(t, http)
  const sluice = await beside.startSluice(http)
  const different: unknown[] = []
  for (const [at, [name, [, requests]]] of Object.entries(CASES).entries())
    for (const asked of requests) {
      const request = typeof asked === "string" ? { path: asked } : asked
      const sent = { ...request, headers: { ...request.headers, host: `case${at}` } }
      const [theirs, ours] = await Promise.all([nginx(sent), sluice(sent)])
      if (JSON.stringify(seen(theirs)) !== JSON.stringify(seen(ours)))
        different.push({ name, asked, nginx: seen(theirs), sluice: seen(ours) })
    }
  expect(different).toEqual([])
})

test("nothing outside of an alias or a root is served, where nginx would", async (t) => {
  const beside = new BesideNginx(t)
  layOut(beside.directory)
  const sluice = await beside.startSluice(
    `server { listen SOCKET; root ${beside.directory}/www; location /i { alias ${beside.directory}/www/dir/; }
     location /try { try_files /$arg_f =404; } location /var { root ${beside.directory}/www/$arg_d; } }`,
  )
  const statuses: unknown[] = []
  for (const path of ["/i../a.txt", "/try?f=../secret/key.txt", "/var?d=../secret", "/i/home.txt"])
    statuses.push((await sluice({ path })).status)
  expect(statuses).toEqual([404, 404, 404, 200])
})

test("of more ranges than max_ranges, which are 200 unless written, a file is sent whole", async (t) => {
  const beside = new BesideNginx(t)
  layOut(beside.directory)
  const www = `${beside.directory}/www`
  const sluice = await beside.startSluice(
    `server { listen SOCKET; root ${www}; location /300/ { alias ${www}/; max_ranges 300; } }`,
  )
  const statuses: unknown[] = []
  for (const path of ["/large.bin", "/300/large.bin"])
    for (const count of [200, 201, 301])
      statuses.push(
        (await sluice(withHeaders(path, { range: `bytes=0-0${",1-1".repeat(count - 1)}` }))).status,
      )
  expect(statuses).toEqual([206, 200, 200, 206, 206, 200])
})

test.for([
  ["a whole file", ""],
  ["ranges of it", "range: bytes=0-49999999999,50000000000-\r\n"],
])("no file stays open once its client has gone: %s", async ([, range], t) => {
  const beside = new BesideNginx(t)
  layOut(beside.directory)
  await beside.startSluice(`server { listen SOCKET; root ${beside.directory}/www; }`)
  // It takes no room on disk, and no reader comes to its end.
  const path = join(beside.directory, "www/endless.bin")
  writeFileSync(path, "")
  truncateSync(path, 100_000_000_000)
  const isOpen = (): boolean => openFiles().includes(path)
  const socket = connect(join(beside.directory, "sluice"))
  socket.on("error", () => {})
  socket.write(`GET /endless.bin HTTP/1.1\r\nhost: a\r\n${range}\r\n`)
  await new Promise((resolve) => socket.once("data", resolve))
  socket.pause()
  expect(isOpen()).toBe(true)
  socket.destroy()
  await expect.poll(isOpen).toBe(false)
})

function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((each) => {
    try {
      return [readlinkSync(`/proc/self/fd/${each}`)]
    } catch {
      return []
    }
  })
}
