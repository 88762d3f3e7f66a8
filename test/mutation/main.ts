import { parseArgs } from "node:util"
import { campaign } from "./campaign.ts"
import { writeScores } from "./docs.ts"
import { describeChange, type Mutant } from "./instrument.ts"
import { byFile, type Result, sampleNote, scoreOf, survivorsOf } from "./report.ts"
import { type Room, rooms, sourcesOf, testsOf } from "./rooms.ts"
import type { Baseline } from "./runner.ts"
import { readTargets } from "./targets.ts"

const HELP = `Breaks the source in one place at a time and looks whether a test notices: docs/testing.md.

  npm run mutate -- [ROOM or FILE[:LINE[-LINE]]]...
      Rooms: ${rooms.map(({ name }) => name).join(", ")} (default: all). A file is one of theirs, as src/http2/sender.ts.
  --sample N --seed N    so many mutants, drawn by the seed (default: all, 1)
  --mutant-seconds N     of one mutant: what its tests take beyond that is not tried (default: 20)
  --keep                 keep what was found in .cache/mutation and go on from there: what is known of a mutant by tests
                         that are as they were is not run again, whatever else has changed
  --seconds N            stop after so many; what was not judged by then is not counted
  --threshold PERCENT    exit code 1 when fewer are killed
  --test-ms N            leave out tests that take more of the processor (default: 300)
  --tests GLOB           these tests in place of the room's; may be repeated
  --workers N            processes (default: 1)
  --equivalents          run also what test/mutation/equivalent.ts calls equivalent, and complain of what is killed
  --list                 print the mutants, run none
  --json                 print all results as JSON
  --write                put the scores of whole rooms, or of samples of them, into docs/testing.md

Exit code 0: the threshold was met. 1: it was not, or the list of equivalents is wrong. 2: usage.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string" },
    "mutant-seconds": { type: "string", default: "20" },
    keep: { type: "boolean", default: false },
    threshold: { type: "string", default: "0" },
    "test-ms": { type: "string", default: "300" },
    tests: { type: "string", multiple: true },
    workers: { type: "string", default: "1" },
    equivalents: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})

function usage(problem: string): never {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) usage(`--${name} takes a whole number, not ${text}`)
  return Number(text)
}

/** What of a room is to be mutated. */
interface Wish {
  readonly room: Room
  readonly sources: readonly string[]
  readonly isWanted: (mutant: Mutant) => boolean
}

/** One for each room: its tests are measured once. */
function wishes(): Wish[] {
  const named = positionals.map((name) => {
    const room = rooms.find((one) => one.name === name)
    return room === undefined ? partOf(name) : wholeRoom(room)
  })
  const all = positionals.length === 0 ? rooms.map(wholeRoom) : named
  return [...Map.groupBy(all, ({ room }) => room)].map(([room, parts]) => ({
    room,
    sources: [...new Set(parts.flatMap(({ sources }) => sources))].sort(),
    isWanted: (mutant) => parts.some(({ isWanted }) => isWanted(mutant)),
  }))
}

function wholeRoom(room: Room): Wish {
  const sources = sourcesOf(room)
  return { room, sources, isWanted: ({ file }) => sources.includes(file) }
}

function partOf(name: string): Wish {
  const [path = "", lines] = name.split(":")
  const room = rooms.find((one) => sourcesOf(one).includes(path))
  if (room === undefined) usage(`${path} is neither a room nor a source file of one`)
  const [first = "1", last = lines === undefined ? "999999999" : first] = lines?.split("-") ?? []
  const from = whole("lines", first)
  const to = whole("lines", last)
  return { room, sources: [path], isWanted: ({ file, line }) => file === path && line >= from && line <= to }
}

function list({ sources, isWanted }: Wish): void {
  for (const mutant of readTargets(sources).mutants.filter(isWanted))
    console.log(`${mutant.file}:${mutant.line}  ${mutant.kind}  ${describeChange(mutant)}`)
}

const note = (text: string): void => void (values.json || console.log(text))

function tellBaseline({ tests, broken, slow }: Baseline, mutants: number): void {
  note(`${mutants} mutants; ${tests.length} tests, without ${slow.length} slow ones`)
  for (const one of broken) console.error(`Fails without a mutant, so it is left out: ${one}`)
}

let judged = 0

/** Survivors as they are found: a whole room takes a while. */
function tellResult(result: Result): void {
  judged++
  for (const line of survivorsOf([result])) note(line)
  if (process.stderr.isTTY && judged % 20 === 0) process.stderr.write(`\r${judged} judged`)
  else if (!process.stderr.isTTY && judged % 500 === 0) console.error(`${judged} judged`)
}

async function mutate({
  room,
  sources,
  isWanted,
}: Wish): Promise<{ results: readonly Result[]; problems: readonly string[] }> {
  const { sample, seconds } = values
  return campaign({
    // All, where what is measured is kept: it counts by all mutants of the room.
    sources: values.keep ? sourcesOf(room) : sources,
    tests: values.tests === undefined ? testsOf(room) : testsOf({ ...room, tests: values.tests }),
    workers: whole("workers", values.workers),
    testMsMax: whole("test-ms", values["test-ms"]),
    ...(sample === undefined ? {} : { sample: whole("sample", sample) }),
    seed: whole("seed", values.seed),
    seconds: seconds === undefined ? Number.POSITIVE_INFINITY : whole("seconds", seconds),
    mutantMs: whole("mutant-seconds", values["mutant-seconds"]) * 1000,
    ...(values.keep ? { keepAs: room.name } : {}),
    isWanted,
    checksEquivalents: values.equivalents,
    onBaseline: tellBaseline,
    onResult: tellResult,
  })
}

function write({ room, sources }: Wish, results: readonly Result[]): void {
  if (sources.length < sourcesOf(room).length || values.seconds !== undefined)
    usage("--write takes whole rooms, or samples of them")
  const all = readTargets(sources).mutants.length
  const seed = whole("seed", values.seed)
  writeScores(room.name, results, values.sample === undefined ? null : sampleNote(results, all, seed))
}

function tell(results: readonly Result[], problems: readonly string[]): void {
  for (const [file, of] of byFile(results)) {
    const { killed, survived, notReached, equivalent, percent } = scoreOf(of)
    console.log(
      `${file.padEnd(40)} ${percent.toFixed(1).padStart(5)} %  ${killed} killed, ${survived} survived, ${notReached} not reached, ${equivalent} equivalent`,
    )
  }
  for (const problem of problems) console.error(problem)
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(HELP)
    return true
  }
  if (values.list) {
    for (const wish of wishes()) list(wish)
    return true
  }
  const results: Result[] = []
  const problems: string[] = []
  for (const wish of wishes()) {
    const found = await mutate(wish)
    if (values.write) write(wish, found.results)
    results.push(...found.results)
    problems.push(...found.problems)
  }
  const score = scoreOf(results)
  if (values.json) console.log(JSON.stringify({ score, problems, results }))
  else tell(results, problems)
  note(`${score.percent.toFixed(1)} % of ${results.length - score.equivalent} mutants were killed`)
  return score.percent >= whole("threshold", values.threshold) && problems.length === 0
}

process.exitCode = (await main()) ? 0 : 1
