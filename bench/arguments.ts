import { Command, InvalidArgumentError, Option } from "commander"
import { CHURN_CASES, CHURN_PEERS } from "./churn/suite.ts"
import { PEER_NAMES } from "./peers/find.ts"
import { QUICK_SHAPES, SHAPES } from "./shapes.ts"

export interface Arguments {
  /** What a message costs, or what happens when backends come and go. */
  suite: "cost" | "churn"
  /** Of the churn suite: which cases, and how many live streams. */
  cases: string[]
  streams: number
  shapes: string[]
  /** Null: all there are. */
  peers: string[] | null
  /** `label=command ... {conf}`. */
  also: string[]
  rounds: number
  seconds: number
  warmSeconds: number
  /** How long idle streams are watched; null: as their shape says. */
  silenceSeconds: number | null
  idleSettleSeconds: number
  quick: boolean
  /** A file, `-` for standard output, or null. */
  json: string | null
  docs: boolean
  /** Where Sluice's CPU profiles go; null: none taken. */
  cpuProf: string | null
}

const DEFAULT = { rounds: 3, seconds: 1, warmSeconds: 0.3, idleSettleSeconds: 1.5 }
const QUICK = { rounds: 1, seconds: 0.25, warmSeconds: 0.15, idleSettleSeconds: 0.2 }

/** Reads argv (without node and script). Prints and exits on --help and on a mistake, as commander does. */
export function parseArguments(argv: readonly string[]): Arguments {
  const shapeNames = SHAPES.map(({ name }) => name)
  const command = new Command("npm run bench --")
    .description("Measures Sluice beside the C proxies on the same work.")
    .option("--shape <names>", "only these shapes, comma-separated", listOf("shape", shapeNames))
    .option("--peer <names>", "only these peers, comma-separated", listOf("peer", PEER_NAMES))
    .option(
      "--also <label=command>",
      "one more Sluice: its command line, {conf} where its nginx.conf goes",
      collect,
    )
    .option("--rounds <n>", "rounds per peer", positive)
    .option("--seconds <s>", "length of one measurement; of the silence, for idle shapes", positive)
    .option("--quick", "a short run that shows it works; its figures mean little", false)
    .addOption(
      new Option("--suite <name>", "what a message costs, or what happens when backends come and go")
        .choices(["cost", "churn"])
        .default("cost"),
    )
    .option("--case <names>", "of the churn suite: only these cases", listOf("case", CHURN_CASES))
    .option("--streams <n>", "of the churn suite: live streams", positive, 1000)
    .option("--json <file>", "write the results as JSON; - for standard output")
    .option("--no-docs", "do not write docs/benchmarks.md (only a run of everything does)")
    .option("--cpu-prof <dir>", "have Node profile Sluice, and list where its time went")
    .addHelpText(
      "after",
      `\nShapes: ${shapeNames.join(", ")}\nPeers:  ${PEER_NAMES.join(", ")}\nCases of churn: ${CHURN_CASES.join(", ")}\n${EXAMPLES}`,
    )
  const given = command.parse(argv, { from: "user" }).opts()
  const base = given.quick ? QUICK : DEFAULT
  const whole =
    given.shape === undefined &&
    given.case === undefined &&
    given.peer === undefined &&
    given.also === undefined
  return {
    suite: given.suite,
    cases: given.case ?? [...CHURN_CASES],
    streams: given.streams,
    shapes: given.shape ?? (given.quick ? [...QUICK_SHAPES] : shapeNames),
    peers: given.peer ?? (given.suite === "churn" ? [...CHURN_PEERS] : null),
    also: given.also ?? [],
    rounds: given.rounds ?? base.rounds,
    seconds: given.seconds ?? base.seconds,
    warmSeconds: base.warmSeconds,
    silenceSeconds: given.seconds ?? (given.quick ? base.seconds : null),
    idleSettleSeconds: base.idleSettleSeconds,
    quick: given.quick,
    json: given.json ?? null,
    docs: given.docs && whole && !given.quick && given.cpuProf === undefined,
    cpuProf: given.cpuProf ?? null,
  }
}

const EXAMPLES = `
Examples:
  npm run bench                                              everything; writes docs/benchmarks.md
  npm run bench -- --shape bidi-10x10 --peer haproxy,sluice  one shape, two peers
  npm run bench -- --shape unary-10x10 --peer sluice --also 'before=node ../old/src/cli/main.ts run {conf}'
  npm run bench -- --shape bidi-100x1 --peer sluice --cpu-prof profiles
  npm run bench -- --suite churn                             writes docs/benchmarks-churn.md
  npm run bench -- --suite churn --case freeze --peer envoy,sluice --streams 500`

function listOf(what: string, known: readonly string[]): (value: string) => string[] {
  return (value) => {
    const names = value.split(",").map((name) => name.trim())
    const unknown = names.find((name) => !known.includes(name))
    if (unknown !== undefined) throw new InvalidArgumentError(`There is no ${what} "${unknown}".`)
    return names
  }
}

function positive(value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new InvalidArgumentError("It has to be a number above 0.")
  return number
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
