import type { Weather } from "../faulty-relay.ts"
import { LiveStreams } from "../live-streams.ts"
import { Neighbours } from "../neighbours.ts"
import { type Check, check, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"

/** Reset or cut; or silence that its keepalive found; or no backend to reach, when the other backend was out as well. */
const ALLOWED = [
  /^14 cluster chaos, endpoint 127\.0\.0\.1:\d+: (connection reset by peer|the peer closed the connection)$/,
  /^14 cluster chaos, endpoint 127\.0\.0\.1:\d+: no answer to PING within 2000 ms$/,
]

/** In this order; `reset` is no weather but a moment. */
const TROUBLES: readonly { name: Weather | "reset"; ends: "none" | "all"; seconds?: number }[] = [
  { name: "delay", ends: "none" },
  { name: "trickle", ends: "none" },
  { name: "reset", ends: "all" },
  { name: "cut", ends: "all" },
  { name: "blackhole", ends: "all", seconds: 9 },
]

export const network: Scenario = {
  name: "network",
  says: "the network to one of two backends delays, delivers octet by octet, resets, cuts within a frame, or swallows everything",
  async run({ random, seconds, streams }) {
    const stage = await Stage.start({ backends: 2, relays: true, random })
    try {
      const live = await LiveStreams.start({
        port: stage.port,
        connections: 20,
        streams,
        intervalMs: 1000,
        random,
      })
      const [victim, other] = stage.backends
      const [relay] = stage.relays
      const neighbours = await Neighbours.of(stage, live, other!)
      await pause((seconds * 1000) / 8)
      neighbours.trouble()
      const checks: Check[] = []
      for (const { name, ends, seconds: patience = 5 } of TROUBLES) {
        const onVictim = live.all.filter((one) => one.ending === null && stage.backendOf(one.key) === victim)
        const ended = () => onVictim.filter(({ ending }) => ending !== null).length
        if (name === "reset") relay!.reset()
        else relay!.weather = name
        if (ends === "all") {
          const allEnded = () => ended() === onVictim.length
          await live.until(allEnded, `${name}: its streams have ended`, patience * 1000)
        } else await pause((seconds * 1000) / 8)
        relay!.weather = "clear"
        const expected = ends === "all" ? onVictim.length : 0
        checks.push(check(`${name}: streams ended, of ${onVictim.length}`, ended(), ended() === expected))
        await pause(500)
        if (ends === "all") await live.openMore(streams / 2)
        await pause(100)
        const isFine = () => live.all.every((one) => one.ending !== null || one.sent - one.echoed <= 1)
        await live.until(isFine, `${name}: every stream goes on afterwards`)
      }
      const steady = neighbours.checks()
      await live.finish()
      return [...checks, ...liveChecks(stage, live, ALLOWED), ...steady]
    } finally {
      stage.end()
    }
  },
}
