/**
 * What questions cost a Sluice that is full of streams: `node bench/micro/admin.ts [STREAMS]`, 100,000 idle ones unless
 * said otherwise, on one data thread. Prints for `/streams` (whole, by a filter, sorted), `/status` and `/metrics` how long
 * the answer took, its size, the longest turn of the data thread that was spent on it as the answer itself says, and the
 * longest turn of any kind in that second, beside the same without a question.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { request } from "node:http"
import { connect } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { freePort } from "../../test/support/free-port.ts"
import { PATHS } from "../load/calls.ts"
import { chooseCores } from "../measure/child.ts"
import { LoadProcesses } from "../measure/load-processes.ts"
import { runSluice } from "../measure/sluice-process.ts"

const BACKENDS = 8
const CONNECTIONS = 100
const ROUNDS = 5
/** What a thread says of its longest turn is of the last second. A collection of the heap is in it, too. */
const TURNS_MS = 1_100

const many = Number(process.argv[2] ?? 100_000)
const folder = mkdtempSync(join(tmpdir(), "sluice-admin-bench-"))
const socketPath = join(folder, "admin.sock")
const cores = chooseCores()
const load = await LoadProcesses.start(BACKENDS, 0, cores)
const port = await freePort()
const stop = await runSluice({
  listeners: `127.0.0.1:${port}`,
  admin: { address: `unix:${socketPath}` },
  clusters: { chat: { endpoints: load.backends.map((backend) => `127.0.0.1:${backend}`) } },
  // Whatever else runs on the machine: these streams are wanted.
  limits: { streamsMax: Math.max(1000, many / CONNECTIONS + 100), overloadDelayMs: 10_000 },
})

function ask(path: string): Promise<{ text: string; ms: number }> {
  const beganMs = performance.now()
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: "localhost" } }, (answer) => {
      let text = ""
      answer.setEncoding("utf8")
      answer.on("data", (chunk) => {
        text += chunk
      })
      answer.on("end", () => resolve({ text, ms: performance.now() - beganMs }))
    })
    asked.on("error", reject)
    asked.end()
  })
}

async function longestTurnMs(): Promise<number> {
  const { text } = await ask("/metrics")
  return (
    1000 *
    Math.max(
      0,
      ...[...text.matchAll(/^sluice_thread_turn_max_seconds\{.*\} (\S+)$/gm)].map(([, value]) =>
        Number(value),
      ),
    )
  )
}

/** A stream whose messages come back one after the other without end: without messages no turn counts. */
function keepEchoing(): void {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on("error", () => {})
  const stream = session.request({
    ":method": "POST",
    ":path": PATHS.echo,
    "content-type": "application/grpc",
    te: "trailers",
  })
  const message = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])
  stream.on("error", () => {})
  stream.on("data", () => setTimeout(() => stream.write(message), 1))
  stream.write(message)
}

async function measure(name: string, path: string): Promise<void> {
  const times: number[] = []
  const turns: number[] = []
  const own: number[] = []
  let octets = 0
  for (let round = 0; round < ROUNDS; round++) {
    await pause(TURNS_MS)
    if (path !== "") {
      const { text, ms } = await ask(path)
      octets = text.length
      times.push(ms)
      const [, turnMs] = /"turnMaxMs":([\d.]+)/.exec(text) ?? []
      if (turnMs !== undefined) own.push(Number(turnMs))
    }
    turns.push(await longestTurnMs())
  }
  const all = (values: number[], digits: number) => values.map((value) => value.toFixed(digits)).join(" ")
  const spent = own.length === 0 ? "" : `spent on it ${all(own, 2)} ms, `
  console.log(`${name.padEnd(30)} ${all(times, 0).padEnd(20)} ms  ${String(octets).padStart(8)} octets`)
  console.log(`  longest turns: ${spent}of any kind ${all(turns, 2)} ms`)
}

const opened = await load.open({
  port,
  spec: { kind: "bidi", connections: CONNECTIONS, streams: many / CONNECTIONS, octets: 100, pace: "idle" },
})
if (opened.failures > 0) throw new Error(opened.firstFailure)
console.log(`${many} streams`)
keepEchoing()
await pause(3_000)
await measure("no question", "")
await measure("/status", "/status")
await measure("/metrics", "/metrics")
await measure("/streams", "/streams?limit=100")
await measure("/streams by endpoint", `/streams?filter=endpoint:127.0.0.1:${load.backends[0]}&limit=100`)
await measure("/streams, sorted by idle time", "/streams?sort=idle&limit=100")
stop()
rmSync(folder, { recursive: true, force: true })
await load.stop()
process.exit()
