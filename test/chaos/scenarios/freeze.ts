import { LiveStreams } from "../live-streams.ts"
import { Neighbours } from "../neighbours.ts"
import { check, endedByFault, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

/** The stage's keepalive: 2 s of silence, then 2 s for the answer, looked at once a second. */
const FOUND_DEAD_MS = 6000

const ALLOWED = [/^14 cluster chaos, endpoint 127\.0\.0\.1:\d+: no answer to PING within 2000 ms$/]

export const freeze: Scenario = {
  name: "freeze",
  says: "one of two backends is stopped with SIGSTOP: shortly, then for longer than its keepalive allows",
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
      neighbours.trouble()
      const frozen = live.all.filter(({ key }) => stage.backendOf(key) === victim)
      victim!.freeze()
      await pause(Math.min(1500, (seconds * 1000) / 4))
      victim!.thaw()
      await pause((seconds * 1000) / 4)
      const endedByShort = endedByFault(live)
      const caughtUp = frozen.every(({ sent, echoed }) => sent - echoed <= 1)
      victim!.freeze()
      const hasEnded = () => frozen.every(({ ending }) => ending !== null)
      await live.until(hasEnded, "streams of the frozen backend have ended", FOUND_DEAD_MS + 4000)
      victim!.thaw()
      await pause(500)
      await live.openMore(streams / 2)
      await pause(100)
      const served = live.all.some((one) => one.ending === null && stage.backendOf(one.key) === victim)
      const steady = neighbours.checks()
      const lost = endedByFault(live)
      await live.finish()
      return [
        check("streams on the frozen backend", frozen.length, frozen.length > 0),
        check("of them ended by a short stop", endedByShort, endedByShort === 0),
        check("they caught up after it", caughtUp ? "yes" : "no", caughtUp),
        check("ended by a long one, with UNAVAILABLE", lost, lost === frozen.length),
        check("new streams on it once it goes on", served ? "yes" : "no", served),
        ...liveChecks(stage, live, ALLOWED),
        ...steady,
      ]
    } finally {
      stage.end()
    }
  },
}
