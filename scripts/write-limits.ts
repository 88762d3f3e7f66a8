import { readFileSync, writeFileSync } from "node:fs"
import { counterMeanings, counterNames } from "../src/base/counters.ts"
import { type LimitRow, limitNames, limitTable } from "../src/base/limits.ts"
import { wrapProse } from "./wrap-prose.ts"

/** The text of docs/limits.md: src/base/limits.ts and src/base/counters.ts, and nothing else. */
export function renderLimits(): string {
  const text = [
    "# Limits",
    "",
    "Nothing a peer sends, or fails to read, is unbounded. These are the bounds, their defaults and what counts each",
    "time one is met. `npm run abuse` attacks them; [abuse.md](abuse.md) has the result. A number is overridden by name.",
    "The names are the same in every file and message, and an override holds for the whole process. In sluice.yaml, in",
    "the unit of the limit:",
    "",
    "```yaml",
    "limits:",
    "  streamsMax: 5000",
    "  messageOctetsMax: 8388608",
    "  prefaceTimeoutMs: 5000",
    "```",
    "",
    "In nginx.conf, outside of `http`, with sizes as nginx writes them and times with their unit:",
    "",
    "```nginx",
    "sluice_limit streamsMax 5000;",
    "sluice_limit messageOctetsMax 8m;",
    "sluice_limit prefaceTimeoutMs 5s;",
    "```",
    "",
    "Where nginx has a word of its own for a bound, it stands beside it below. Those for the head of a request",
    "(`large_client_header_buffers`, `client_header_buffer_size`, `max_headers`) raise the bound and never lower it, and the",
    "largest of all servers counts: `large_client_header_buffers 4 32k` makes `headerListOctets` 128 KiB and 32 octets for",
    "each of `headerFieldsMax`, since nginx does not count those, `headerBlockOctets` four times that, and `http1HeadOctets`",
    "128 KiB and `client_header_buffer_size`. `sluice_limit` beside them has the last word.",
    "",
    "Written by `node scripts/write-limits.ts` from `src/base/limits.ts` and `src/base/counters.ts`.",
    "",
    table(
      ["limit", "default", "per", "stops", "counter"],
      limitNames.map((name) => {
        const row = limitTable[name]
        return [
          `[${name}](#${name.toLowerCase()})`,
          amount(row.value, row),
          row.per,
          row.stops,
          `\`${row.counter}\``,
        ]
      }),
    ),
    "",
    ...limitNames.flatMap((name) => section(name, limitTable[name])),
    "## Counters",
    "",
    "One more for each time the thing happened, since the process started. Those that belong to no limit above count",
    "what is refused outright.",
    "",
    table(
      ["counter", "counts"],
      counterNames.map((name) => [`\`${name}\``, counterMeanings[name]]),
    ),
    "",
  ].join("\n")
  return wrapProse(text)
}

function section(name: string, row: LimitRow): string[] {
  return [
    `## ${name}`,
    "",
    `${capital(row.counts)}.`,
    "",
    `- Default: ${amount(row.value, row)} per ${row.per}; from ${grouped(row.min)} to ${grouped(row.max)} (${row.unit}).`,
    `- Stops: ${row.stops}.`,
    `- At the bound: ${row.effect}; counted as \`${row.counter}\`.`,
    `- Source: ${row.source}.`,
    ...(row.nginx === undefined ? [] : [`- nginx: \`${row.nginx}\`.`]),
    "",
  ]
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

/** `262144 octets` reads as `256 KiB`; other numbers get their thousands apart. */
function amount(value: number, row: LimitRow): string {
  if (row.unit !== "octets" || value < 1024 || value % 1024 !== 0) return `${grouped(value)} ${row.unit}`
  return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`
}

const grouped = (value: number): string => value.toLocaleString("en-US")
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

if (import.meta.main) {
  const path = new URL("../docs/limits.md", import.meta.url)
  const text = renderLimits()
  if (!process.argv.includes("--check")) writeFileSync(path, text)
  else if (readFileSync(path, "utf8") !== text) {
    console.error("docs/limits.md is out of date: node scripts/write-limits.ts")
    process.exitCode = 1
  }
}
