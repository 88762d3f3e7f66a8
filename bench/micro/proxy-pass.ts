/**
 * What `proxy_pass` costs, HTTP/1.1 on both sides, beside nginx: `node bench/micro/proxy-pass.ts [ROUNDS]`. Needs nginx and
 * h2load, which is the load; the backend is another nginx. Prints the CPU time of a request, of Sluice's process and of
 * nginx's, by rounds that take turns; then the memory that Sluice has while 1 GB passes up and down.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../../test/support/free-port.ts"
import { cpuNs, processTree } from "../measure/process-usage.ts"
import { PACKAGED_FLAGS } from "../peers/sluice.ts"

const PROGRAM = join(import.meta.dirname, "../../src/cli/main.ts")
const ROUNDS = Number(process.argv[2] ?? 5)
const REQUESTS = 20_000
/** As in the rounds of `npm run bench`: a server that runs for months has its code compiled. */
const WARM_UP_REQUESTS = 100_000
const CONNECTIONS = 10
const LARGE_OCTETS = 1_000_000_000
const CHUNK = Buffer.alloc(1 << 20, "x")

const folder = mkdtempSync(join(tmpdir(), "sluice-proxy-bench-"))
const children: ReturnType<typeof spawn>[] = []
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})

/** Answers 200, and says how much came; `/large` sends as much as was asked for. */
const large = createServer((asked, response) => {
  if (asked.url === "/down")
    return void sendLarge((octets) => response.write(octets), response).then(() => response.end())
  let octets = 0
  asked.on("data", (chunk: Buffer) => (octets += chunk.length))
  asked.on("end", () => response.end(String(octets)))
})
large.listen(0, "127.0.0.1")
await once(large, "listening")

async function sendLarge(write: (octets: Buffer) => boolean, socket: NodeJS.EventEmitter): Promise<void> {
  for (let left = LARGE_OCTETS; left > 0; left -= CHUNK.length)
    if (!write(CHUNK.subarray(0, Math.min(left, CHUNK.length)))) await once(socket, "drain")
}

const [backend, nginx, sluice] = [await freePort(), await freePort(), await freePort()]
const server = (port: number, rest: string): string =>
  `server { listen 127.0.0.1:${port}; keepalive_requests 1000000; ${rest} }`
const proxy = (port: number): string =>
  `upstream small { server 127.0.0.1:${backend}; keepalive 32; }
   ${server(
     port,
     `location / { proxy_pass http://small; proxy_http_version 1.1; proxy_set_header Connection ""; }
      location /large/ { proxy_pass http://127.0.0.1:${(large.address() as AddressInfo).port}/; client_max_body_size 0;
        proxy_request_buffering off; proxy_buffering off; }`,
   )}`

function startNginx(name: string, http: string): number {
  const config = join(folder, `${name}.conf`)
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (each) => `${each}_temp_path ${folder}/${each};`,
  )
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
     events {} http { access_log off; ${paths.join(" ")} ${http} }`,
  )
  const child = spawn("nginx", ["-c", config, "-e", `${folder}/${name}.log`], { stdio: "ignore" })
  children.push(child)
  return child.pid!
}

startNginx("backend", server(backend, `location / { return 200 "${"x".repeat(100)}"; }`))
const nginxPid = startNginx("nginx", proxy(nginx))
const file = join(folder, "sluice.conf")
writeFileSync(file, `events {} http { access_log off; ${proxy(sluice)} }`)
const child = spawn(process.execPath, [...PACKAGED_FLAGS, PROGRAM, "run", file], {
  stdio: ["ignore", "ignore", "pipe"],
})
children.push(child)
for await (const chunk of child.stderr) if (String(chunk).includes('"message":"listening"')) break
child.stderr.resume()

/** Microseconds of CPU for each request. */
function round(port: number, pid: number, requests: number): number {
  const before = cpuNs(processTree(pid))
  const said = execFileSync("h2load", [
    ...["--h1", "-n", String(requests), "-c", String(CONNECTIONS), `http://127.0.0.1:${port}/`],
  ]).toString()
  const succeeded = Number(/(\d+) succeeded/.exec(said)?.[1])
  if (succeeded !== requests) throw new Error(`${requests - succeeded} of ${requests} requests failed`)
  return (cpuNs(processTree(pid)) - before) / 1000 / requests
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!
round(sluice, child.pid!, WARM_UP_REQUESTS)
round(nginx, nginxPid, WARM_UP_REQUESTS)
const ours: number[] = []
const theirs: number[] = []
for (let i = 0; i < ROUNDS; i++) {
  ours.push(round(sluice, child.pid!, REQUESTS))
  theirs.push(round(nginx, nginxPid, REQUESTS))
}
console.log(
  `CPU of a request, µs: Sluice ${ours.map((each) => each.toFixed(1)).join(" ")}, nginx ${theirs.map((each) => each.toFixed(1)).join(" ")}`,
)
console.log(
  `medians: Sluice ${median(ours).toFixed(1)} µs, nginx ${median(theirs).toFixed(1)} µs: ${(median(ours) / median(theirs)).toFixed(2)} times`,
)

const rssMiB = (): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) / 1024)

/** What is resident as `move` goes on, by hundred milliseconds. */
async function watched(what: string, move: () => Promise<number>): Promise<void> {
  const before = rssMiB()
  const seen: number[] = []
  const timer = setInterval(() => seen.push(rssMiB()), 100)
  const beganMs = performance.now()
  const octets = await move()
  clearInterval(timer)
  const half = seen.length >> 1
  console.log(
    `${what}: ${octets} octets in ${((performance.now() - beganMs) / 1000).toFixed(1)} s; resident MiB: ${before} before, ${Math.max(...seen.slice(0, half))} at most in the first half, ${Math.max(...seen.slice(half))} in the second, ${rssMiB()} behind it`,
  )
}

const at = { host: "127.0.0.1", port: sluice }
for (let times = 0; times < 2; times++) {
  await watched("up", async () => {
    const asked = request({ ...at, method: "POST", path: "/large/up" })
    const answered = once(asked, "response")
    await sendLarge((octets) => asked.write(octets), asked)
    asked.end()
    const [response] = (await answered) as [AsyncIterable<Buffer>]
    let text = ""
    for await (const chunk of response) text += String(chunk)
    return Number(text)
  })
  await watched("down", async () => {
    const asked = request({ ...at, path: "/large/down" })
    asked.end()
    const [response] = (await once(asked, "response")) as [AsyncIterable<Buffer>]
    let octets = 0
    for await (const chunk of response) octets += chunk.length
    return octets
  })
}
process.exit()
