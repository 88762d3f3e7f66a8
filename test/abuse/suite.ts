import { setTimeout as pause } from "node:timers/promises"
import type { Attack, Sight, Stage } from "./attack.ts"
import { Backend, type Backends } from "./backend.ts"
import { judge, type Run } from "./judge.ts"
import { MemoryWatch } from "./memory.ts"
import { Neighbour, type NeighbourReport } from "./neighbour.ts"
import { Peer } from "./peer.ts"
import type { Running, Target } from "./targets.ts"

const RUN_MAX_MS = 25_000
const LEAVE_MS = 1000
const LEAVE_MEMORY_MS = 10_000

export interface Verdict extends Run {
  /** Empty: held. */
  reasons: string[]
}

/** The honest backend, and one of its own for each attack that comes from behind. */
export async function startBackends(attacks: readonly Attack[], echoPort = 0): Promise<Backends> {
  const hostile = new Map<string, Backend>()
  for (const { name, side } of attacks)
    if (side === "upstream") hostile.set(name, await new Backend().listen())
  return { echo: await new Backend().listen(echoPort), hostile }
}

/**
 * Runs every attack against one target: the slow ones side by side, the floods one by one, each with the attacker
 * reading and not. A target that dies is started again, and the run that killed it says so.
 */
export async function runAttacks(
  target: Target,
  attacks: readonly Attack[],
  backends: Backends,
  onVerdict: (verdict: Verdict) => void,
): Promise<Verdict[]> {
  let running = await target.start(backends)
  const verdicts: Verdict[] = []
  const add = (verdict: Verdict) => {
    verdicts.push(verdict)
    onVerdict(verdict)
  }
  try {
    await warmUp(running, backends)
    const slow = attacks.filter((attack) => attack.pace === "slow")
    const sideBySide = slow.map((attack) => attackOnce(attack, running, backends, true, slow.length))
    for (const verdict of await Promise.all(sideBySide)) add(verdict)
    for (const attack of attacks) {
      if (attack.pace === "slow") continue
      for (const reading of attack.unread === false ? [true] : [true, false]) {
        const verdict = await attackOnce(attack, running, backends, reading)
        add(verdict)
        if (verdict.alive) continue
        await running.stop()
        running = await target.start(backends)
        await warmUp(running, backends)
      }
    }
  } finally {
    await running.stop()
  }
  return verdicts
}

/** Honest work first, so that growth is the attack's and not that of a process which has just started. */
async function warmUp(running: Running, backends: Backends): Promise<void> {
  const paths = [
    "/abuse.Neighbour/Echo",
    ...[...backends.hostile.keys()].map((name) => `/hostile/${name}/Echo`),
  ]
  const neighbours = await Promise.all(paths.map((path) => Neighbour.start(running.at, path)))
  await pause(400)
  const reports = await Promise.all(neighbours.map((one) => one.stop()))
  const harm = reports.findIndex((report) => report.harm !== "")
  if (harm >= 0) throw new Error(`${paths[harm]} does not work through the target: ${reports[harm]!.harm}`)
}

async function attackOnce(
  attack: Attack,
  running: Running,
  { echo, hostile }: Backends,
  reading: boolean,
  sideBySide = 1,
): Promise<Verdict> {
  const countersBefore = await running.readCounters?.()
  const peers: Peer[] = []
  const backend = attack.side === "upstream" ? hostile.get(attack.name)! : echo
  // Slow attacks run side by side: what the honest backend and the memory say is of all of them together.
  const shared = attack.pace === "slow" && attack.side === "downstream"
  const stage: Stage = {
    at: running.at,
    backend,
    hostile: attack.side === "upstream" ? backend : null,
    reading,
    async connect(settings) {
      const peer = await Peer.connect(running.at, settings)
      peers.push(peer)
      if (!peer.ready) throw new Error("the target did not answer with SETTINGS")
      return peer
    },
  }
  if (!shared) backend.reset()
  const memory = new MemoryWatch(running.pid)
  const { sight, neighbour } = await besideNeighbour(stage, () => attack.run(stage))
  for (const peer of peers) peer.destroy()
  const deadline = performance.now() + LEAVE_MS
  while (!shared && backend.attackStreamsOpen > 0 && performance.now() < deadline) await pause(20)
  const growthOctets = await memory.stop()
  const { leftMiBMax } = attack.bar
  const leftOctets =
    leftMiBMax === undefined ? null : await memory.left(leftMiBMax * 2 ** 20, LEAVE_MEMORY_MS)
  const countersAfter = await running.readCounters?.()
  const run: Run = {
    attack: attack.name,
    side: attack.side,
    reading,
    sight,
    calls: shared ? 0 : backend.calls,
    liveMax: shared ? 0 : backend.liveMax,
    leftOpen: shared ? 0 : backend.attackStreamsOpen,
    growthOctets: growthOctets === null ? null : growthOctets / sideBySide,
    leftOctets,
    neighbour,
    counters: countersBefore && countersAfter ? moved(countersBefore, countersAfter) : null,
    alive: await accepts(running.at),
  }
  return { ...run, reasons: judge(attack, run) }
}

/** The attack, with an honest client at work from before its start until after its end. */
async function besideNeighbour(
  stage: Stage,
  run: () => Promise<Sight>,
): Promise<{ sight: Sight; neighbour: NeighbourReport }> {
  const neighbour = await Neighbour.start(stage.at)
  const timer = new AbortController()
  const failed = (message: string): Sight => ({
    end: "open",
    code: "",
    frames: 0,
    octets: 0,
    ms: 0,
    note: "",
    wrong: [message],
  })
  const sight = await Promise.race([
    run().catch((error: Error) => failed(error.message)),
    pause(RUN_MAX_MS, undefined, { signal: timer.signal }).then(
      () => failed(`not over within ${RUN_MAX_MS / 1000} s`),
      () => failed("stopped"),
    ),
  ])
  timer.abort()
  return { sight, neighbour: await neighbour.stop() }
}

function moved(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const grown = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, count]) => count > 0))
}

async function accepts(at: Running["at"]): Promise<boolean> {
  const peer = await Peer.connect(at)
  const { ready } = peer
  peer.destroy()
  return ready
}
