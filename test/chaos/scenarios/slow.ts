import { LiveStreams } from "../live-streams.ts"
import { Neighbours } from "../neighbours.ts"
import { check, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

/** Many times what the sockets between take, so that they are full and Sluice has to hold the senders back. */
const FLOODED_STREAMS = 400
const FLOOD_OCTETS = 60_000
const GROWTH_MAX = 64 * 2 ** 20

export const slow: Scenario = {
  name: "slow",
  says: "one of two backends stops reading (SIGSTOP) while large messages are sent to both: its sockets fill up, then it goes on",
  async run({ random, seconds, streams }) {
    // No PING finds it out: slow is not dead.
    const config = (addresses: string[]) => ({ clusters: { chaos: { endpoints: addresses } } })
    const stage = await Stage.start({ backends: 2, random, config })
    try {
      const { port } = stage
      const live = await LiveStreams.start({ port, connections: 20, streams, intervalMs: 1000, random })
      const flood = await LiveStreams.start({
        port,
        connections: 4,
        streams: FLOODED_STREAMS,
        intervalMs: 200,
        octetsMax: FLOOD_OCTETS,
        random,
      })
      const [victim, other] = stage.backends
      const neighbours = await Neighbours.of(stage, live, other!)
      await pause((seconds * 1000) / 4)
      neighbours.trouble()
      const before = stage.residentOctets
      victim!.freeze()
      await pause((seconds * 1000) / 2)
      const held = flood.all.filter(({ sent, echoed }) => sent - echoed > 1).length
      const grown = stage.residentOctets - before
      victim!.thaw()
      await pause((seconds * 1000) / 4)
      const steady = neighbours.checks()
      await flood.finish()
      await live.finish()
      const lost = flood.failures.count
      return [
        check("streams of large messages that were held up", held, held > 0),
        check("of these lost, doubled or out of order", lost > 0 ? flood.failures.first : 0, lost === 0),
        check("memory grown meanwhile", `${(grown / 2 ** 20).toFixed(1)} MiB`, grown <= GROWTH_MAX),
        ...liveChecks(stage, live, []),
        ...steady,
      ]
    } finally {
      stage.end()
    }
  },
}
