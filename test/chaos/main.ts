import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { seededRandom } from "../../src/base/random.ts"
import { renderReport, renderText, writeBetweenMarks } from "./report.ts"
import type { Check, Scenario } from "./scenario.ts"
import { drainedFirst, handedOff, resumed } from "./scenarios/continuity.ts"
import { dnsChanges } from "./scenarios/dns-changes.ts"
import { freeze } from "./scenarios/freeze.ts"
import { healthTold } from "./scenarios/health-told.ts"
import { kill } from "./scenarios/kill.ts"
import { largeControlPlane } from "./scenarios/large-control-plane.ts"
import { manyReloads } from "./scenarios/many-reloads.ts"
import { network } from "./scenarios/network.ts"
import { oneOfFour } from "./scenarios/one-of-four.ts"
import { overload } from "./scenarios/overload.ts"
import { reload } from "./scenarios/reload.ts"
import { scaledUp } from "./scenarios/scale-up.ts"
import { slow } from "./scenarios/slow.ts"
import { twoSluices } from "./scenarios/two-sluices.ts"
import { unaryKill } from "./scenarios/unary-kill.ts"
import { upgrade } from "./scenarios/upgrade.ts"

const scenarios: readonly Scenario[] = [
  kill,
  oneOfFour,
  unaryKill,
  freeze,
  slow,
  network,
  reload,
  manyReloads,
  dnsChanges,
  upgrade,
  overload,
  resumed,
  handedOff,
  drainedFirst,
  scaledUp,
  healthTold,
  twoSluices,
  largeControlPlane,
]

const HELP = `Runs Sluice and its backends as real processes and lets them die, freeze and lose their network.
Everything is on loopback and ends with the run.

  npm run chaos                                  every scenario, about four minutes
  npm run chaos -- --scenario kill,reload
  npm run chaos -- --seconds 60 --streams 5000 --seed 7

  --scenario a,b   only these
  --streams N      live streams at once (2000)
  --seconds N      how long the trouble of a scenario lasts, about (12)
  --seed N         of sizes, times and cuts (1)
  --list           name and describe the scenarios
  --write          put the result into docs/reliability.md: every part whose scenarios all ran
  --json           one JSON document in place of lines
  --help

Exit code: 0 all held, 1 something was not, 2 usage.
`

async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      scenario: { type: "string" },
      streams: { type: "string", default: "2000" },
      seconds: { type: "string", default: "12" },
      seed: { type: "string", default: "1" },
      list: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.list) {
    for (const { name, says } of scenarios) console.log(`${name}: ${says}`)
    return 0
  }
  const [streams, seconds, seed] = [values.streams, values.seconds, values.seed].map(Number) as [
    number,
    number,
    number,
  ]
  if (!(Number.isInteger(streams) && streams > 1 && seconds > 0 && Number.isInteger(seed)))
    throw new Error("--streams, --seconds and --seed take numbers above 0")
  const parts = values.write ? wholeParts(chosen(values.scenario)) : []
  if (values.write && parts.length === 0)
    throw new Error("--write takes every scenario of a part; those of continuity are one")
  const say = values.json ? () => {} : (line: string) => console.log(line)
  const results: { scenario: Scenario; checks: Check[] }[] = []
  for (const scenario of chosen(values.scenario)) {
    say(`\n${scenario.name}: ${scenario.says}`)
    const checks = await scenario.run({ random: seededRandom(seed), seconds, streams, writes: values.write })
    say(renderText(checks))
    results.push({ scenario, checks })
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, Node ${process.versions.node}`
  if (values.json)
    console.log(
      JSON.stringify(
        {
          seed,
          streams,
          seconds,
          machine,
          results: results.map(({ scenario, checks }) => ({ scenario: scenario.name, checks })),
        },
        null,
        2,
      ),
    )
  for (const part of parts) {
    const its = results.filter(({ scenario }) => partOf(scenario) === part)
    writeBetweenMarks(part, renderReport(its, { machine, streams, seconds, seed }))
  }
  return results.every(({ checks }) => checks.every(({ held }) => held)) ? 0 : 1
}

const partOf = ({ part = "chaos" }: Scenario): string => part

/** The parts of the document of which all scenarios are there. */
function wholeParts(chosen: readonly Scenario[]): string[] {
  const parts = [...new Set(scenarios.map(partOf))]
  return parts.filter((part) => scenarios.every((one) => partOf(one) !== part || chosen.includes(one)))
}

function chosen(list: string | undefined): readonly Scenario[] {
  if (list === undefined) return scenarios
  const names = list.split(",").filter(Boolean)
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown !== undefined) throw new Error(`no scenario is called "${unknown}"; --list names them`)
  return scenarios.filter(({ name }) => names.includes(name))
}

/** What was started ends with this process, also when it is told to end. */
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
  }
}
