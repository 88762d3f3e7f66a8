/** One file under nginx and under Sluice, over the same backends, with the same requests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Certificate } from "../support/certificates.ts"
import { compare } from "./compare.ts"
import { differences, keptConnection, type Mismatch, type Outcome } from "./differences.ts"
import { type Probe, probesOf } from "./probes.ts"
import { send } from "./send.ts"
import { startNginx, startSluice } from "./servers.ts"
import { forNginx, forSluice, mapShape, type Shape } from "./shape.ts"
import { Stubs } from "./stub.ts"

export interface Result {
  readonly name: string
  readonly probes: number
  /** Why it was not compared; null: it was. */
  readonly problem: string | null
  /** Probes that each named difference explains. */
  readonly named: ReadonlyMap<string, number>
  readonly unnamed: readonly { readonly probe: Probe; readonly mismatches: readonly Mismatch[] }[]
}

interface Issued {
  readonly pem: string
  readonly key: string
}

let issued: Promise<Issued> | null = null

/** Of backends and of listeners; the same for all files. */
async function issue(): Promise<Issued> {
  const root = await Certificate.root("CN=nginx-diff")
  return root.issue({ names: ["s1.example.com", "localhost", "127.0.0.1"] })
}

export async function compareFile(name: string, text: string): Promise<Result> {
  const certificate = await (issued ??= issue())
  const directory = mkdtempSync(join(tmpdir(), "nginx-diff-"))
  const stubs = new Stubs({ cert: certificate.pem, key: certificate.key })
  try {
    prepareDirectory(directory, certificate)
    const shape = await mapShape(name, text, directory, stubs)
    return await compareOn(shape, probesOf(shape), directory, stubs)
  } catch (error) {
    return { name, probes: 0, problem: (error as Error).message, named: new Map(), unnamed: [] }
  } finally {
    await stubs.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function prepareDirectory(directory: string, certificate: Issued): void {
  for (const inner of ["certs", "logs", "html", "tmp", "conf.d"]) mkdirSync(join(directory, inner))
  writeFileSync(join(directory, "certs/a.pem"), certificate.pem)
  writeFileSync(join(directory, "certs/a.key"), certificate.key)
  writeFileSync(join(directory, "certs/users"), "user:{PLAIN}pass\n")
  writeFileSync(join(directory, "conf.d/headers.inc"), 'add_header X-Included "$request_method" always;\n')
  writeFileSync(join(directory, "html/index.html"), "<p>index</p>\n")
  writeFileSync(join(directory, "html/50x.html"), "<p>50x</p>\n")
}

async function compareOn(shape: Shape, probes: Probe[], directory: string, stubs: Stubs): Promise<Result> {
  const sluiceOutcomes = await outcomesOf(probes, stubs, () =>
    startSluice(directory, forSluice(shape, directory)),
  )
  const nginxOutcomes = await outcomesOf(probes, stubs, () =>
    startNginx(directory, forNginx(shape, directory)),
  )
  const named = new Map<string, number>()
  const unnamed: Result["unnamed"][number][] = []
  // One try more than there, and servers of round robin have other turns from then on.
  let hasOtherTurns = false
  for (const [index, probe] of probes.entries()) {
    const nginx = nginxOutcomes[index]!
    const sluice = sluiceOutcomes[index]!
    const mismatches = compare(nginx, sluice, probe.raw !== undefined)
    const left: Mismatch[] = []
    const used = new Set<string>()
    for (const mismatch of mismatches) {
      const difference =
        differences.find((each) => each.explains(mismatch, probe, nginx, sluice)) ??
        (hasOtherTurns && isOfTurn(mismatch, nginx, sluice) ? keptConnection : undefined)
      if (difference === undefined) left.push(mismatch)
      else used.add(difference.name)
    }
    hasOtherTurns ||= used.has(keptConnection.name)
    for (const each of used) named.set(each, (named.get(each) ?? 0) + 1)
    if (left.length > 0) unnamed.push({ probe, mismatches: left })
  }
  return { name: shape.name, probes: probes.length, problem: null, named, unnamed }
}

/** What was sent is the same, and where to is not. */
function isOfTurn({ what }: Mismatch, nginx: Outcome, sluice: Outcome): boolean {
  // Of several that were tried, the last has answered.
  const [one, other] = [nginx.seen.at(-1), sluice.seen.at(-1)]
  if (one === undefined || other === undefined || one.backend === other.backend) return false
  return (
    what === "seen backend" ||
    (what === "body" && nginx.answer.body.replace(one.backend, other.backend) === sluice.answer.body)
  )
}

async function outcomesOf(
  probes: readonly Probe[],
  stubs: Stubs,
  start: () => Promise<{ stop(): Promise<void> }>,
): Promise<Outcome[]> {
  const server = await start()
  const outcomes: Outcome[] = []
  try {
    for (const probe of probes) {
      await stubs.take()
      const answer = await send(probe)
      outcomes.push({ answer, seen: await stubs.take() })
    }
  } finally {
    await server.stop()
  }
  return outcomes
}
