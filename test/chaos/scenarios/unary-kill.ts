import { needsOf, startPeer } from "../../../bench/measure/running-peer.ts"
import { findPeer } from "../../../bench/peers/find.ts"
import { isMissing } from "../../../bench/peers/peer.ts"
import { CallLoad, type CallOutcome } from "../call-load.ts"
import { type Check, check, type Scenario, soundChecks } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

const CALLS_PER_SECOND = 1000
/** How long backends hold an answer back, so that calls are in flight when one dies. */
const HOLD_MS = 20
/** Besides the calls that the dead backend had. */
const FAILED_MAX = 1

interface Toll {
  calls: number
  inFlight: number
  failedInFlight: number
  failedLater: number
  unanswered: number
  first: string
}

export const unaryKill: Scenario = {
  name: "unary-kill",
  says: "one of two backends is killed with SIGKILL under 1,000 calls a second; beside HAProxy and nginx where installed",
  async run({ random, seconds }) {
    const stage = await Stage.start({ backends: 2, random, holdMs: HOLD_MS })
    try {
      const toll = await killUnderLoad(stage, stage.port, seconds)
      const checks: Check[] = [
        check("calls", toll.calls, toll.calls > 0),
        check("under way when the backend died, at both", toll.inFlight, toll.inFlight > 0),
        check(
          "failed, of those under way",
          withFirst(toll.failedInFlight, toll),
          toll.failedInFlight <= toll.inFlight,
        ),
        check("failed of those sent later", toll.failedLater, toll.failedLater <= FAILED_MAX),
        check("calls without an answer", toll.unanswered, toll.unanswered === 0),
        check("calls that came to a backend twice", stage.doubled(), stage.doubled() === 0),
        ...soundChecks(stage),
      ]
      for (const name of ["haproxy", "nginx"]) checks.push(await besides(name, stage, seconds))
      return checks
    } finally {
      stage.end()
    }
  },
}

async function killUnderLoad(stage: Stage, port: number, seconds: number): Promise<Toll> {
  const calls = await CallLoad.start({ port, connections: 10, rate: CALLS_PER_SECOND })
  const outcomes: CallOutcome[] = []
  calls.onDone = (outcome) => void outcomes.push(outcome)
  await pause((seconds * 1000) / 3)
  await stage.backends[0]!.kill()
  await pause((seconds * 1000) / 3)
  await stage.backends[0]!.start()
  await pause((seconds * 1000) / 3)
  const unanswered = await calls.finish()
  const failed = outcomes.filter(({ how }) => how !== "ok")
  // The moment the proxy learned of the death, as near as a client can tell: it is told of the first that failed.
  const deathMs = Math.min(...failed.map(({ doneMs }) => doneMs))
  const failedLater = failed.filter(({ sentMs }) => sentMs > deathMs).length
  return {
    calls: calls.sent,
    inFlight: outcomes.filter(({ sentMs, doneMs }) => sentMs <= deathMs && doneMs >= deathMs).length,
    failedInFlight: failed.length - failedLater,
    failedLater,
    unanswered,
    first: failed[0]?.how ?? "",
  }
}

/** The same with another proxy: a figure to compare, and nothing to hold. */
async function besides(name: string, stage: Stage, seconds: number): Promise<Check> {
  const what = `${name}: failed, of those under way / sent later`
  const peer = findPeer(name, { install: false, paths: new Map() })
  if (isMissing(peer)) return check(what, `skipped: ${peer.how}`, true)
  const spec = { kind: "unary", connections: 10, streams: 100, octets: 64, pace: CALLS_PER_SECOND } as const
  const ports = stage.backends.map(({ port }) => port)
  const running = await startPeer(peer, needsOf(spec, ports), null)
  try {
    const { failedInFlight, failedLater, unanswered, first } = await killUnderLoad(
      stage,
      running.port,
      seconds,
    )
    const rest = unanswered > 0 ? `, ${unanswered} without an answer` : ""
    return check(what, `${failedInFlight} / ${failedLater}${rest}${first === "" ? "" : ` (${first})`}`, true)
  } finally {
    await running.stop()
  }
}

const withFirst = (count: number, { first }: Toll): string => (count === 0 ? "0" : `${count} (${first})`)
