import type { Machine } from "../measure/results.ts"
import type { Missing, Peer } from "../peers/peer.ts"
import { octets } from "../report/format.ts"
import { markdownTable } from "../report/table.ts"
import { BACKENDS, type ChurnCase } from "./cases.ts"
import { pictureOf } from "./picture.ts"
import { caseNotes, caseRows } from "./rows.ts"
import { CALL_TIMEOUT_MS, type CaseResult, PICTURE_WINDOW_MS, QUIET_MS } from "./run-case.ts"
import { SETUPS } from "./setups.ts"

/** Everything one run of the suite found. */
export interface ChurnReport {
  date: string
  machine: Machine
  streams: number
  /** What the machine had to do before anything began: the mean number of runnable processes. */
  loadBefore: number
  peers: readonly Peer[]
  missing: readonly Missing[]
  cases: readonly { which: ChurnCase; results: readonly CaseResult[] }[]
}

export const PICTURE = "churn.svg"

/** docs/benchmarks-churn.md. The picture is expected beside it, in `benchmarks/`. */
export function churnPage(report: ChurnReport): string {
  const { date, machine, streams, loadBefore, peers, missing, cases } = report
  const perBackend = Math.round(streams / BACKENDS)
  const parts = [
    "# When backends come and go",
    "Written by `npm run bench -- --suite churn`; do not edit. What a message costs stands in [benchmarks](benchmarks.md).",
    [
      `- Date: ${date}`,
      `- Machine: ${machine.cpu}, ${machine.cores} cores, ${octets(machine.memoryOctets)}, Linux ${machine.kernel}`,
      `- Proxies: ${peers.map(({ name, title }) => `\`${name}\` is ${title}`).join("; ")}`,
      ...missing.map(({ name, how }) => `- Not measured: ${name} (${how})`),
      machine.pinned
        ? "- The proxy is pinned to one core; clients and backends share the other"
        : "- Nothing was pinned to a core: read these figures with care",
      `- Other work on the machine before it began: a load of ${loadBefore.toFixed(1)}`,
    ].join("\n"),
    `Each proxy stands before ${BACKENDS} backends, real processes all. Clients hold ${streams.toLocaleString("en-US")} streams on 20 connections, about ` +
      `${perBackend} a backend; each sends a numbered message a second and gets it back. Beside them 400 short calls a second go through the same connections. ` +
      "Both ends check every octet and number. A lost stream is opened anew after 0.2 s, a lost connection dialled anew, GOAWAY heeded. " +
      "Every case begins with everything started anew.",
    [
      "- **Streams lost**: streams that ended otherwise than by their client. *There*: of those on the backend that the case is about; nothing can save them where its process is gone. *Elsewhere*: of all others.",
      `- **Calls failed**: calls with an error, or without an answer within ${CALL_TIMEOUT_MS / 1000} s, and streams that were opened and never answered.`,
      "- **Imbalance**: the seconds in which some backend that could serve had less than half, or more than one and a half, of its share of the calls that were answered; in windows of half a second. “>”: so it was still at the end.",
      "- **Longest stall**: the longest that a message of any stream waited for its echo, or for the end of its stream. What the second before shows, in which nothing happened, is the machine's part.",
      "- **Messages wrong**: lost, doubled, changed or out of order at either end, and calls that came to backends twice.",
      "- **Streams at the end**: live streams of each backend. No proxy here moves a live stream.",
    ].join("\n"),
    `![Calls answered](benchmarks/${PICTURE})`,
  ]
  for (const { which, results } of cases)
    parts.push(
      `## ${which.title}`,
      `${which.says[0]!.toUpperCase()}${which.says.slice(1)}.`.replace(/^`Kill/, "`kill"),
      markdownTable(caseRows(which, results)),
      caseNotes(results)
        .map((note) => `- ${note}`)
        .join("\n"),
    )
  parts.push(
    "## How each is set up",
    "The files are in [bench/churn/conf](../bench/churn/conf).",
    ...peers.map(({ name }) =>
      [`**${name}**:`, "", ...SETUPS[name]!.why.map((line) => `- ${line}`)].join("\n"),
    ),
  )
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`
}

export function churnPicture({ peers, cases }: ChurnReport): string {
  return pictureOf({
    title: "Calls answered while backends come and go",
    says: "full height: every call of a quarter of a second was answered; red: the trouble begins",
    columns: cases.map(({ which }) => which.name),
    rows: peers.map(({ name }) => name),
    cells: peers.map(({ name }) =>
      cases.map(({ results }) => ({ shares: results.find(({ peer }) => peer === name)?.shares ?? [] })),
    ),
    troubleAt: QUIET_MS / PICTURE_WINDOW_MS,
  })
}
