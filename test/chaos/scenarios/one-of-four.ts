import { LiveStreams } from "../live-streams.ts"
import { check, endedByFault, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

const BACKENDS = 4
/** All streams of the dead backend have ended within it. */
const WITHIN_MS = 1000

const ALLOWED = [
  /^14 cluster chaos, endpoint 127\.0\.0\.1:\d+: (connection reset by peer|the peer closed the connection)$/,
]

export const oneOfFour: Scenario = {
  name: "one-of-four",
  says: "one of four backends is killed with SIGKILL: its streams end once, within a second, and no other notices",
  async run({ random, seconds, streams }) {
    const stage = await Stage.start({ backends: BACKENDS, random })
    try {
      const { port } = stage
      const live = await LiveStreams.start({ port, connections: 20, streams, intervalMs: 5000, random })
      const isKnown = () => live.all.every(({ key }) => stage.backendOf(key) !== undefined)
      await live.until(isKnown, "the backends have told of their streams", 30_000)
      const [victim] = stage.backends
      const onVictim = new Set(live.all.filter(({ key }) => stage.backendOf(key) === victim))
      let lastMs = 0
      let others = 0
      const killedMs = performance.now()
      live.onEnded = (stream) => {
        if (onVictim.has(stream)) lastMs = performance.now() - killedMs
        else others++
      }
      await victim!.kill()
      await live.until(
        () => [...onVictim].every(({ ending }) => ending !== null),
        "every stream of the dead backend has ended",
      )
      await pause(seconds * 250)
      const lost = endedByFault(live)
      const noticed = others
      live.onEnded = () => {}
      await live.finish()
      return [
        check("streams on the backend when it was killed", onVictim.size, onVictim.size > 0),
        check("streams ended with UNAVAILABLE", lost, lost === onVictim.size),
        check("from the kill to the last of these endings", `${Math.round(lastMs)} ms`, lastMs <= WITHIN_MS),
        check("streams of the other three that ended", noticed, noticed === 0),
        ...liveChecks(stage, live, ALLOWED),
      ]
    } finally {
      stage.end()
    }
  },
}
