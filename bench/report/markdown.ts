import type { IdleReport, Report, TimedReport } from "../measure/results.ts"
import { spread } from "../measure/statistics.ts"
import { queueingTable, queueingWords } from "../queueing/table.ts"
import { octets } from "./format.ts"
import {
  delayLines,
  failureLines,
  idleRows,
  ownTimeLines,
  timedNote,
  timedRows,
  unquietLines,
} from "./rows.ts"
import { summaryTable } from "./summary.ts"
import { markdownTable } from "./table.ts"

/** docs/benchmarks.md. Charts are expected beside it, in `benchmarks/<shape>.svg`. */
export function markdownReport(report: Report): string {
  const { machine } = report
  const parts = [
    "# Benchmarks",
    "Written by `npm run bench`; do not edit. How it measures, what each shape is and why it is fair: [bench/README.md](../bench/README.md). What becomes of live streams when backends come and go: [benchmarks-churn.md](benchmarks-churn.md). All of this run as JSON: [results.json](benchmarks/results.json).",
    "![All shapes](benchmarks/summary.svg)",
    markdownTable(summaryTable(report.timed, report.idle)),
    [
      `- Date: ${report.date}`,
      `- Machine: ${machine.cpu}, ${machine.cores} cores, ${octets(machine.memoryOctets)}, Linux ${machine.kernel}`,
      `- Memory: a read from 64 MiB at random took ${farMemory(report.memoryReadNs)} ns, taken before each shape; far memory costs Sluice more than proxies whose code fits a core's cache`,
      `- Proxies: ${report.peers
        .filter(({ kind }) => kind !== "direct")
        .map(({ name, title }) => `\`${name}\` is ${title}`)
        .join("; ")}`,
      ...report.missing.map(({ name, how }) => `- Not measured: ${name} (${how})`),
      `- ${report.rounds} interleaved rounds of ${report.seconds} s; medians, and the smallest and largest round`,
      machine.pinned
        ? "- The proxy has a core to itself; generator and backends share the other"
        : "- Nothing was pinned to a core: read these figures with care",
    ].join("\n"),
    "## CPU per message",
    "CPU time of all the proxy's processes and threads, user and system, divided by the messages that went through it. " +
      "“To the best rival” divides by the cheapest of the other HTTP/2 proxies; `haproxy-tcp` reads no HTTP/2 " +
      "and is there as the floor. Latency is taken at one rate for all, half of the best rival's peak or as much of it as leaves " +
      "the load 40 % of its core without a proxy, and shown as what the proxy adds to `none` (a direct connection, in brackets): an open loop, in which messages go when they are due. " +
      "“At peak” is the closed loop that gave the CPU figure, at each peer's own rate. “Core used” far under 100 % means that the load, not the proxy, set the rate.",
    "What a client sees has in it that generator and backends wait for each other on their core; by how much the generator " +
      "was late for that reason alone stands under each table, by peer: what came due meanwhile leaves as a burst. Sluice's metrics have a " +
      "histogram of what messages spend within it (`sluice_message_seconds`: from the first read of the turn of its event " +
      "loop that brought a message until all that the turn made is written; a message that came to its socket during the " +
      "turn before has waited for that one too). Under each table are its quantiles, of the rounds with their warm-up, in " +
      "proportion within a bucket. The other proxies have no such figure.",
  ]
  for (const timed of report.timed) {
    parts.push(`### ${timed.shape.title}`, `![${timed.shape.title}](benchmarks/${timed.shape.name}.svg)`)
    parts.push(markdownTable(timedRows(timed)), failures(timed), timedNote(timed))
    parts.push(listOf([...delayLines(timed), ...unquietLines(timed), ...ownTimeLines(timed)]))
  }
  parts.push(...dataThreads(report))
  if (report.idle.length > 0) {
    parts.push("## Idle streams")
    parts.push(
      "Each stream has carried one message and then stays silent. Memory is what all of them added to the process; " +
        "“sockets” are the file descriptors they added.",
    )
  }
  for (const idle of report.idle) {
    parts.push(`### ${idle.shape.title}`, `![${idle.shape.title}](benchmarks/${idle.shape.name}.svg)`)
    parts.push(markdownTable(idleRows(idle)), failures(idle))
  }
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`
}

/** What two threads cost is measured; what sixteen would do is not. */
function dataThreads(report: Report): string[] {
  const shape = report.timed.find((timed) => timed.shape.name === "bidi-10x10")
  const serviceUs = shape?.results.find(({ peer, failure }) => peer === "sluice" && failure === "")?.cpuUs
    .median
  if (serviceUs === undefined) return []
  return [
    "## Data threads",
    "`sluice-2` in the tables has two data threads on the one core that every proxy has: its CPU per message says what a " +
      "second thread costs, not how much two carry.",
    "Waits for a thread, **by simulation** of the queues alone " +
      `(${queueingWords(serviceUs)}): each thread takes what comes to it in order, and threads share nothing. The kernel ` +
      "deals connections to Sluice's threads by a hash of their addresses, which is the column “at random”.",
    markdownTable(queueingTable(serviceUs)),
  ]
}

function listOf(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n")
}

function failures(report: TimedReport | IdleReport): string {
  return listOf(failureLines(report).map((line) => `No figure for ${line}`))
}

function farMemory(readNs: readonly number[]): string {
  const { median, min, max } = spread(readNs)
  return `${Math.round(median)} (${Math.round(min)} to ${Math.round(max)})`
}
