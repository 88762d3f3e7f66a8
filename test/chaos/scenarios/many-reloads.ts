import { LiveStreams } from "../live-streams.ts"
import { check, liveChecks, type Scenario } from "../scenario.ts"
import { chaosCluster, pause, Stage } from "../stage.ts"
import { Stalls } from "../stalls.ts"

/** As many as in nginx/nginx-gateway-fabric#5524, in `FULL_SECONDS` or more; a shorter run makes fewer. */
const RELOADS = 136
const FULL_SECONDS = 12

/** What each reload changes, in turn: an endpoint joins, one leaves, a weight, the policy, a timeout of connections, nothing. */
function clusterOf(addresses: readonly string[], round: number): object {
  const [first, second, third] = addresses as [string, string, string]
  switch (round % 6) {
    case 0:
      return chaosCluster([first, second, third])
    case 1:
      return chaosCluster([first, second])
    case 2:
      return { ...chaosCluster([first]), endpoints: [{ address: first, weight: 1 + round }, second] }
    case 3:
      return { ...chaosCluster([first, second, third]), policy: "least_streams" }
    case 4:
      return { ...chaosCluster([second, third]), maxConnectionAge: `${600 + round}s` }
    default:
      return chaosCluster([second, third])
  }
}

export const manyReloads: Scenario = {
  name: "many-reloads",
  says: "136 reloads one after the other under streams that never pause: endpoints join and leave, weights, policies and ages change",
  async run({ random, seconds, streams }) {
    const stage = await Stage.start({ backends: 3, random, hasAdmin: true })
    try {
      const reloads = Math.ceil(RELOADS * Math.min(1, seconds / FULL_SECONDS))
      const { port } = stage
      const live = await LiveStreams.start({ port, connections: 20, streams, intervalMs: 1000, random })
      const stalls = await Stalls.begin(stage, live, seconds * 250)
      const startMs = performance.now()
      for (let round = 0; round < reloads; round++) {
        stage.configure({ clusters: { chaos: clusterOf(stage.addresses, round) } } as never)
        await stage.reloadByAdmin()
        const dueMs = startMs + ((round + 1) * seconds * 1000) / reloads
        await pause(Math.max(0, dueMs - performance.now()))
      }
      const tookMs = performance.now() - startMs
      const ended = live.totals().opened - live.totals().open
      const stalled = await stalls.end()
      await live.finish()
      return [
        check("reloads", reloads, true),
        check("in", `${(tookMs / 1000).toFixed(1)} s`, true),
        check("live streams that a reload ended", ended, ended === 0),
        ...stalled,
        ...liveChecks(stage, live, []),
      ]
    } finally {
      stage.end()
    }
  },
}
