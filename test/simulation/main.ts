import { parseArgs } from "node:util"
import { Balancer } from "../../src/balancer/balancer.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import { type Campaign, campaign, isBalancing } from "./campaign.ts"
import { Coverage, describeUnreached } from "./coverage.ts"
import { compareWithout } from "./differential.ts"
import { shrinkFailure, tell } from "./failure.ts"
import { makePlan } from "./generate.ts"
import type { World } from "./mutation.ts"
import { describeSearch, isFound, searchAll, writeDocs } from "./mutation-table.ts"
import { mutations } from "./mutations.ts"
import { regressions } from "./regressions.ts"
import { loadCopy, loadMutant } from "./subject.ts"
import { run, type Subject } from "./world.ts"

const HELP = `Runs the balancer through faults on a virtual network and clock: docs/simulation.md.

  npm run simulate:faults -- [--seed N] [--runs K] [--seconds S] [--coverage] [--continuity] [--rebalance]
      K runs (default 1000) from seed N on (default: a new one), for at most S seconds.
      Stops at the first run that breaks a rule, makes it smaller and tells its story.
      --continuity: runs of streams that outlive their backends.
      --rebalance: runs of clusters that are kept in balance.
      --coverage: and says which blocks of src/http2 and src/relay no run has reached.
  npm run simulate:faults -- --seed N --replay
      The run of one seed: made smaller where it fails, told as it is where not.
  npm run simulate:faults -- --differential [--seed N] [--runs K]
      The same runs on a balancer without the code of continuity: not an octet may differ.
  npm run simulate:faults -- --mutations [--only TEXT] [--searches K] [--runs K] [--write]
      Looks for every planted bug, or those with TEXT in their name; --write puts the result into docs/simulation.md.
  npm run simulate:faults -- --regressions
      Each run that once broke a rule, with the bug that did it planted again.
  npm run simulate:faults -- --mutation NAME [--seed N] [--runs K] [--replay]
      The same with one planted bug in the balancer.

Exit code 0: every rule held, or every planted bug was found. 1: not so. 2: usage.`

/** Whose blocks `--coverage` looks at. */
const COVERED = ["http2", "relay"] as const

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    runs: { type: "string" },
    seconds: { type: "string" },
    replay: { type: "boolean", default: false },
    mutation: { type: "string" },
    continuity: { type: "boolean", default: false },
    differential: { type: "boolean", default: false },
    rebalance: { type: "boolean", default: false },
    mutations: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    regressions: { type: "boolean", default: false },
    searches: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
    coverage: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})

function usage(problem: string): never {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^\d{1,9}$/.test(text)) usage(`--${name} takes a whole number, not ${text}`)
  return Number(text)
}

async function loadSubject(name: string | undefined): Promise<Subject> {
  if (name === undefined) return { Balancer, HeaderList }
  const mutation = mutations.find((one) => one.name === name)
  if (mutation === undefined)
    usage(`no mutation is called ${name}; there are ${mutations.map((one) => one.name).join(", ")}`)
  return loadMutant(mutation)
}

/** What has runs of its own. */
function worldOf(): World | undefined {
  const planted = mutations.find(({ name }) => name === values.mutation)
  if (values.rebalance) return "rebalance"
  return values.continuity ? "continuity" : planted?.world
}

