import { resolve } from "node:path"
import { Command, InvalidArgumentError, Option, type OptionValues } from "commander"
import { CHURN_CASES, CHURN_PEERS } from "./churn/suite.ts"
import { OPTION_NAMES } from "./options/suite.ts"
import { PEER_NAMES } from "./peers/find.ts"
import { isRival, RIVALS } from "./peers/rivals.ts"
import { QUICK_SHAPES, SHAPES } from "./shapes.ts"

export interface Arguments {
  /** What a message costs, what happens when backends come and go, or what each option of balancing does. */
  suite: "cost" | "churn" | "options"
  /** Which cases of the churn suite, or which options; and of the former how many live streams. */
  cases: string[]
  streams: number
  shapes: string[]
  /** Null: all there are. */
  peers: string[] | null
  /** Programs to take for peers, by their names. */
  peerPaths: ReadonlyMap<string, string>
  /** `label=command ... {conf}`. */
  also: string[]
  /** A revision of the repository to compare this checkout with; null: none. */
  compare: string | null
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
/** Rounds enough for quartiles. */
const COMPARE = { ...DEFAULT, rounds: 9 }
const QUICK = { rounds: 1, seconds: 0.25, warmSeconds: 0.15, idleSettleSeconds: 0.2 }

/** Reads argv (without node and script). Prints and exits on --help and on a mistake, as commander does. */
export function parseArguments(argv: readonly string[]): Arguments {
  const shapeNames = SHAPES.map(({ name }) => name)
  const command = new Command("npm run bench --")
    .description("Measures Sluice beside other proxies on the same work.")
    .option("--shape <names>", "only these shapes, comma-separated", listOf("shape", shapeNames))
    .option("--peer <names>", "only these peers, comma-separated", listOf("peer", PEER_NAMES))
    .option("--peer-path <name=path>", "a program of your own for a peer; may be repeated", peerPath)
    .option("--compare <revision>", "this checkout beside a revision: which rows cost more, which less")
    .option(
      "--also <label=command>",
      "one more Sluice: its command line, {conf} where its nginx.conf goes",
      collect,
    )
    .option("--rounds <n>", "rounds per peer", positive)
    .option("--seconds <s>", "length of one measurement; of the silence, for idle shapes", positive)
    .option("--quick", "a short run that shows it works; its figures mean little", false)
    .addOption(
      new Option(
        "--suite <name>",
        "what a message costs, what happens when backends come and go, or each balancing option",
      )
        .choices(["cost", "churn", "options"])
        .default("cost"),
    )
    .option(
      "--case <names>",
      "of the churn suite: only these cases; of the options suite: only these options",
      listOf("case", [...CHURN_CASES, ...OPTION_NAMES]),
    )
    .option("--streams <n>", "of the churn suite: live streams", positive, 1000)
    .option("--json <file>", "write the results as JSON; - for standard output")
    .option("--no-docs", "do not write docs/benchmarks.md (only a run of everything does)")
    .option("--cpu-prof <dir>", "have Node profile Sluice, and list where its time went")
    .addHelpText(
      "after",
      `\nShapes: ${shapeNames.join(", ")}\nPeers:  ${PEER_NAMES.join(", ")}\nCases of churn: ${CHURN_CASES.join(", ")}\nOptions: ${OPTION_NAMES.join(", ")}\n${EXAMPLES}`,
    )
  const given = command.parse(argv, { from: "user" }).opts()
  const base = given.quick ? QUICK : given.compare === undefined ? DEFAULT : COMPARE
  const whole =
    given.shape === undefined &&
    given.case === undefined &&
    given.peer === undefined &&
    given.also === undefined &&
    given.compare === undefined
  return {
    suite: given.suite,
    cases: given.case ?? [...(given.suite === "options" ? OPTION_NAMES : CHURN_CASES)],
    streams: given.streams,
    shapes: given.shape ?? shapesOf(given),
    peers: given.peer ?? peersOf(given),
    peerPaths: given.peerPath ?? new Map(),
    also: given.also ?? [],
    compare: given.compare ?? null,
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

/** Null: all there are. */
function peersOf(given: OptionValues): string[] | null {
  if (given.suite === "churn") return [...CHURN_PEERS]
  if (given.suite === "options") return []
  return given.compare === undefined ? null : ["sluice"]
}

function shapesOf(given: OptionValues): string[] {
  if (given.quick) return [...QUICK_SHAPES]
  const all = SHAPES.filter(({ kind }) => kind === "timed" || given.compare === undefined)
  return all
    .filter(
      ({ entrants }) => (entrants !== "log" && entrants !== "continuity") || given.compare === undefined,
    )
    .map(({ name }) => name)
}

const EXAMPLES = `
Examples:
  npm run bench                                              everything; writes docs/benchmarks.md
  npm run bench -- --shape bidi-10x10 --peer haproxy,sluice  one shape, two peers
  npm run bench -- --peer-path haproxy=/opt/haproxy/sbin/haproxy
  npm run bench -- --compare HEAD~3 --shape unary-10x10      what three commits did to a row
  npm run bench -- --shape unary-10x10 --peer sluice --also 'before=node ../old/src/cli/main.ts run {conf}'
  npm run bench -- --shape bidi-100x1 --peer sluice --cpu-prof profiles
  npm run bench -- --suite churn                             writes docs/benchmarks-churn.md
  npm run bench -- --suite churn --case freeze --peer envoy,sluice --streams 500
  npm run bench -- --suite options                           writes docs/options.md
  npm run bench -- --suite options --case l4,lookaside --quick`

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

function peerPath(value: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(value) ?? []
  if (name === undefined || !isRival(name))
    throw new InvalidArgumentError(
      `It has to be PEER=PATH, with a peer of ${Object.keys(RIVALS).join(", ")}.`,
    )
  return new Map([...before, [name, path!.includes("/") ? resolve(path!) : path!]])
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
