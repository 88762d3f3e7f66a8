import { parentPort, workerData } from "node:worker_threads"
import { seededRandom } from "../../../src/base/random.ts"
import { targets } from "../targets/index.ts"
import { Coverage } from "./coverage.ts"
import { Dictionary } from "./dictionary.ts"
import { type Finding, readCorpus } from "./finding.ts"
import { Fuzzer } from "./fuzzer.ts"
import { instrument } from "./instrument.ts"
import { Runner } from "./runner.ts"
import { Slot } from "./slot.ts"
import type { Target } from "./target.ts"

/** What a fuzzing thread is told. */
export interface Order {
  readonly name: string
  readonly seed: number
  /** Of CPU time. */
  readonly seconds: number
  /** Only these inputs, as they are. */
  readonly replay: readonly Uint8Array[] | null
  readonly shared: SharedArrayBuffer
  /** Tell the inputs that a corpus should keep. */
  readonly wantsCorpus: boolean
}

export interface Progress {
  readonly kind: "progress" | "done"
  readonly runs: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly inputs: number
  readonly blocksSeen: number
  readonly blocks: number
  readonly stepsMost: number
  /** With "done", where it was asked for. */
  readonly corpus: readonly Uint8Array[] | null
}

export type Message = Progress | { readonly kind: "finding"; readonly finding: Finding }

const LOOK_MS = 500
/** On a busy machine, and with a target that waits for others, CPU time goes by more slowly than time: not without end. */
const WAIT_FACTOR = 3
const port = parentPort!
const { name, seed, seconds, replay, shared, wantsCorpus } = workerData as Order

const coverage = new Coverage()
const dictionary = new Dictionary()
const entry = targets[name]!
// Nothing under src may be loaded before this.
instrument(entry.covers, coverage, (literal) => dictionary.add(literal))
const target: Target = await entry.load()
for (const word of target.words ?? [])
  if (typeof word === "string") dictionary.add(word)
  else dictionary.addOctets(word)

const runner = new Runner(target, coverage, new Slot(shared))
const startMs = performance.now()
const fuzzer = new Fuzzer({
  name,
  target,
  maxOctets: entry.maxOctets,
  runner,
  coverage,
  dictionary,
  random: seededRandom(seed),
  onFinding: (finding) => port.postMessage({ kind: "finding", finding } satisfies Message),
})

function cpuSeconds(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000_000
}

function tell(kind: Progress["kind"]): void {
  const message: Progress = {
    kind,
    runs: runner.runs,
    seconds: (performance.now() - startMs) / 1000,
    cpuSeconds: cpuSeconds(),
    inputs: fuzzer.pool.size,
    blocksSeen: coverage.blocksSeen,
    blocks: coverage.blocks,
    stepsMost: runner.stepsMost,
    corpus: kind === "done" && wantsCorpus ? fuzzer.pool.smallest() : null,
  }
  port.postMessage(message)
}

async function fuzz(): Promise<void> {
  for (const { octets } of readCorpus(name)) await fuzzer.seed(octets)
  for (const octets of target.seeds()) await fuzzer.seed(Buffer.from(octets))
  let lookedMs = startMs
  await fuzzer.fuzz(() => {
    const nowMs = performance.now()
    if (nowMs - lookedMs < LOOK_MS) return false
    lookedMs = nowMs
    tell("progress")
    return cpuSeconds() >= seconds || nowMs - startMs >= WAIT_FACTOR * seconds * 1000
  })
  await fuzzer.checkGrowth()
}

if (replay === null) await fuzz()
else for (const octets of replay) await fuzzer.seed(Buffer.from(octets))
tell("done")
// Timers of the code under test may be left.
process.exit(0)