async function simulate(subject: Subject, seed: number): Promise<boolean> {
  const { isTTY } = process.stderr
  const onProgress = (runs: number): void => void (isTTY && process.stderr.write(`\r${runs} runs`))
  const seconds = values.seconds === undefined ? {} : { seconds: whole("seconds", values.seconds, 0) }
  const runs = whole("runs", values.runs, values.seconds === undefined ? 1000 : Number.MAX_SAFE_INTEGER)
  const result = await campaign({ subject, world: worldOf(), seed, runs, onProgress, ...seconds })
  if (isTTY) process.stderr.write("\r")
  console.log(summary(result, seed))
  if (result.failure === null) return true
  const { plan, violation } = result.failure
  console.log(`\nSeed ${plan.seed} breaks a rule: ${violation.rule}. ${violation.message}`)
  if (isBalancing(plan)) {
    const { smallest } = await shrinkFailure(plan, violation, subject)
    console.log(`\nThe same in small:\n\n${await tell(smallest, subject)}`)
  } else console.log(`\nIts plan:\n\n${JSON.stringify(plan, null, 2)}`)
  const planted = values.mutation === undefined ? "" : ` --mutation ${values.mutation}`
  console.log(`\nAgain: npm run simulate:faults -- --seed ${plan.seed} --replay${planted}`)
  return false
}

function summary({ runs, steps, seconds, endings, failure }: Campaign, seed: number): string {
  const calls = [...endings].sort(([, a], [, b]) => b - a).map(([how, count]) => `${count} ${how}`)
  const passed = failure === null ? runs : runs - 1
  const rate = Math.round(runs / Math.max(seconds, 0.001))
  return `${passed} of ${runs} runs passed from seed ${seed} on: ${steps} steps in ${seconds.toFixed(1)} s, ${rate} runs/s\nCalls: ${calls.join(", ")}`
}

async function replay(subject: Subject, seed: number): Promise<boolean> {
  const plan = makePlan(seed)
  const { violation } = await run(plan, subject)
  if (violation === null) {
    console.log(`Seed ${seed}\n\n${await tell(plan, subject)}`)
    return true
  }
  const { smallest } = await shrinkFailure(plan, violation, subject)
  console.log(`Seed ${seed}, in small\n\n${await tell(smallest, subject)}`)
  return false
}

async function findPlanted(): Promise<boolean> {
  const searches = whole("searches", values.searches, 1)
  const runsMax = whole("runs", values.runs, 10_000)
  const planted = mutations.filter(({ name }) => name.includes(values.only))
  if (planted.length === 0) usage(`no mutation has ${values.only} in its name`)
  const found = await searchAll(planted, whole("seed", values.seed, 1), searches, runsMax, (search) =>
    console.log(describeSearch(search)),
  )
  if (values.write) writeDocs(found)
  const missed = found.filter((search) => !isFound(search))
  console.log(`${found.length - missed.length} of ${found.length} planted bugs found`)
  return missed.length === 0
}

/** Each is found where its run breaks a rule again. */
async function findRegressions(): Promise<boolean> {
  const planted = regressions.filter(({ mutation }) => mutation !== null)
  let found = 0
  for (const { what, mutation, plan } of planted) {
    const { violation } = await run(plan, await loadSubject(mutation!))
    if (violation === null) console.log(`Not found: ${mutation} (${what})`)
    else found++
  }
  console.log(`${found} of ${planted.length} found`)
  return found === planted.length
}

async function compare(): Promise<boolean> {
  const runs = whole("runs", values.runs, 200)
  const { frames, differs } = await compareWithout(whole("seed", values.seed, 1), runs)
  const same = `${runs} runs, ${frames} frames: every octet as without the code of continuity`
  console.log(differs === null ? same : `Seed ${differs}: other octets than without the code of continuity`)
  return differs === null
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(HELP)
    return true
  }
  if (values.mutations) return findPlanted()
  if (values.differential) return compare()
  if (values.regressions) return findRegressions()
  const coverage = values.coverage ? new Coverage() : null
  await coverage?.start()
  const subject = coverage === null ? await loadSubject(values.mutation) : await loadCopy("coverage")
  const seed = whole("seed", values.seed, Math.floor(Math.random() * 100_000_000))
  if (values.replay) return replay(subject, seed)
  const holds = await simulate(subject, seed)
  if (coverage !== null) console.log(`\n${describeUnreached(await coverage.unreached(COVERED), COVERED)}`)
  return holds
}

process.exitCode = (await main()) ? 0 : 1
