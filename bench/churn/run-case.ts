import { fileURLToPath } from "node:url"
import { Child, type Cores } from "../measure/child.ts"
import type { Peer } from "../peers/peer.ts"
import { account, answeredShares, type CaseFigures } from "./account.ts"
import { Backends } from "./backends.ts"
import { BACKENDS, type ChurnCase } from "./cases.ts"
import type { LoadCommand, LoadOptions, LoadReport } from "./protocol.ts"
import { RunningProxy } from "./running-proxy.ts"
import type { Setup } from "./setup.ts"

const CLIENT = fileURLToPath(new URL("./client.ts", import.meta.url))
const CONNECTIONS = 20
const INTERVAL_MS = 1_000
const CALLS_PER_SECOND = 400
export const CALL_TIMEOUT_MS = 2_000
export const QUIET_MS = 1_000
export const PICTURE_WINDOW_MS = 250

/** One peer in one case. */
export interface CaseResult {
  readonly peer: string
  /** Null: there are no figures, for `failure`. */
  readonly figures: CaseFigures | null
  readonly failure: string
  /** Messages lost, doubled, changed or out of order at either end, and calls that came to backends twice. */
  readonly wrong: number
  readonly firstWrong: string
  /** From `QUIET_MS` before the trouble: the share of the calls of each `PICTURE_WINDOW_MS` that was answered. */
  readonly shares: readonly (number | null)[]
}

/** Starts everything anew, runs one case and ends all that was started. */
export async function runCase(
  which: ChurnCase,
  peer: Peer,
  setup: Setup,
  { streams, cores }: { streams: number; cores: Cores | null },
): Promise<CaseResult> {
  const backends = await Backends.start(BACKENDS, cores)
  let proxy: RunningProxy | null = null
  const client = new Child([process.execPath, CLIENT], cores?.generator, true)
  try {
    proxy = await RunningProxy.start(peer, setup, backends.ports.slice(0, which.knownBackends), cores)
    await client.ask()
    const options: LoadOptions = {
      port: proxy.port,
      connections: CONNECTIONS,
      streams,
      intervalMs: INTERVAL_MS,
      callsPerSecond: CALLS_PER_SECOND,
      callTimeoutMs: CALL_TIMEOUT_MS,
    }
    await ask(client, { do: "start", ...options })
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    await ask(client, { do: "mark" })
    const truth = await which.run({ backends, proxy })
    const report = await ask<LoadReport>(client, { do: "finish" })
    const doubled = backends.doubled
    if (proxy.end !== null) return failed(peer, `it ended: ${proxy.end}`)
    return {
      peer: peer.name,
      figures: account(report.streams, report.calls, truth, BACKENDS),
      failure: "",
      wrong: report.wrong + backends.wrong + doubled,
      firstWrong: report.firstWrong || (doubled > 0 ? "a call came to backends twice" : ""),
      shares: answeredShares(report.calls, truth, QUIET_MS, PICTURE_WINDOW_MS),
    }
  } catch (error) {
    return failed(peer, (error as Error).message)
  } finally {
    await client.stop()
    await proxy?.stop()
    backends.end()
  }
}

const failed = ({ name }: Peer, failure: string): CaseResult => ({
  peer: name,
  figures: null,
  failure,
  wrong: 0,
  firstWrong: "",
  shares: [],
})

async function ask<Answer = object>(client: Child, command: LoadCommand): Promise<Answer> {
  const answer = await client.ask<Answer & { error?: string }>(command)
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer
}
