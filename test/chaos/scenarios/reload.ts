import { CallLoad } from "../call-load.ts"
import { LiveStreams } from "../live-streams.ts"
import { check, liveChecks, type Scenario } from "../scenario.ts"
import { chaosCluster, pause, Stage } from "../stage.ts"

const RELOADS = 5
const CALLS_PER_SECOND = 800

export const reload: Scenario = {
  name: "reload",
  says: "five reloads under 800 calls a second, each with another cluster: settings change, one backend leaves and returns",
  async run({ random, seconds, streams }) {
    const stage = await Stage.start({ backends: 2, random })
    try {
      const live = await LiveStreams.start({
        port: stage.port,
        connections: 20,
        streams,
        intervalMs: 1000,
        random,
      })
      const calls = await CallLoad.start({ port: stage.port, connections: 10, rate: CALLS_PER_SECOND })
      const failed: string[] = []
      calls.onDone = ({ how }) => void (how !== "ok" && failed.push(how))
      const [first] = stage.addresses
      for (let i = 0; i < RELOADS; i++) {
        await pause((seconds * 1000) / (RELOADS + 1))
        // With one endpoint, with both; every time the cluster is made anew and its old connections retire.
        const addresses = i % 2 === 0 ? [first!] : stage.addresses
        const maxConnectionAge = `${600 + i}s`
        stage.configure({ clusters: { chaos: { ...chaosCluster(addresses), maxConnectionAge } } })
        await stage.reload()
      }
      await pause((seconds * 1000) / (RELOADS + 1))
      const unanswered = await calls.finish()
      const ended = live.totals().opened - live.totals().open
      await live.finish()
      return [
        check("reloads", RELOADS, true),
        check("calls", calls.finished, calls.finished > 0),
        check(
          "calls that failed",
          failed.length === 0 ? 0 : `${failed.length}: ${failed[0]}`,
          failed.length === 0,
        ),
        check("calls without an answer", unanswered, unanswered === 0),
        check("live streams that a reload ended", ended, ended === 0),
        ...liveChecks(stage, live, []),
      ]
    } finally {
      stage.end()
    }
  },
}
