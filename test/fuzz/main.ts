import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { parseArgs } from "node:util"
import { corpusFolder, nameOf, writeFinding } from "./engine/finding.ts"
import { type Campaign, watch } from "./engine/watch.ts"
import type { Progress } from "./engine/worker.ts"
import { targets } from "./targets/index.ts"

const HELP = `Feeds parsers inputs made from inputs, keeping what reaches new code: docs/fuzzing.md.

  npm run fuzz -- [--target NAME[,NAME...]] [--seconds S] [--seed N]
      Each target (default: all) for S seconds of CPU time (default 60) from seed N on (default: a new one).
      A finding is made smaller and written to .cache/fuzz, with the command to have it again.
  npm run fuzz -- --target NAME --replay FILE
      That input alone.
  npm run fuzz -- --target NAME --keep [--seconds S]
      Puts the smallest inputs that together reach everything into test/fuzz/corpus, in place of those that are there.
  npm run fuzz -- --help
      This.

Targets, and what an input is:
${Object.entries(targets)
  .map(
    ([name, { input, isOnRequest }]) => `  ${name.padEnd(14)} ${input}${isOnRequest ? " (not of all)" : ""}`,
  )
  .join("\n")}

Exit code 0: nothing was found. 1: something was. 2: usage.`

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "all" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    replay: { type: "string" },
    keep: { type: "boolean", default: false },
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

const describe = ({ runs, seconds, cpuSeconds, inputs, blocksSeen, blocks, stepsMost }: Progress): string =>
  `${runs} runs in ${seconds.toFixed(0)} s (${cpuSeconds.toFixed(0)} s of CPU), ${Math.round(runs / seconds)}/s; ` +
  `${inputs} inputs kept; ${blocksSeen} of ${blocks} blocks reached; at most ${stepsMost} steps`

async function fuzz(name: string, seed: number, replay: Uint8Array[] | null): Promise<Campaign> {
  const { isTTY } = process.stderr
  console.log(`${name} (seed ${seed})`)
  const campaign = await watch({
    name,
    seed,
    seconds: whole("seconds", values.seconds),
    replay,
    wantsCorpus: values.keep,
    onProgress: (progress) => void (isTTY && process.stderr.write(`\r  ${describe(progress)}\u001b[K`)),
    onFinding(finding) {
      const path = writeFinding(finding)
      console.log(
        `${isTTY ? "\n" : ""}FOUND: ${finding.kind}: ${finding.message}\n  ${finding.octets.length} octets. Again: npm run fuzz -- --target ${name} --replay ${path}`,
      )
    },
  })
  if (isTTY) process.stderr.write("\r\u001b[K")
  if (campaign.last !== null)
    console.log(`  ${describe(campaign.last)}; ${campaign.findings.length} findings`)
  return campaign
}

/** Files with a name of their own, which a finding left behind, stay. */
function keep(name: string, corpus: readonly Uint8Array[]): void {
  const folder = corpusFolder(name)
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (/^[0-9a-f]{12}$/.test(file)) rmSync(`${folder}/${file}`)
  for (const octets of corpus) writeFileSync(`${folder}/${nameOf(octets)}`, octets)
  console.log(`  ${corpus.length} inputs in ${basename(folder)}`)
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(HELP)
    return true
  }
  const all = Object.keys(targets).filter((name) => targets[name]!.isOnRequest !== true)
  const names = values.target === "all" ? all : values.target.split(",")
  for (const name of names) if (!Object.hasOwn(targets, name)) usage(`no target is called ${name}`)
  for (const name of names) {
    const lacks = targets[name]!.missing?.() ?? null
    if (lacks !== null) usage(`${name} ${lacks}`)
  }
  const replay = values.replay === undefined ? null : [readFileSync(values.replay)]
  if (replay !== null && names.length !== 1) usage("--replay takes one --target")
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 100_000_000) : whole("seed", values.seed)
  let found = 0
  for (const name of names) {
    const { findings, last } = await fuzz(name, seed, replay)
    found += findings.length
    if (values.keep && last?.corpus != null) keep(name, last.corpus)
  }
  return found === 0
}

process.exitCode = (await main()) ? 0 : 1
