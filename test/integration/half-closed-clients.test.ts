/** Clients of HTTP/1.1 that end their side behind their request: beside nginx. */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { expect, test } from "vitest"
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

test.skipIf(!hasNginx).for(Object.entries(CASES))("%s", async ([, text], t) => {
  const beside = new BesideNginx(t)
  const at = (name: string): string => join(beside.directory, name)
  writeFileSync(at("a.txt"), "0123456789")
  const backend = createServer((socket) => void socket.on("error", () => {}).resume())
  backend.listen(at("backend"))
  await once(backend, "listening")
  t.onTestFinished(() => void backend.close())
  const http = `server { listen SOCKET; root ${beside.directory}; location /text { return 200 "text"; }
    location /try { try_files /none /a.txt =404; } location /proxy { proxy_pass http://unix:${at("backend")}; } }`
  await beside.startNginx(t, http)
  await beside.startSluice(http)
  expect(await sendAndEnd(at("sluice"), text)).toEqual(await sendAndEnd(at("nginx"), text))
})

test("a large file, which nginx gives up where the client does not take it at once", async (t) => {
  const beside = new BesideNginx(t)
  writeFileSync(join(beside.directory, "large.bin"), "x".repeat(LARGE_OCTETS))
  await beside.startSluice(`server { listen SOCKET; root ${beside.directory}; }`)
  const told = await sendAndEnd(join(beside.directory, "sluice"), get("/large.bin"))
  expect(told).toEqual({ statuses: ["200"], octets: LARGE_OCTETS + "\r\n\r\n".length })
})
