/** The tables and charts of docs/policies.md, made of what a run has measured. */
import { type Bar, barChart } from "../../bench/report/chart.ts"
import { lineChart } from "./chart.ts"
import type { Run } from "./run.ts"

const START = "<!-- made by npm run simulate:policies -- --write: -->"
const END = "<!-- end of what is made -->"

/** `text` with the figures of `run` in the place of those before. */
export function withFigures(text: string, run: Run): string {
  const [before, rest] = text.split(START)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined)
    throw new Error("docs/policies.md lacks the marks of its tables")
  return `${before}${START}\n\n${figures(run)}\n\n${END}${after}`
}

/** Charts by file name. */
export function chartsOf(run: Run): Record<string, string> {
  const cost = run.policies.map(({ label, costNs }) =>
    bar(label, costNs.at(-1)!, `${round(costNs.at(-1)!)} ns`),
  )
  const keys = run.moved.map(({ label, joins }) => bar(label, joins, `${joins.toFixed(1)} %`))
  const uneven = run.policies.map(({ label, two }) =>
    bar(label, (two.mean - 1) * 100, `${two.mean.toFixed(3)}`),
  )
  const { plain, slow } = run.joining
  const seconds = plain.seconds.map((_, second) => second + 1)
  return {
    "imbalance.svg": barChart(
      "How uneven",
      "the fullest of 10 endpoints as a multiple of the mean, from 1; 1,000 live streams, 2 data threads",
      uneven,
    ),
    "moved.svg": barChart(
      "Moved keys",
      "keys that lead elsewhere when an 11th endpoint joins 10; 9.1 % have to",
      keys,
    ),
    "cost.svg": barChart("What a pick costs", "nanoseconds of a processor, at 1,000 endpoints", cost),
    "joining.svg": lineChart({
      title: "An endpoint joins ten that have 1,000 streams each",
      xLabel: "seconds",
      yLabel: "streams open there, by least_streams",
      x: seconds,
      lines: [
        { label: "at once", y: plain.seconds.map(({ own }) => own), tone: "second" },
        { label: "slow start, 30 s", y: slow.seconds.map(({ own }) => own), tone: "first" },
        { label: "mean of the others", y: slow.seconds.map(({ mean }) => mean), tone: "pale" },
      ],
    }),
    "joining-share.svg": lineChart({
      title: "What it gets of all new streams",
      xLabel: "seconds",
      yLabel: "percent of the new streams of each second",
      x: seconds,
      lines: [
        {
          label: "at once",
          y: plain.seconds.map(({ percent }) => percent),
          tone: "second",
        },
        {
          label: "slow start, 30 s",
          y: slow.seconds.map(({ percent }) => percent),
          tone: "first",
        },
      ],
    }),
  }
}

function bar(label: string, value: number, text: string): Bar {
  return {
    label: label.replace("nginx_consistent_hash", "nginx_con…").replace("_hash,", ","),
    value,
    min: value,
    max: value,
    text,
    tone: "subject",
  }
}

const round = (value: number): string => value.toFixed(0)
const three = (value: number): string => value.toFixed(3)

function figures(run: Run): string {
  const { policies, moved, joining, big, sizes } = run
  const first = (many: number, { seconds }: Run["joining"]["plain"]): string => {
    const sum = seconds.slice(0, many).reduce((total, { percent }) => total + percent, 0)
    return `${Math.round(sum / many)} %`
  }
  return [
    `Seed ${run.seed}, Node ${process.versions.node}.`,
    "",
    "## How uneven",
    "",
    "The fullest endpoint as a multiple of the mean, while as many streams begin as end: the mean of 40 samples, and the",
    "worst. Ten endpoints have 1,000 live streams of exponential length; *skewed*: one in a hundred lasts two hundred times",
    "as long as the others. Keys are all different. The last column is one endpoint's failure: its streams begin anew",
    "elsewhere at once.",
    "",
    "![the fullest endpoint by policy](policies/imbalance.svg)",
    "",
    ...table([
      [
        "policy",
        "1 thread",
        "2 threads",
        "worst of 2",
        "skewed",
        `${big.endpoints} endpoints, ${big.streams} streams`,
        "after a failure",
      ],
      ...policies.map((each) => [
        `\`${each.label}\``,
        three(each.one.mean),
        three(each.two.mean),
        three(each.two.worst),
        three(each.skewed.mean),
        three(each.big.mean),
        three(each.failure.ratio),
      ]),
    ]),
    "",
    "`peak_ewma` is played without response times, so that its streams decide. By keys no better is possible than chance",
    "lets it be: with a hundred streams an endpoint, some have a fifth more. The balance factor of 125 % bounds that.",
    "`ring_hash` has the 1,024 points that Envoy gives a ring at least, so of 10,000 endpoints each has but one.",
    "",
    "## An endpoint joins",
    "",
    "![streams open at the endpoint that joined](policies/joining.svg)",
    "",
    "![its share of new streams](policies/joining-share.svg)",
    "",
    ...table([
      [
        "least_streams",
        "of all new streams, first second",
        "first 5 s",
        "most in a second",
        "has its share after",
      ],
      ...(
        [
          ["at once", joining.plain],
          ["slow start, 30 s", joining.slow],
        ] as const
      ).map(([label, rows]) => [
        label,
        first(1, rows),
        first(5, rows),
        `${Math.round(Math.max(...rows.seconds.map(({ percent }) => percent)))} %`,
        `${rows.seconds.findIndex(({ own, mean }) => own >= 0.98 * mean) + 1} s`,
      ]),
    ]),
    "",
    "A hundred streams begin each second. Round robin and random give an endpoint that joins no more than its share at any",
    "time, slow start or not.",
    "",
    "## Keys that move",
    "",
    "![keys that move when an endpoint joins](policies/moved.svg)",
    "",
    ...table([
      ["policy", "joins 10", "leaves 11", "joins 100", "leaves 101"],
      ["(have to)", "9.1 %", "9.1 %", "1.0 %", "1.0 %"],
      ...moved.map(({ label, joins, leaves, joins100, leaves100 }) => [
        `\`${label}\``,
        ...[joins, leaves, joins100, leaves100].map((each) => `${each.toFixed(1)} %`),
      ]),
    ]),
    "",
    "That holds for endpoints that come and go. One that is only out for a while (ejected, unhealthy, draining or `down`)",
    "keeps its places: its keys go elsewhere and come back, no other moves.",
    "",
    "## What a pick costs",
    "",
    "![the cost of a pick by policy](policies/cost.svg)",
    "",
    "Nanoseconds of a processor for a pick over counts in shared memory, the key's hash included, and for giving the stream",
    "back; median of seven runs.",
    "",
    ...table([
      ["policy", ...sizes.map((size) => `${size} endpoints`)],
      ...policies.map(({ label, costNs }) => [`\`${label}\``, ...costNs.map(round)]),
    ]),
  ].join("\n")
}

function table([head, ...rows]: string[][]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`
  return [line(head!), line(head!.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)]
}
