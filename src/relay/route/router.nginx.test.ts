/** The same paths through real nginx: it must choose the location that our router chooses. */
import { mkdtempSync, rmSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { isInstalled, startNginx } from "../../../test/support/nginx.ts"
import { atOnce } from "../../base/steps.ts"
import { diskFiles } from "../../config/nginx/include.ts"
import { readNginxConfig } from "../../config/nginx/read.ts"
import { Router } from "./router.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** Locations that each answer with a status of their own, and which of them a path leads to. */
const CASES: [locations: string, answers: Record<string, number>][] = [
  [
    "location /a/ { return 201; location /a/b/ { return 202; } } location ~ \\.x$ { return 203; }",
    { "/a/b/c.x": 203, "/a/c.x": 203, "/a/b/c": 202, "/a/c": 201 },
  ],
  [
    "location /a/ { return 201; location ^~ /a/b/ { return 202; } } location ~ \\.x$ { return 203; }",
    { "/a/b/c.x": 203, "/a/b/c": 202 },
  ],
  [
    `location ^~ /a/ { return 201; location /a/b/ { return 202; location ~ y { return 204; } } location ~ z { return 205; } }
    location ~ \\.x$ { return 203; }`,
    { "/a/b/c.x": 202, "/a/b/y.x": 204, "/a/b/z.x": 205, "/a/b/zy.x": 204, "/a/c.x": 201 },
  ],
  [
    `location /a/ { return 201; location /a/b/ { return 202; location ~ y { return 204; } } location ~ z { return 205; } }
    location ~ \\.x$ { return 203; }`,
    { "/a/b/zy.x": 204, "/a/b/zq.x": 205, "/a/b/q.x": 203, "/a/b/q": 202 },
  ],
  [
    "location /a/ { return 201; location = /a/b.x { return 202; } } location ~ \\.x$ { return 203; }",
    { "/a/b.x": 202, "/a/c.x": 203 },
  ],
  [
    "location / { return 201; } location ~ \\.x { return 202; location ~ \\.xy { return 203; } }",
    { "/a.x": 202, "/a.xy": 203 },
  ],
  [
    "location / { return 201; } location /é/ { return 202; } location = /聊天 { return 203; } location ~ ^/z[^/]é { return 204; }",
    { "/%C3%A9/x": 202, "/%E9/x": 201, "/%E8%81%8A%E5%A4%A9": 203, "/zz%C3%A9": 204, "/z%C3%A9": 201 },
  ],
  regexCase("[[:punct:]]", ["!", ":", "[", "~"], ["p", "%20", "a"]),
  regexCase("[[:^digit:]]", ["a", "%FF"], ["1"]),
  regexCase("[[:space:][:cntrl:]]", ["%20", "%0B", "%01"], ["a", "%A0"]),
  regexCase("a[\\h]b", ["a%20b", "a%09b", "a%A0b"], ["ahb", "a%0Ab"]),
  regexCase("a\\sb", ["a%20b", "a%0Bb"], ["a%A0b", "asb"]),
  regexCase("a[\\S]b", ["a%A0b", "asb"], ["a%20b"]),
  regexCase("a\\vb", ["a%0Ab", "a%0Bb", "a%85b"], ["a%20b", "avb"]),
  regexCase("a\\Nb", ["a%0Db", "aNb"], ["a%0Ab"]),
  regexCase("[^]a]", ["b"], ["]", "a", "ba]"]),
  regexCase("[]a]", ["]", "a"], ["b"]),
  regexCase("(.)\\1", ["aa"], ["ab", "a1"]),
  regexCase("\\101[\\7]", ["A%07"], ["1017"]),
]

/** The first of these paths are matched by the regex, the others are not. */
function regexCase(pattern: string, matched: string[], others: string[]): (typeof CASES)[number] {
  const answers = [...matched.map((path) => [`/${path}`, 202]), ...others.map((path) => [`/${path}`, 201])]
  return [
    `location / { return 201; } location ~ "^/(?:${pattern.replaceAll("\\", "\\\\")})$" { return 202; }`,
    Object.fromEntries(answers),
  ]
}

function ours(locations: string): (path: string) => number | null {
  const { config, problems } = readNginxConfig(`server { listen 80; ${locations} }`, "nginx.conf", diskFiles)
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  const router = atOnce(
    Router.make("0.0.0.0:80", config!.servers, (_server, route) =>
      route?.action.kind === "return" ? route.action.status : 404,
    ),
  )
  return (path) => router.match("", path)
}

test.each(CASES)("%s", (locations, answers) => {
  const match = ours(locations)
  for (const [path, status] of Object.entries(answers)) expect(match(path), path).toBe(status)
})

test.skipIf(!hasNginx)("nginx chooses the same locations", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-locations-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const socket = join(directory, "listen")
  const servers = CASES.map(([locations], at) => {
    return `server { listen unix:${socket}; server_name case${at}; ${locations} }`
  })
  await startNginx(t, directory, "listen", servers.join("\n"))
  const ask = (host: string, path: string) =>
    new Promise<number>((resolve, reject) => {
      const asked = request({ socketPath: socket, path, headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
      asked.on("error", reject).end()
    })
  for (const [at, [locations, answers]] of CASES.entries())
    for (const [path, status] of Object.entries(answers))
      expect(await ask(`case${at}`, path), `${locations}: ${path}`).toBe(status)
})
