import type { Machine } from "../measure/results.ts"
import { octets } from "../report/format.ts"
import { markdownTable } from "../report/table.ts"
import type { BalancingOption } from "./options.ts"
import { joinRows, killRows, type OptionResult, steadyRows } from "./rows.ts"
import type { LoadFlags, Times } from "./run-option.ts"

/** Everything one run of the suite found. */
export interface OptionsReport {
  date: string
  machine: Machine
  /** What the machine had to do before anything began: the mean number of runnable processes. */
  loadBefore: number
  load: LoadFlags
  times: Times
  results: readonly OptionResult[]
}

/** docs/options.md. `fileOf`: the text of a file of `conf/`. */
export function optionsPage(report: OptionsReport, fileOf: (name: string) => string): string {
  const { date, machine, loadBefore, load, times, results } = report
  const seconds = (ms: number): string => `${ms / 1000} s`
  const failures = results.filter(({ failure }) => failure !== "")
  const parts = [
    "# The balancing options side by side",
    "Written by `npm run bench -- --suite options`; do not edit. gRPC's [table of options](https://grpc.io/blog/grpc-load-balancing/) has four rows: a proxy of connections (L3/L4), a proxy of calls (L7), a thick client, and lookaside. Here is each as Sluice does it, what it costs and what it loses, beside what gRPC does by itself; and how to start each in a fresh clone.",
    markdownTable([
      ["option", "what it is", "who chooses, for what"],
      ...results.map(({ option }) => [
        `[\`${option.name}\`](#${anchor(option.title)})`,
        option.title,
        option.chooses,
      ]),
    ]).replace("| --- | ---: | ---: |", "| --- | --- | --- |"),
    "## What was measured",
    [
      `- Date: ${date}`,
      `- Machine: ${machine.cpu}, ${machine.cores} cores, ${octets(machine.memoryOctets)}, Linux ${machine.kernel}, Node ${machine.node}`,
      machine.pinned
        ? "- The proxy is pinned to one core; clients and backends share the other"
        : "- Nothing was pinned to a core: read these figures with care",
      `- Other work on the machine before it began: a load of ${loadBefore.toFixed(1)}`,
    ].join("\n"),
    `Clients and backends are the same programs in each row, of @grpc/grpc-js. ${load.clients} clients with a channel each hold ${load.streams} streams together, on each of which a numbered message of 100 octets goes there and back every ${load["interval-ms"]} ms, and make ${load["calls-per-second"]} short calls a second. A lost stream is opened anew after 0.2 s. Every option begins with everything started anew, on loopback: a network between adds its own time for each hop.`,
    `### Nothing happens, for ${seconds(times.steadyMs)}`,
    markdownTable(steadyRows(results)),
    "Median and 99 %: of a message and its answer, as the client sees it. CPU: of all threads of the process, for a message and its answer, its part of the calls included; without a proxy there is none between.",
    `### A fourth backend joins three; ${seconds(times.joinedMs)} later`,
    markdownTable(joinRows(results)),
    "It listens, and is written into the file that the others stand in (which is looked at once a second). Streams that were open go on where they are, unless they are moved.",
    `### \`kill -9\` of the first of the four; the ${seconds(times.killedMs)} after it`,
    markdownTable(killRows(results)),
    "Lost elsewhere and answers wrong (lost, doubled, out of order): of the whole run.",
    failures.map(({ option, failure }) => `- No figure for \`${option.name}\`: ${failure}.`).join("\n"),
    "## Each of them, started by hand",
    "In a fresh clone: `npm ci`, which brings the Node along that all of this needs. Each line below runs until it is ended, in a terminal of its own, in which that Node comes first:",
    '```bash\nexport PATH="$PWD/node_modules/.bin:$PATH"\n```',
    "Once: three backends, on the ports 7001 to 7003.",
    "```bash\nfor port in 7001 7002 7003; do node bench/options/backend.ts $port & done\n```",
    "The client says each second how many streams each backend has, and where the last second's calls went. Let a fourth backend join: start it (`node bench/options/backend.ts 7004`) and add its line to `bench/options/conf/endpoints.yaml`. Kill one with `kill -9`.",
    ...results.flatMap(({ option }) => section(option, fileOf)),
    "## Which one",
    [
      "- Many streams that live long, clients that you do not rule, browsers, limits, access, retries: **L7**. With continuity where backends can be taught it; nothing else moves a live stream.",
      "- Protocols that are not HTTP, or TLS that must not be ended on the way: **L4**, or L4 before several L7 proxies.",
      "- Calls between services of your own, where a hop costs too much: **lookaside**, with gRPC's clients as they are; or the **thick client**, where they are grpc-js and streams must outlive their backends.",
      "- A control plane is there already: the same proxy **under it**.",
    ].join("\n"),
    "How other proxies do when backends come and go stands in [benchmarks-churn](benchmarks-churn.md), what a message costs in them in [benchmarks](benchmarks.md).",
  ]
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`
}

function section(option: BalancingOption, fileOf: (name: string) => string): string[] {
  const { title, chooses, sluices, target, flags, needsBootstrap, says } = option
  const files = sluices.map(({ args }) => args.at(-1)!)
  const run = (args: readonly string[]): string =>
    `npm run --silent sluice -- ${args.map((word) => (word.endsWith(".yaml") ? `bench/options/conf/${word}` : word)).join(" ")}`
  const commands = [
    ...sluices.map(({ args }) => run(args)),
    ...(needsBootstrap ? [`${run(["xds", "bootstrap", "lookaside.yaml"])} > bootstrap.json`] : []),
    `${needsBootstrap ? "GRPC_XDS_BOOTSTRAP=bootstrap.json " : ""}node bench/options/client.ts ${[target, ...flags].join(" ")}`,
  ]
  return [
    `### ${title}`,
    `Who chooses: ${chooses}. ${says[0]}`,
    ...says.slice(1),
    ...files.map((name) => `\`\`\`yaml\n${fileOf(name).trimEnd()}\n\`\`\``),
    `\`\`\`bash\n${commands.join("\n")}\n\`\`\``,
  ]
}

/** As GitHub makes it of a title. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .replaceAll(" ", "-")
}
