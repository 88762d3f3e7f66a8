import type { SluiceYaml } from "../../../src/config/yaml/schema.ts"
import { DnsServer } from "../../support/dns-server.ts"
import { LiveStreams } from "../live-streams.ts"
import { check, liveChecks, type Scenario } from "../scenario.ts"
import { chaosCluster, pause, Stage } from "../stage.ts"
import { Stalls } from "../stalls.ts"

/** As many as there are reloads in `many-reloads`, in `FULL_SECONDS` or more; a shorter run makes fewer. */
const CHANGES = 136
const FULL_SECONDS = 60
const HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
/** What the name has, in turn: one leaves, one joins, two are exchanged, all but two leave. */
const ANSWERS = [[0, 1, 2], [0, 1, 2, 3], [2, 3, 1], [0, 1], [0, 1, 2, 3], [3]].map((which) =>
  which.map((index) => HOSTS[index]!),
)
const NAME = "chat.test"

export const dnsChanges: Scenario = {
  name: "dns-changes",
  says: "136 changes of a DNS answer, one after the other, under streams that never pause: addresses join and leave",
  async run({ random, seconds, streams }) {
    const closers: (() => unknown)[] = []
    const dns = await DnsServer.start({
      onTestFinished: (close) => void closers.push(close as () => unknown),
    })
    dns.names.set(NAME, { a: HOSTS, ttl: 1 })
    const config = ([first]: string[]): Partial<SluiceYaml> => {
      const { keepalive } = chaosCluster([])
      const address = `${NAME}:${first!.split(":")[1]}`
      return {
        clusters: {
          chaos: {
            endpoints: [{ address, failTimeout: "300ms" }],
            resolver: { servers: [dns.address], valid: "50ms", ipv6: false },
            keepalive,
          },
        },
      }
    }
    const stage = await Stage.start({ backends: HOSTS, random, hasAdmin: true, config })
    try {
      const { port } = stage
      const changes = Math.ceil(CHANGES * Math.min(1, seconds / FULL_SECONDS))
      const live = await LiveStreams.start({ port, connections: 20, streams, intervalMs: 1000, random })
      const stalls = await Stalls.begin(stage, live, seconds * 250)
      const startMs = performance.now()
      for (let round = 0; round < changes; round++) {
        const hosts = ANSWERS[round % ANSWERS.length]!
        dns.names.set(NAME, { a: hosts, ttl: 1 })
        await stage.untilEndpointsAre(hosts)
        const dueMs = startMs + ((round + 1) * seconds * 1000) / changes
        await pause(Math.max(0, dueMs - performance.now()))
      }
      const tookMs = performance.now() - startMs
      const ended = live.totals().opened - live.totals().open
      const stalled = await stalls.end()
      await live.openMore(20)
      await live.finish()
      return [
        check("changes that were followed", changes, true),
        check("in", `${(tookMs / 1000).toFixed(1)} s`, true),
        check("live streams that a change ended", ended, ended === 0),
        ...stalled,
        ...liveChecks(stage, live, []),
      ]
    } finally {
      stage.end()
      for (const close of closers) await close()
    }
  },
}
