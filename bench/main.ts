/** `npm run bench`: arguments -> plan -> measure -> report. See bench/README.md. */

import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem } from "node:os"
import { wrapProse } from "../scripts/wrap-prose.ts"
import { type Arguments, parseArguments } from "./arguments.ts"
import { CHURN_PEERS, runChurn } from "./churn/suite.ts"
import { type Checkout, checkOut } from "./compare/checkout.ts"
import { compareRow, comparison } from "./compare/verdict.ts"
import { type Cores, chooseCores } from "./measure/child.ts"
import { topOfProfiles } from "./measure/cpu-profile.ts"
import { measureIdle } from "./measure/idle.ts"
import { memoryProbe } from "./measure/memory-probe.ts"
import type { Machine, Report } from "./measure/results.ts"
import { measureTimed, timedSteps } from "./measure/timed.ts"
import { runOptions } from "./options/suite.ts"
import { findPeer, PEER_NAMES } from "./peers/find.ts"
import { isMissing, type Missing, type Peer } from "./peers/peer.ts"
import { alsoPeer, sluice } from "./peers/sluice.ts"
import { idleChart, timedChart } from "./report/charts.ts"
import { markdownReport } from "./report/markdown.ts"
import { Progress } from "./report/progress.ts"
import {
  delayLines,
  failureLines,
  idleRows,
  ownTimeLines,
  timedNote,
  timedRows,
  unquietLines,
} from "./report/rows.ts"
import { summaryChart } from "./report/summary.ts"
import { plainTable } from "./report/table.ts"
import { SHAPES, type Shape } from "./shapes.ts"

interface Plan {
  shapes: readonly Shape[]
  peers: readonly Peer[]
  missing: readonly Missing[]
  cores: Cores | null
}

function plan(given: Arguments, other: Checkout | null): Plan {
  const whereabouts = { install: !given.quick, paths: given.peerPaths }
  const found = (given.peers ?? PEER_NAMES).map((name) => findPeer(name, whereabouts))
  const peers = found.filter((peer): peer is Peer => !isMissing(peer))
  const profiled =
    given.cpuProf === null
      ? peers
      : peers.map((peer) =>
          peer.kind === "sluice"
            ? { ...peer, command: sluice("sluice", ["--cpu-prof", "--cpu-prof-dir", given.cpuProf!]).command }
            : peer,
        )
  return {
    shapes: given.shapes
      .map((name) => SHAPES.find((shape) => shape.name === name)!)
      // A comparison is of CPU.
      .map((shape) => (other !== null && shape.kind === "timed" ? { ...shape, latency: false } : shape)),
    peers: [
      ...profiled,
      ...given.also.map(alsoPeer),
      ...(other === null ? [] : [alsoPeer(`${other.revision}=${other.command}`)]),
    ],
    missing: found.filter(isMissing),
    cores: chooseCores(),
  }
}

function entrantsOf(shape: Shape, peers: readonly Peer[], asked: boolean): readonly Peer[] {
  return peers.filter(
    ({ kind, variant }) =>
      (shape.entrants === "all" || kind === "sluice") &&
      (variant === undefined || asked || shape.entrants === variant),
  )
}

async function measure(
  given: Arguments,
  { shapes, peers, cores }: Plan,
): Promise<Pick<Report, "timed" | "idle" | "memoryReadNs">> {
  const entrants = shapes.map((shape) => entrantsOf(shape, peers, given.peers !== null))
  const steps = shapes.map((shape, index) =>
    shape.kind === "timed"
      ? timedSteps(shape, entrants[index]!.length, given.rounds)
      : entrants[index]!.length,
  )
  const progress = new Progress(
    process.stderr,
    steps.reduce((sum, count) => sum + count, 0),
  )
  const report: Pick<Report, "timed" | "idle" | "memoryReadNs"> = { timed: [], idle: [], memoryReadNs: [] }
  const memoryReadNs = memoryProbe()
  for (const [index, shape] of shapes.entries()) {
    const common = { cores, progress: (what: string) => progress.step(what) }
    report.memoryReadNs.push(memoryReadNs())
    let text: string
    if (shape.kind === "timed") {
      const measured = await measureTimed(shape, entrants[index]!, { ...given, ...common })
      report.timed.push(measured)
      text = `${plainTable(timedRows(measured))}\n${[...failureLines(measured), timedNote(measured), ...delayLines(measured), ...unquietLines(measured), ...ownTimeLines(measured)].join("\n")}`
    } else {
      const { idleSettleSeconds: settleSeconds, silenceSeconds } = given
      const measured = await measureIdle(shape, entrants[index]!, {
        ...common,
        settleSeconds,
        silenceSeconds,
      })
      report.idle.push(measured)
      text = [plainTable(idleRows(measured)), ...failureLines(measured)].join("\n")
    }
    progress.clear()
    if (given.json !== "-") console.log(`\n${shape.title} [${shape.name}]\n${text}`)
  }
  report.memoryReadNs.push(memoryReadNs())
  return report
}

function machine(cores: Cores | null): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    kernel: release(),
    node: process.versions.node,
    memoryOctets: totalmem(),
    pinned: cores !== null,
  }
}

function writeDocs(report: Report): void {
  const directory = new URL("../docs/benchmarks/", import.meta.url)
  mkdirSync(directory, { recursive: true })
  for (const timed of report.timed)
    writeFileSync(new URL(`${timed.shape.name}.svg`, directory), timedChart(timed))
  for (const idle of report.idle) writeFileSync(new URL(`${idle.shape.name}.svg`, directory), idleChart(idle))
  writeFileSync(new URL("summary.svg", directory), summaryChart(report.timed, report.idle))
  writeFileSync(new URL("results.json", directory), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(new URL("../benchmarks.md", directory), wrapProse(markdownReport(report)))
}

const given = parseArguments(process.argv.slice(2))
const other = given.compare === null ? null : checkOut(given.compare)
if (other !== null) process.on("exit", () => other.remove())
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1))
const planned = plan(given, other)
for (const { name, how } of planned.missing) console.error(`${name} is not here. To have it measured: ${how}`)
if (planned.cores === null) console.error("Nothing can be pinned to a core here: the figures will be rough.")

if (given.suite === "churn") {
  const peers = planned.peers.filter(({ name }) => CHURN_PEERS.includes(name))
  await runChurn({ ...given, ...planned, peers, machine: machine(planned.cores) })
  process.exit()
}

if (given.suite === "options") {
  await runOptions({ ...given, cores: planned.cores, machine: machine(planned.cores) })
  process.exit()
}

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  machine: machine(planned.cores),
  rounds: given.rounds,
  seconds: given.seconds,
  peers: planned.peers.map(({ name, kind, title }) => ({ name, kind, title })),
  missing: [...planned.missing],
  ...(await measure(given, planned)),
}

if (given.json === "-") console.log(JSON.stringify(report, null, 2))
else if (given.json !== null) writeFileSync(given.json, `${JSON.stringify(report, null, 2)}\n`)
if (given.docs) writeDocs(report)
if (other !== null) {
  const rows = report.timed.map((timed) => compareRow(timed, "sluice", other.revision))
  console.log(`\nThis checkout beside ${other.revision}, CPU per message:\n${comparison(rows)}`)
  if (rows.some(({ verdict }) => verdict !== "same" && verdict !== "costs less")) process.exitCode = 1
}
if (given.cpuProf !== null) console.log(topOfProfiles(given.cpuProf))
