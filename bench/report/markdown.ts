import type { IdleReport, Report, TimedReport } from "../measure/results.ts"
import { octets } from "./format.ts"
import { failureLines, idleRows, timedNote, timedRows } from "./rows.ts"
import { markdownTable } from "./table.ts"

/** docs/benchmarks.md. Charts are expected beside it, in `benchmarks/<shape>.svg`. */
export function markdownReport(report: Report): string {
  const { machine } = report
  const parts = [
    "# Benchmarks",
    "Written by `npm run bench`; do not edit. How it measures, what each shape is and why it is fair: [bench/README.md](../bench/README.md). What becomes of live streams when backends come and go: [benchmarks-churn.md](benchmarks-churn.md).",
    [
      `- Date: ${report.date}`,
      `- Machine: ${machine.cpu}, ${machine.cores} cores, ${octets(machine.memoryOctets)}, Linux ${machine.kernel}`,
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
      "“To the best rival” divides by the best of the HTTP/2 proxies written in C or C++; `haproxy-tcp` reads no HTTP/2 " +
      "and is there as the floor. Latency is taken at one rate for all, half of the best rival's peak, and shown as what " +
      "the proxy adds to `none` (a direct connection, in brackets). “Core used” far under 100 % means that the load, not the proxy, set the rate.",
  ]
  for (const timed of report.timed) {
    parts.push(`### ${timed.shape.title}`, `![${timed.shape.title}](benchmarks/${timed.shape.name}.svg)`)
    parts.push(markdownTable(timedRows(timed)), failures(timed), timedNote(timed))
  }
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

function failures(report: TimedReport | IdleReport): string {
  return failureLines(report)
    .map((line) => `- No figure for ${line}`)
    .join("\n")
}
