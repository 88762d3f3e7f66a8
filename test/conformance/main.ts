/** `npm run conformance`: other people's test suites, run through Sluice or through another balancer. */
import { parseArgs } from "node:util"
import { writeDocs } from "./docs.ts"
import { type Through, throughs, Unavailable } from "./result.ts"
import { type SuiteRun, summaryLine } from "./run.ts"
import { type Suite, suites } from "./suites.ts"

const help = `Runs public conformance suites through a balancer and counts what passes.

Usage: npm run conformance -- [options]

  --suite NAME,...   these suites alone: ${suites.map((suite) => suite.name).join(", ")}
                     (default: ${defaultSuites("sluice")
                       .map((suite) => suite.name)
                       .join(", ")})
  --through NAME     what stands between: ${throughs.join(", ")} (default: sluice)
  --json             the results as JSON on standard output, progress on standard error
  --no-docs          leave docs/conformance.md and docs/conformance.json as they are
  --help             this text

Examples:
  npm run conformance
  npm run conformance -- --suite h2spec,h2specd
  npm run conformance -- --through haproxy

What a suite is made of is fetched on first use into .cache/conformance. A suite whose tools cannot be had on this
machine (go, python3) is skipped with a line that says so.

Exit code: 0; 1 when a suite passes fewer cases through Sluice than it has, or breaks; 2 for a usage error.
`

interface Options {
  chosen: Suite[]
  through: Through
  json: boolean
  docs: boolean
}

const options = readOptions()
if (options !== null) process.exitCode = await main(options)

async function main({ chosen, through, json, docs }: Options): Promise<number> {
  const note = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`)
  const runs: SuiteRun[] = []
  for (const suite of chosen) {
    const run = await runSuite(suite, through)
    runs.push(run)
    note(summaryLine(run))
  }
  if (docs && through !== "none") await writeDocs(through, runs)
  if (json) process.stdout.write(`${JSON.stringify({ through, runs }, null, 2)}\n`)
  return runs.some((run) => isBelow(run, through)) ? 1 : 0
}

async function runSuite(suite: Suite, through: Through): Promise<SuiteRun> {
  const { name, title, tool, cases: expected } = suite
  const head = { name, title, tool, expected }
  try {
    const result = await suite.run({ through })
    return { ...head, outcome: "ran", cases: result.cases, failed: result.failed }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...head, outcome: error instanceof Unavailable ? "skipped" : "broke", reason }
  }
}

/** Only Sluice has to pass everything; the others are measured. */
function isBelow(run: SuiteRun, through: Through): boolean {
  if (run.outcome === "broke") return true
  if (run.outcome === "skipped" || through !== "sluice") return false
  return run.cases - run.failed.length < run.expected
}

function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        suite: { type: "string", multiple: true },
        through: { type: "string", default: "sluice" },
        json: { type: "boolean", default: false },
        docs: { type: "boolean", default: true },
        help: { type: "boolean", default: false },
      },
      allowNegative: true,
    })
    if (values.help) {
      process.stdout.write(help)
      return null
    }
    const through = oneOf(throughs, values.through, "--through")
    return {
      chosen: chosenSuites(values.suite, through),
      through,
      json: values.json,
      docs: values.docs,
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nSee --help.\n`)
    process.exitCode = 2
    return null
  }
}

function chosenSuites(asked: string[] | undefined, through: Through): Suite[] {
  if (asked === undefined) return defaultSuites(through)
  const names = suites.map((suite) => suite.name)
  const wanted = asked.flatMap((list) => list.split(",")).map((name) => oneOf(names, name, "--suite"))
  return suites.filter((suite) => wanted.includes(suite.name))
}

function defaultSuites(through: Through): Suite[] {
  return suites.filter(({ byDefault }) => byDefault === "any" || byDefault === through)
}

function oneOf<T extends string>(allowed: readonly T[], value: string, option: string): T {
  const found = allowed.find((entry) => entry === value)
  if (found === undefined) throw new Error(`${option} ${value}: not one of ${allowed.join(", ")}`)
  return found
}
