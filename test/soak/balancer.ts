/**
 * A balancer that can be asked how it is. Argument: its configuration; SIGHUP reloads it; any IPC message is answered
 * with a `Vitals`, after a full collection of garbage (`node --expose-gc`).
 */

import { Balancer } from "../../src/balancer/balancer.ts"
import { type Clock, systemClock } from "../../src/base/clock.ts"
import { loadConfig } from "../../src/config/load.ts"
import { openLog } from "../../src/log/logger.ts"
import type { Vitals } from "./vitals.ts"

const path = process.argv[2]!
const config = readConfig()
const log = openLog(config.log)
let timers = 0
/** The system's, counting the timers that are set: Node does not tell of those that keep no process alive. */
const clock: Clock = {
  ...systemClock,
  after(delayMs, callback) {
    let isSet = true
    const unset = () => {
      if (isSet) timers--
      isSet = false
    }
    timers++
    const timer = systemClock.after(delayMs, () => {
      unset()
      callback()
    })
    return {
      cancel: () => {
        unset()
        timer.cancel()
      },
    }
  },
}
const balancer = new Balancer(config, { log, clock })

function readConfig() {
  const { config, problems } = loadConfig(path)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("\n"))
  return config
}

function vitals(): Vitals {
  // Twice: what finalizers let go in the first is collected in the second.
  globalThis.gc!()
  globalThis.gc!()
  const { heapUsed, external, rss } = process.memoryUsage()
  const { connections, streams, streamsEnded, deadlines, bufferedOctets, counters, clusters } =
    balancer.snapshot()
  const resources = process.getActiveResourcesInfo()
  const count = (kind: string): number => resources.filter((one) => one === kind).length
  return {
    heapUsed,
    external,
    rss,
    sockets: count("TCPSocketWrap"),
    timers,
    connections,
    streams: streams.length,
    streamsEnded,
    deadlines,
    bufferedOctets,
    upstreamConnections: clusters
      .flatMap(({ endpoints }) => endpoints)
      .reduce((sum, one) => sum + one.connections, 0),
    uncaught: counters.uncaught ?? 0,
    overload: counters.overload_delay_exceeded ?? 0,
  }
}

process.on("SIGHUP", () => void balancer.reload(readConfig()))
process.on("disconnect", () => process.exit())
process.on("message", () => process.send!(vitals()))
await balancer.start()
process.stdout.write("listening\n")
