/** Clients of HTTP/1.1 that end their side behind their request: beside nginx. */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")
const LARGE_OCTETS = 3_000_000

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`

/** Names and what is sent before the end. */
const CASES: Record<string, string> = {
  "a file": get("/a.txt"),
  "a file that is looked for": get("/try"),
  "a text": get("/text"),
  "an error": get("/missing"),
  "HTTP/1.0": "GET /a.txt HTTP/1.0\r\n\r\n",
  "with a body": `POST /text HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc`,
  "two requests": get("/a.txt") + get("/text"),
  "a backend that does not answer": get("/proxy"),
  "a file and a backend that does not answer": get("/a.txt") + get("/proxy"),
  "a file and a backend after a while": get("/limited/a.txt") + get("/limited/proxy"),
  "half a head": "GET /a.txt HTTP/1.1\r\nHo",
  "half a head behind a request": `${get("/text")}GET /a.txt HTTP/1.1\r\nHo`,
  nothing: "",
}

/** The status lines that came, and how many octets there were behind the last head. */
function sendAndEnd(socketPath: string, text: string): Promise<{ statuses: string[]; octets: number }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true })
    let came = ""
    socket.setEncoding("latin1").on("error", reject)
    socket.on("data", (octets: string) => (came += octets))
    socket.on("end", () => {
      const statuses = [...came.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!)
      const isPage = statuses.some((status) => status !== "200")
      const octets = isPage ? 0 : came.length - came.lastIndexOf("\r\n\r\n")
      resolve({ statuses, octets })
    })
    socket.end(text)
  })
}

/** `/limited/` lets one request a second pass, and the next ones wait. */
function serverOf(directory: string): string {
  const proxy = `proxy_pass http://unix:${directory}/backend;`
  return `limit_req_zone $request_method zone=z:1m rate=1r/s;
    server { listen SOCKET; root ${directory}; location /text { return 200 "text"; }
    location /try { try_files /none /a.txt =404; } location /proxy { ${proxy} }
    location /limited/ { limit_req zone=z burst=9; alias ${directory}/; location /limited/proxy { ${proxy} } } }`
}

/** A backend that never answers. */
async function startBackend(t: TestContext, directory: string, onAsked = (): void => {}): Promise<void> {
  const backend = createServer((socket) => {
    onAsked()
    socket.on("error", () => {}).resume()
  })
  backend.listen(join(directory, "backend"))
  await once(backend, "listening")
  t.onTestFinished(() => void backend.close())
}

test.skipIf(!hasNginx).for(Object.entries(CASES))("%s", async ([, text], t) => {
  const beside = new BesideNginx(t)
  writeFileSync(join(beside.directory, "a.txt"), "0123456789")
  await startBackend(t, beside.directory)
  const http = serverOf(beside.directory)
  await beside.startNginx(t, http)
  await beside.startSluice(http)
  const [ours, theirs] = await Promise.all(
    ["sluice", "nginx"].map((name) => sendAndEnd(join(beside.directory, name), text)),
  )
  expect(ours).toEqual(theirs)
})

test("a large file, which nginx gives up where the client does not take it at once", async (t) => {
  const beside = new BesideNginx(t)
  writeFileSync(join(beside.directory, "large.bin"), "x".repeat(LARGE_OCTETS))
  await beside.startSluice(`server { listen SOCKET; root ${beside.directory}; }`)
  const told = await sendAndEnd(join(beside.directory, "sluice"), get("/large.bin"))
  expect(told).toEqual({ statuses: ["200"], octets: LARGE_OCTETS + "\r\n\r\n".length })
})

test.for([
  ["waits for its turn", get("/limited/proxy")],
  ["waits for the answer before it", get("/a.txt") + get("/proxy")],
])("no backend is asked for a request whose client has ended its side while it %s", async ([, text], t) => {
  const beside = new BesideNginx(t)
  writeFileSync(join(beside.directory, "a.txt"), "0123456789")
  let asked = 0
  await startBackend(t, beside.directory, () => asked++)
  await beside.startSluice(serverOf(beside.directory))
  const socketPath = join(beside.directory, "sluice")
  await sendAndEnd(socketPath, get("/limited/a.txt"))
  await sendAndEnd(socketPath, text!)
  expect(asked).toBe(0)
})
