import { writeFileSync } from "node:fs"
import { arch, cpus } from "node:os"
import { parseArgs } from "node:util"
import { wrapProse } from "../../scripts/wrap-prose.ts"
import type { Attack } from "./attack.ts"
import { attacks } from "./attacks/index.ts"
import { describeVerdict, renderMarkdown, type TargetReport } from "./report.ts"
import { runAttacks, startBackends } from "./suite.ts"
import { type PeerName, peerNames, peerTarget, runningTarget, type Target } from "./targets.ts"

const HELP = `Attacks a load balancer on this machine and says what held.

  npm run abuse                                   Sluice, every attack (about two minutes)
  npm run abuse -- --peer all                     the same for nginx, haproxy and nghttpx; writes docs/abuse.md
  npm run abuse -- --attack rapid-reset,hpack-bomb --peer nginx
  npm run abuse -- --target 127.0.0.1:8080 --pid 4711 --backend 3000

  --attack a,b         only these
  --peer a,b | all     start these in front of our own backends: ${peerNames.join(", ")}
  --target host:port   attack what already runs there (loopback only); it must pass every path to --backend
  --pid N              its first process, so that memory is watched
  --backend PORT       where our echo backend listens for --target (3000)
  --list               name and describe the attacks
  --json               one JSON document instead of lines
  --help

Exit code: 0 all held, 1 something was not, 2 usage.
`

/** Loopback only: this is a test of one's own machine. */
export function loopbackAddress(text: string): { host: string; port: number } | null {
  const match = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port < 1 || port > 65_535) return null
  return { host: match[1]!.replace(/[[\]]/g, ""), port }
}

/** The attacks named in a comma list, or the name that is none. */
export function chosenAttacks(list: string | undefined): readonly Attack[] | string {
  if (list === undefined) return attacks
  const names = list.split(",").filter(Boolean)
  const unknown = names.find((name) => !attacks.some((attack) => attack.name === name))
  return unknown ?? attacks.filter((attack) => names.includes(attack.name))
}

function usage(message: string): number {
  console.error(message)
  return 2
}

async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      attack: { type: "string" },
      peer: { type: "string" },
      target: { type: "string" },
      pid: { type: "string" },
      backend: { type: "string", default: "3000" },
      list: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const chosen = chosenAttacks(values.attack)
  if (typeof chosen === "string") return usage(`no attack is called "${chosen}"; --list names them`)
  if (values.list) {
    for (const { name, side, how, source } of chosen) console.log(`${name} (${side}): ${how}. ${source}.`)
    return 0
  }
  const say = values.json ? () => {} : (line: string) => console.log(line)
  if (values.target !== undefined) {
    const at = loopbackAddress(values.target)
    if (at === null) return usage(`--target must be a loopback address with a port, not "${values.target}"`)
    const behind = chosen.filter((attack) => attack.side === "downstream")
    if (behind.length < chosen.length)
      say("attacks from behind are skipped: they need a target that the suite starts")
    const target = runningTarget(at, values.pid === undefined ? null : Number(values.pid))
    return finish([await attackTarget(target, behind, Number(values.backend), say)], values.json)
  }
  const names = values.peer === "all" ? [...peerNames] : (values.peer ?? "sluice").split(",")
  const strange = names.find((name) => !peerNames.includes(name as PeerName))
  if (strange !== undefined) return usage(`no peer is called "${strange}"; there are ${peerNames.join(", ")}`)
  const reports: TargetReport[] = []
  for (const name of names as PeerName[]) {
    const target = peerTarget(name)
    if (typeof target === "string") say(`${name} is skipped: ${target}`)
    else reports.push(await attackTarget(target, chosen, 0, say))
  }
  if (values.peer === "all" && values.attack === undefined) {
    const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? arch()}`
    writeFileSync(
      new URL("../../docs/abuse.md", import.meta.url),
      wrapProse(renderMarkdown(attacks, reports, machine)),
    )
    say("docs/abuse.md is written")
  }
  return finish(reports, values.json)
}

async function attackTarget(
  target: Target,
  chosen: readonly Attack[],
  echoPort: number,
  say: (line: string) => void,
): Promise<TargetReport> {
  say(`\n${target.name} ${target.version}`)
  const backends = await startBackends(chosen, echoPort)
  const report: TargetReport = { name: target.name, version: target.version, verdicts: [], failure: "" }
  try {
    await runAttacks(target, chosen, backends, (verdict) => {
      report.verdicts.push(verdict)
      say(describeVerdict(verdict))
    })
  } catch (error) {
    report.failure = (error as Error).message
    say(`stopped: ${report.failure}`)
  } finally {
    backends.echo.close()
    for (const backend of backends.hostile.values()) backend.close()
  }
  return report
}

function finish(reports: readonly TargetReport[], json: boolean): number {
  if (json) console.log(JSON.stringify(reports, null, 2))
  else {
    console.log("")
    for (const { name, verdicts, failure } of reports) {
      const held = verdicts.filter((verdict) => verdict.reasons.length === 0).length
      console.log(
        `${name}: ${held} of ${verdicts.length} held${failure === "" ? "" : `; stopped: ${failure}`}`,
      )
    }
  }
  const sound = reports.length > 0 && reports.every((one) => one.failure === "" && one.verdicts.every(isHeld))
  return sound ? 0 : 1
}

const isHeld = (verdict: { reasons: string[] }): boolean => verdict.reasons.length === 0

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    process.exitCode = usage((error as Error).message)
  }
}
