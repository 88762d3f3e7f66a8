/** What the tables of HTTP/1.1 sides that misbehave run on: one proxy and one backend for all rows of a table. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { expect } from "vitest"
import { BesideNginx } from "./beside-nginx.ts"
import { type Conduct, exchange, readMessages, WireBackend } from "./http1-wire.ts"
import { isInstalled } from "./nginx.ts"

/** What nginx makes of each was measured with Debian's; a later one is stricter. */
const hasNginx = isInstalled("nginx", "-v", "nginx-light") && isMeasured("1.22.1")
export const PROXIES = hasNginx ? (["sluice", "nginx"] as const) : (["sluice"] as const)
export type Proxy = (typeof PROXIES)[number]
/** What nginx passes on for as long as a backend says it. */
export const WITHOUT_END = "without end"

function isMeasured(version: string): boolean {
  return spawnSync("nginx", ["-v"], { encoding: "utf8" }).stderr.includes(`nginx/${version}`)
}

/** One balancer and nginx over a backend of each its own, for all rows. */
interface Bed {
  readonly backend: WireBackend
  readonly socketPath: string
}

const cleanups: (() => Promise<void> | void)[] = []
export const beds: Record<string, Bed> = {}

const SERVERS = (backend: string): string => `
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream backend { server unix:${backend} max_fails=0; keepalive 8; }
  server {
    listen SOCKET;
    client_header_timeout 1s; lingering_timeout 1s;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off;
    location / { proxy_pass http://backend; }
    location /decoded { proxy_pass http://backend$uri; }
    location /field { proxy_set_header X-Path $uri; proxy_pass http://backend/x; }
    location /captured { rewrite ^/captured/(.*)$ /$1 break; proxy_pass http://backend; }
    location /redirect { return 302 http://a$uri; }
    location /added { add_header X-Path $uri; proxy_pass http://backend; }
    location /wrong { proxy_read_timeout 1s; proxy_pass http://backend; }
    location /slow { client_body_timeout 300ms; proxy_pass http://backend; }
    location /stream { client_body_timeout 300ms; proxy_request_buffering off; proxy_pass http://backend; }
    location /tunnel {
      proxy_read_timeout 300ms;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
      proxy_pass http://backend;
    }
  }`

/** Starts it all, and returns what ends it. */
export async function startBeds(): Promise<() => Promise<void>> {
  const t = { onTestFinished: (run: () => Promise<void> | void) => void cleanups.unshift(run) } as never
  const beside = new BesideNginx(t)
  for (const name of PROXIES) {
    const backendPath = join(beside.directory, `${name}-backend`)
    const backend = await WireBackend.start(backendPath)
    cleanups.unshift(() => backend.close())
    if (name === "sluice") await beside.startSluice(SERVERS(backendPath))
    else await beside.startNginx(t, SERVERS(backendPath))
    beds[name] = { backend, socketPath: join(beside.directory, name) }
  }
  return async () => {
    for (const run of cleanups) await run()
  }
}

/** What a backend was sent, honest callers' aside: the request line's start, fields whose names begin with x-, the body. */
function sent(bed: Bed): string {
  return bed.backend
    .taken()
    .filter(({ line }) => !line.startsWith("GET /honest-"))
    .map(({ line, fields, body, isWhole }) => {
      const named = fields
        .filter(([name]) => name.startsWith("x-"))
        .map(([name, value]) => `${name}: ${value}`)
      return (
        [line.replace(/ HTTP\/1\.1$/, ""), ...named, body].filter((part) => part !== "").join(" | ") +
        (isWhole ? "" : "…")
      )
    })
    .sort()
    .join(" + ")
}

/** `200 body`, one for each response in turn; an ellipsis: it ended before it was whole. */
export function told(text: string, isBodiless = (_index: number): boolean => false): string {
  const all = readMessages(text, { endsByClose: true, isBodiless }).map(({ line, body, isWhole }) => {
    const status = /^HTTP\/1\.[01] (\d{3}) /.exec(line)?.[1] ?? `?${line}`
    // What a proxy says in its own words is not compared.
    const shown = Number(status) >= 400 ? "" : body.length > 40 ? `${body.length} octets` : body
    return `${status}${shown === "" ? "" : ` ${shown}`}${isWhole ? "" : "…"}`
  })
  return all.join(" + ")
}

/** Honest callers, while and after another's exchange went wrong: each is to get its own answer. */
export async function honest(bed: Bed, count: number): Promise<void> {
  const paths = Array.from({ length: count }, (_, index) => `/honest-${index}`)
  const answers = await Promise.all(
    paths.map((path) =>
      exchange(bed.socketPath, [`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`]),
    ),
  )
  expect(answers.map((text) => told(text))).toEqual(paths.map((path) => `200 ${path}`))
}

export const says =
  (...pieces: string[]): Conduct =>
  (socket) => {
    for (const piece of pieces) socket.write(piece, "latin1")
  }
export const saysAndEnds =
  (text: string): Conduct =>
  (socket) =>
    void socket.end(text, "latin1")
/** As long as it is listened to. */
export const saysForEver =
  (start: string, more: string): Conduct =>
  (socket) => {
    socket.write(start)
    const next = (error?: Error | null): void => {
      if (!error && socket.writable) socket.write(more, (failed) => setImmediate(next, failed))
    }
    next()
  }

export const OK = "HTTP/1.1 200 OK\r\n"
export const FORGED = `${OK}Content-Length: 6\r\n\r\nforged`
export const LONG = "a".repeat(1000)

/**
 * What the client was told, and what the backend was sent; `nginx`: the same where it differs, or null where it varies, and
 * what else it may be.
 */
export type Outcome = [
  told: string,
  sent: string,
  nginx?: [told: string, sent: string] | null,
  ...alsoNginx: [told: string, sent: string][],
]

export const post = (fields: string, body: string, path = "/p"): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`
export const head = (fields: string): string => `GET /g HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
export const LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
export const CHUNKED = "Transfer-Encoding: chunked\r\n"
export const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/** Holds a proxy to what a row says it does with what a client sends; honest callers beside and behind it have their own answers. */
export async function compare(
  proxy: Proxy,
  pieces: string[],
  [toldBySluice, sentBySluice, nginx = [toldBySluice, sentBySluice], ...alsoNginx]: Outcome,
): Promise<void> {
  const bed = beds[proxy]!
  sent(bed)
  const [text] = await Promise.all([exchange(bed.socketPath, pieces), honest(bed, 4)])
  await honest(bed, 4)
  const isHead = pieces[0]!.startsWith("HEAD")
  const actual = [told(text, (index) => isHead && index === 0), sent(bed)]
  if (proxy === "sluice") expect(actual).toEqual([toldBySluice, sentBySluice])
  else if (nginx !== null) expect([nginx, ...alsoNginx]).toContainEqual(actual)
}
