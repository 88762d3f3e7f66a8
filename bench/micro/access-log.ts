/** What an access log line costs: `node bench/micro/access-log.ts`. Nanoseconds of CPU per line, best of five rounds. */
import { mkdtempSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { systemClock } from "../../src/base/clock.ts"
import { OctetBuffer } from "../../src/base/octet-buffer.ts"
import { systemRandom } from "../../src/base/random.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import { AccessLogs } from "../../src/log/access-log.ts"
import { silentLog } from "../../src/log/silent-log.ts"
import { compileTemplate, type Template } from "../../src/record/template.ts"
import { streamRecord } from "../../test/support/stream-record.ts"

const MAIN =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"'
const UPSTREAM = `${MAIN} $grpc_status $request_time $upstream_addr $upstream_status $upstream_response_time`
const LINES = 200_000

const env = {
  clock: systemClock,
  random: systemRandom,
  pid: process.pid,
  hostname: hostname(),
  streamEvent: "end" as const,
  version: "0.1.0",
}
const records = Array.from({ length: 64 }, (_, i) =>
  streamRecord({
    requestHeaders: new HeaderList([
      "te",
      "trailers",
      "content-type",
      "application/grpc",
      "user-agent",
      `grpc-go/1.${i}`,
    ]),
    startMs: i,
    endMs: 100 + i * 3.7,
    responseOctets: i * 100,
  }),
)
const out = new OctetBuffer()

function measure(name: string, work: (i: number) => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < LINES; i++) work(i)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, ((user + system) * 1000) / LINES)
  }
  console.log(`${name.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`)
}

function write(template: Template, i: number): void {
  if (out.length > 60_000) out.clear()
  template.write(records[i & 63]!, env, out)
}

const main = compileTemplate(MAIN, "default")
const upstream = compileTemplate(UPSTREAM, "default")
const json = compileTemplate(
  '{"at":"$time_iso8601","uri":"$request_uri","status":$status,"agent":"$http_user_agent"}',
  "json",
)
const constant = compileTemplate("application/grpc")

measure("main, escape=default", (i) => write(main, i))
measure("main and upstream times, escape=default", (i) => write(upstream, i))
measure("a JSON format, escape=json", (i) => write(json, i))
measure("text without variables", (i) => write(constant, i))

const directory = mkdtempSync(join(tmpdir(), "sluice-bench-"))
const logs = new AccessLogs({ clock: systemClock, log: silentLog, env, pendingOctets: 1 << 30 })
const config = { template: MAIN, escape: "default", ifTemplate: null, flushMs: 1000 } as const
const log = logs.open({ ...config, path: join(directory, "access.log"), bufferOctets: 64 * 1024 })
const before = process.cpuUsage()
for (let i = 0; i < LINES; i++) {
  log.write(records[i & 63]!)
  // A turn of the event loop ends about this many streams at full load.
  if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
}
const stats = logs.stats()[0]!
await logs.close()
const { user, system } = process.cpuUsage(before)
console.log(
  `${"main, to a file, 64k buffer, all included".padEnd(44)} ${(((user + system) * 1000) / LINES).toFixed(0).padStart(6)} ns`,
)
rmSync(directory, { recursive: true })
if (stats.dropped > 0) throw new Error("the figures above do not hold: lines were dropped")
