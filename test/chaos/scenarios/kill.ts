import { LiveStreams } from "../live-streams.ts"
import { Neighbours } from "../neighbours.ts"
import { check, endedByFault, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

const KILLS = 3

/** A stream on the dead backend, or one that came before it was back. */
const ALLOWED = [
  /^14 cluster chaos, endpoint 127\.0\.0\.1:\d+: (connection reset by peer|the peer closed the connection)$/,
]

export const kill: Scenario = {
  name: "kill",
  says: "one of two backends is killed with SIGKILL and started again, three times; its streams are opened anew",
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
      const [victim, other] = stage.backends
      const neighbours = await Neighbours.of(stage, live, other!)
      await pause((seconds * 1000) / 4)
      let onVictim = 0
      live.onEnded = () => void live.openOne()
      neighbours.trouble()
      for (let i = 0; i < KILLS; i++) {
        const before = live.totals()
        onVictim += live.all.filter(
          (one) => one.ending === null && stage.backendOf(one.key) === victim,
        ).length
        await victim!.kill()
        await live.until(() => live.totals().opened > before.opened, "streams of the dead backend have ended")
        await pause((seconds * 1000) / 8)
        await victim!.start()
        await pause((seconds * 1000) / 8)
        // Those that were opened anew are all on the other one; these are spread over both again.
        await live.openMore(streams / 2)
        // So long a backend's report of them may take.
        await pause(100)
      }
      const lost = endedByFault(live)
      const steady = neighbours.checks()
      live.onEnded = () => {}
      await live.finish()
      return [
        check("streams on the backend when it was killed, in all", onVictim, onVictim > 0),
        check("streams ended with UNAVAILABLE", lost, lost === onVictim),
        ...liveChecks(stage, live, ALLOWED),
        ...steady,
      ]
    } finally {
      stage.end()
    }
  },
}
