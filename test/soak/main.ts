import { readdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { seededRandom } from "../../src/base/random.ts"
import { CallLoad } from "../chaos/call-load.ts"
import { renderTable, renderText, writeBetweenMarks } from "../chaos/report.ts"
import { type Check, check, soundChecks } from "../chaos/scenario.ts"
import { chaosCluster, pause, Stage } from "../chaos/stage.ts"
import { lineCharts } from "./chart.ts"
import { judgeFlatness, type Sample } from "./judge.ts"
import type { Vitals } from "./vitals.ts"
import { type Done, Work } from "./work.ts"

const HELP = `Runs Sluice under mixed work for a long time and looks for anything that grows.

  npm run soak                             30 minutes, then a million short calls
  npm run soak -- --minutes 2 --calls 100000

  --minutes N     how long the mixed work lasts (30)
  --calls N       short calls for the leak check (1000000)
  --seed N        of the work's chances (1)
  --write         put the result into docs/reliability.md and the curves into docs/soak.svg
  --json          one JSON document in place of lines, every sample in it
  --help

Exit code: 0 all held, 1 something was not, 2 usage.
`

const PROGRAM = fileURLToPath(new URL("./balancer.ts", import.meta.url))
const SAMPLE_MS = 5000
const RELOAD_MS = 5000
/** Calls under way at once in the leak check. */
const AT_ONCE = 200
/** What a million calls may leave behind: less than an octet for each. */
const LEFT_OCTETS_MAX = 2 ** 20

interface Result {
  checks: Check[]
  samples: Sample[]
  done: Done
}

async function soak(options: {
  minutes: number
  calls: number
  seed: number
  say: (line: string) => void
}): Promise<Result> {
  const random = seededRandom(options.seed)
  const bridge = { grpcWeb: true, webSocket: true }
  const stage = await Stage.start({
    backends: 2,
    random,
    program: ["--expose-gc", PROGRAM],
    config: () => ({ bridge }),
  })
  const stop = () => process.exit(130)
  process.once("SIGINT", stop)
  process.once("SIGTERM", stop)
  try {
    const samples: Sample[] = []
    const done = await mixedWork(stage, { ...options, random }, samples)
    const idle = await vitalsAtRest(stage)
    const leak = await leakCheck(stage, options.calls, options.say)
    const failures = done.failed + stage.failures.count
    const first = done.firstFailure || stage.failures.first
    const checks = [
      check("minutes of mixed work", options.minutes, true),
      check(
        "calls; messages on live streams",
        `${grouped(done.calls)}; ${grouped(done.messages)}`,
        done.calls > 0,
      ),
      check(
        "streams ended; cancelled; connections cut",
        `${grouped(done.streamsEnded)}; ${grouped(done.streamsCancelled)}; ${grouped(done.connectionsCut)}`,
        true,
      ),
      check(
        "calls by gRPC-Web; by WebSocket",
        `${grouped(done.webCalls)}; ${grouped(done.webSockets)}`,
        true,
      ),
      check("reloads", Math.floor((options.minutes * 60_000) / RELOAD_MS), true),
      check("what failed", failures === 0 ? 0 : `${failures}: ${first}`, failures === 0),
      ...judgeFlatness(samples),
      check(
        "streams, connections, deadlines left when all have gone",
        `${idle.streams}, ${idle.connections}, ${idle.deadlines}`,
        idle.streams + idle.connections + idle.deadlines === 0,
      ),
      ...leak,
      ...soundChecks(stage),
    ]
    return { checks, samples, done }
  } finally {
    stage.end()
  }
}

async function mixedWork(
  stage: Stage,
  options: { minutes: number; random: () => number; say: (line: string) => void },
  samples: Sample[],
): Promise<Done> {
  const work = await Work.start(stage.port, options.random)
  const startMs = performance.now()
  const endMs = startMs + options.minutes * 60_000
  let reloadMs = startMs + RELOAD_MS
  let reloads = 0
  while (performance.now() < endMs) {
    await pause(Math.min(SAMPLE_MS, Math.max(0, endMs - performance.now())))
    if (performance.now() >= reloadMs) {
      reloadMs += RELOAD_MS
      // Every other time the cluster is another, and its connections retire.
      const maxConnectionAge = `${++reloads % 4 < 2 ? 600 : 601}s`
      stage.configure({ clusters: { chaos: { ...chaosCluster(stage.addresses), maxConnectionAge } } })
      await stage.reload()
    }
    const minutes = (performance.now() - startMs) / 60_000
    const threads = readdirSync(`/proc/${stage.pid}/task`).length
    const sample = { ...(await stage.ask<Vitals>({})), minutes, files: stage.openFiles, threads }
    samples.push(sample)
    for (const { seen } of stage.backends) seen.clear()
    options.say(describe(sample, work.totals()))
  }
  await work.finish()
  return work.totals()
}

/** Once all clients are gone: their sockets close, the deadlines of connections run out. */
async function vitalsAtRest(stage: Stage): Promise<Vitals> {
  const deadline = performance.now() + 15_000
  for (;;) {
    await pause(500)
    const vitals = await stage.ask<Vitals>({})
    if (vitals.streams + vitals.connections + vitals.deadlines === 0 || performance.now() > deadline)
      return vitals
  }
}

/** As many calls as fast as they go; what they left behind. The first tenth warms up. */
async function leakCheck(stage: Stage, calls: number, say: (line: string) => void): Promise<Check[]> {
  let failed = 0
  let first = ""
  const run = async (many: number): Promise<Vitals> => {
    const load = await CallLoad.start({ port: stage.port, connections: 10, rate: 0 })
    await new Promise<void>((resolve) => {
      load.onDone = ({ how }) => {
        if (how !== "ok") {
          failed++
          first ||= how
        }
        if (load.sent < many) load.fire()
        else if (load.underWay === 0) resolve()
      }
      for (let i = 0; i < Math.min(AT_ONCE, many); i++) load.fire()
    })
    await load.finish()
    for (const { seen } of stage.backends) seen.clear()
    return vitalsAtRest(stage)
  }
  const before = await run(Math.ceil(calls / 10))
  say(`leak check: ${grouped(calls)} calls`)
  const after = await run(calls)
  const grown = after.heapUsed + after.external - before.heapUsed - before.external
  const files = after.sockets - before.sockets
  return [
    check("short calls of the leak check", calls, calls > 0),
    check("of them failed", failed === 0 ? 0 : `${failed}: ${first}`, failed === 0),
    check("octets they left on the heap and in buffers", grown, grown <= LEFT_OCTETS_MAX),
    check("sockets they left", files, files <= 0),
  ]
}

function describe(sample: Sample, done: Done): string {
  const mib = (octets: number) => (octets / 2 ** 20).toFixed(1)
  const { minutes, rss, heapUsed, external, files, threads, timers, streams } = sample
  return (
    `${minutes.toFixed(1)} min  rss ${mib(rss)}  heap ${mib(heapUsed)}  external ${mib(external)} MiB  files ${files}` +
    `  threads ${threads}  timers ${timers}  streams ${streams}  calls ${done.calls}  failed ${done.failed} ${done.firstFailure}`
  )
}

const grouped = (value: number): string => value.toLocaleString("en-US")

async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      minutes: { type: "string", default: "30" },
      calls: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const [minutes, calls, seed] = [values.minutes, values.calls, values.seed].map(Number) as [
    number,
    number,
    number,
  ]
  if (!(minutes > 0 && calls > 0 && Number.isInteger(calls) && Number.isInteger(seed)))
    throw new Error("--minutes, --calls and --seed take numbers above 0")
  const say = values.json ? () => {} : (line: string) => console.log(line)
  const { checks, samples, done } = await soak({ minutes, calls, seed, say })
  if (values.json) console.log(JSON.stringify({ checks, samples, done }, null, 2))
  else console.log(`\n${renderText(checks)}`)
  if (values.write) {
    writeFileSync(new URL("../../docs/soak.svg", import.meta.url), lineCharts(samples))
    writeBetweenMarks("soak", renderTable(checks))
  }
  return checks.every(({ held }) => held) ? 0 : 1
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
  }
}
