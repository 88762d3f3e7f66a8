import { ConnectionLoad } from "../connection-load.ts"
import { LiveStreams } from "../live-streams.ts"
import { check, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

const CONNECTIONS_PER_SECOND = 200
const CONNECTIONS = 20

/** Two data threads each; old processes keep their streams to the end of the run. */
const CONFIG = { workers: 2, shutdown: { grace: "10m" } }

export const upgrade: Scenario = {
  name: "upgrade",
  says: "the program is replaced by SIGUSR2 ten times under 200 new connections a second, each with a call; streams go on in the process they began in",
  async run({ random, seconds, streams }) {
    const upgrades = Math.max(2, Math.min(10, Math.floor(seconds)))
    const stage = await Stage.start({ backends: 2, random, config: () => CONFIG })
    try {
      const { port } = stage
      const live = await LiveStreams.start({
        port,
        connections: CONNECTIONS,
        streams,
        intervalMs: 1000,
        random,
      })
      const load = new ConnectionLoad({ port, rate: CONNECTIONS_PER_SECOND })
      for (let i = 0; i < upgrades; i++) {
        await pause((seconds * 1000) / (upgrades + 1))
        await stage.upgrade()
        // Some more in the new process, so that each leaves live streams to the next.
        await live.connect(port, 2)
        await live.openMore(Math.ceil(streams / 20))
      }
      await pause((seconds * 1000) / (upgrades + 1))
      const unanswered = await load.finish()
      const { failed } = load
      const ended = live.totals().opened - live.totals().open
      await live.finish()
      return [
        check("upgrades", upgrades, true),
        check("new connections", load.opened, load.opened > 0),
        check(
          "refused, reset or without a good answer",
          failed.length === 0 ? 0 : failed.map(([how, many]) => `${many}: ${how}`).join("; "),
          failed.length === 0,
        ),
        check("without any answer", unanswered, unanswered === 0),
        check("live streams that an upgrade ended", ended, ended === 0),
        ...liveChecks(stage, live, []),
      ]
    } finally {
      stage.end()
    }
  },
}
