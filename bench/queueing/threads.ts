/**
 * How long messages wait where connections are dealt to data threads: a simulation, for machines with more cores than a
 * benchmark has. Each thread serves what comes to it in order, each message for the same time; messages come at random
 * (Poisson) on connections that carry alike much. It knows nothing of caches, memory or the kernel that threads share.
 */
import { seededRandom } from "../../src/base/random.ts"
import { Histogram } from "../measure/histogram.ts"

export interface QueueingCase {
  readonly threads: number
  readonly connections: number
  /** CPU per message, microseconds. */
  readonly serviceUs: number
  /** Part of what all threads together can do. */
  readonly load: number
  /** `in turn`: the next connection goes to the next thread. `at random`: as a hash of addresses deals them (SO_REUSEPORT). */
  readonly dealt: "in turn" | "at random"
  readonly messages: number
  readonly seed: number
}

export interface Waits {
  /** Messages per second, of all threads. */
  readonly rate: number
  /** From arrival to the beginning of service, microseconds. */
  readonly p50: number
  readonly p99: number
  /** Load of the busiest thread; from 1 its queue grows without end. */
  readonly busiest: number
}

export function simulateThreads(given: QueueingCase): Waits {
  const { threads, connections, serviceUs, load, dealt, messages } = given
  const random = seededRandom(given.seed)
  const threadOf = Array.from({ length: connections }, (_, connection) =>
    dealt === "in turn" ? connection % threads : Math.floor(random() * threads),
  )
  const freeAtUs = new Float64Array(threads)
  const gapUs = serviceUs / (threads * load)
  const waits = new Histogram()
  let nowUs = 0
  for (let message = 0; message < messages; message++) {
    nowUs -= gapUs * Math.log(1 - random())
    const thread = threadOf[Math.floor(random() * connections)]!
    const beginUs = Math.max(nowUs, freeAtUs[thread]!)
    waits.add(beginUs - nowUs)
    freeAtUs[thread] = beginUs + serviceUs
  }
  const ofThread = new Uint32Array(threads)
  for (const thread of threadOf) ofThread[thread]!++
  return {
    rate: 1e6 / gapUs,
    p50: waits.quantile(0.5),
    p99: waits.quantile(0.99),
    busiest: (load * threads * Math.max(...ofThread)) / connections,
  }
}
