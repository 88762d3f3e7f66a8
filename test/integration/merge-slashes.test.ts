/** `merge_slashes off`: the same file and the same requests through nginx and through Sluice. */
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { expect, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

const SERVER = `
  location / { return 200 "root $uri $request_uri"; }
  location /a/b { return 200 "merged $uri"; }
  location //a { return 200 "two $uri"; }
  location = /e//f { return 200 "exact $uri"; }
  location ~ ^/re//(.*) { return 200 "regex $1"; }
  location /rw { rewrite ^/rw//(.*)$ /a//b/$1 last; return 200 "not $uri"; }
  location /proxy { proxy_pass http://unix:BACKEND; }
  location /replaced/ { proxy_pass http://unix:BACKEND:/to/; }
  location /f/ { root DIRECTORY/files; }
  location /alias/ { alias DIRECTORY/files/f/; }
  location /try { root DIRECTORY/files; try_files $uri /f//x.txt =404; }
  location /page { error_page 404 //a/page; return 404; }`

const PATHS = [
  ...["/", "//", "///", "//a", "/a//b", "/a/b", "/a///b/", "/e//f", "/e/f", "/re//x//y", "/re/x"],
  ...["/rw//x", "/rw/x", "/rw//x//y", "/%2fa", "/a%2F%2fb", "/a/.//b", "/a//./b", "/a//../b", "/a//../../b"],
  ...[
    "/a//b/..",
    "/a//b//",
    "//..",
    "/..//",
    "//../..",
    "//.",
    "/a//../../../b",
    "/proxy//x//y?q=//",
    "/proxy/x",
  ],
  ...[
    "/replaced//x//y",
    "/replaced/x",
    "/replaced//../x",
    "/f//x.txt",
    "/f/x.txt",
    "//f/x.txt",
    "/f//d/",
    "/f//d",
  ],
  ...["/f//../secret.txt", "/f//..//secret.txt", "/f/%2e%2e//secret.txt", "/f//%2e%2e/%2e%2e/secret.txt"],
  ...["/alias//x.txt", "/alias/x.txt", "/alias//../x.txt", "/alias//..//../secret.txt", "/try//x", "/page"],
]

test.skipIf(!hasNginx).for(["off", "on"])("merge_slashes %s", async (merge, t) => {
  const beside = new BesideNginx(t)
  const files = join(beside.directory, "files", "f")
  mkdirSync(join(files, "d"), { recursive: true })
  writeFileSync(join(files, "x.txt"), "the file")
  writeFileSync(join(files, "d", "index.html"), "the index")
  writeFileSync(join(beside.directory, "files", "secret.txt"), "within the root")
  writeFileSync(join(beside.directory, "secret.txt"), "outside")
  const backend = createServer((request, response) => response.end(`backend ${request.url!}`))
  backend.listen(join(beside.directory, "backend"))
  t.onTestFinished(() => void backend.close())
  const server = SERVER.replaceAll("BACKEND", join(beside.directory, "backend"))
  const text = `server { listen SOCKET; merge_slashes ${merge}; absolute_redirect off;
    ${server.replaceAll("DIRECTORY", beside.directory)} }`
  const nginx = await beside.startNginx(t, text)
  const sluice = await beside.startSluice(text)
  const told = ({ status, headers, body }: Awaited<ReturnType<typeof nginx>>) => ({
    status,
    location: headers.location,
    body: status === 200 ? body : "",
  })
  for (const path of PATHS) {
    const [theirs, ours] = await Promise.all([nginx({ path }), sluice({ path })])
    expect(told(ours), path).toEqual(told(theirs))
    expect(ours.body).not.toContain("outside")
  }
})
