/**
 * What 10,000 endpoints from a source cost: `node bench/micro/endpoints.ts`. Milliseconds: on the control thread the
 * CPU time of the whole, best of the rounds; on a data thread the whole, the longest slice of a turn, the slices, and the first pick after it. There
 * each step counts with the shortest time that it took in any round, so that neither what else runs on the machine nor
 * garbage collection is in it.
 */

import { makeMemory } from "../../src/balancer/thread/shared-numbers.ts"
import { systemClock } from "../../src/base/clock.ts"
import { defaultLimits } from "../../src/base/limits.ts"
import { seededRandom } from "../../src/base/random.ts"
import { SLICE_MS, type Steps } from "../../src/base/steps.ts"
import { Cluster } from "../../src/cluster/cluster.ts"
import { ClusterStates } from "../../src/cluster/cluster-states.ts"
import { OwnStreamCounts } from "../../src/cluster/counts.ts"
import { Slots } from "../../src/cluster/slots.ts"
import type { EndpointState, KnownEndpoint } from "../../src/cluster/state.ts"
import { defaultCluster } from "../../src/config/defaults.ts"
import type { ClusterConfig, PolicyConfig } from "../../src/config/model.ts"
import { StateSender } from "../../src/control/state-sender.ts"
import type { LegConnection } from "../../src/relay/upstream/leg-connection.ts"

const ENDPOINTS = 10_000
const ROUNDS = 9

const POLICIES: readonly PolicyConfig[] = [
  { name: "round_robin" },
  { name: "least_streams" },
  { name: "random_two", by: "streams" },
  { name: "maglev", key: "k", balanceFactorPercent: null },
  { name: "ring_hash", key: "k", balanceFactorPercent: null },
  { name: "nginx_consistent_hash", key: "k" },
]

/** Addresses of round `round`: a tenth of them are others than those of the round before. */
function known(round: number): KnownEndpoint[] {
  return Array.from({ length: ENDPOINTS }, (_, at) => {
    const number = at + (round * ENDPOINTS) / 10
    return {
      address: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:3000`,
      ...{ origin: 0, weight: 1, zone: null, priority: 0, drain: false },
    }
  })
}

/** On the control side: from what a source says to the last message for one data thread. */
async function control(config: ClusterConfig): Promise<{ ms: number[]; states: EndpointState[][] }> {
  const ms: number[] = []
  const states: EndpointState[][] = []
  const all = new ClusterStates({
    slots: new Slots({ streamsOpen: () => 0, acknowledged: () => all.current.version, onNew() {} }),
    hasChecks: true,
    publish: (state) => sender.changed(state),
    onChange() {},
  })
  let isSending = false
  const memory = makeMemory(2)
  const sender = new StateSender(0, {
    // A thread's mailbox takes a copy.
    post: (message) => {
      isSending = true
      structuredClone({ ...message, memory: null })
    },
    endpointsOf: (name) => all.endpointsOf(name),
    memory: () => memory,
  })
  sender.resume()
  all.prepare([config]).commit()
  for (let round = 0; round < ROUNDS; round++) {
    const endpoints = known(round)
    const before = process.threadCpuUsage()
    all.setEndpoints("a", endpoints)
    await Promise.resolve()
    while (isSending) {
      isSending = false
      sender.applied()
    }
    const { user, system } = process.threadCpuUsage(before)
    ms.push((user + system) / 1000)
    states.push([...all.endpointsOf("a")])
  }
  return { ms, states }
}

/** Notes in `shortest` how long each step takes, where it was never shorter. */
function measure(work: Steps, shortest: number[]): void {
  for (let at = 0, isDone = false; !isDone; at++) {
    const from = performance.now()
    isDone = work.next().done === true
    shortest[at] = Math.min(shortest[at] ?? Number.POSITIVE_INFINITY, performance.now() - from)
  }
}

/** What `inSlices` makes of steps that take so long. */
function slicesOf(steps: readonly number[]): number[] {
  const slices = [0]
  for (const ms of steps) {
    if (slices.at(-1)! >= SLICE_MS) slices.push(0)
    slices[slices.length - 1]! += ms
  }
  return slices
}

/** On a data thread: 10,000 endpoints where there were none, and then a tenth of them others. */
function data(config: ClusterConfig, states: readonly EndpointState[][]): void {
  const steps: [number[], number[]] = [[], []]
  const picks: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const cluster = new Cluster<LegConnection>(config, [], {
      clock: systemClock,
      random: seededRandom(1),
      limits: defaultLimits,
      log: { info() {}, warn() {} },
      counts: new OwnStreamCounts(),
      connect: () => {
        throw new Error("no stream connects here")
      },
      onLimit() {},
    })
    for (const which of [0, 1] as const) {
      measure(apply(cluster, states[which]!), steps[which])
      const from = performance.now()
      cluster.pick(cluster.snapshot, null, { render: () => "key" })
      picks[which].push(performance.now() - from)
    }
  }
  for (const which of [0, 1] as const) {
    const slices = slicesOf(steps[which])
    const whole = slices.reduce((sum, ms) => sum + ms, 0)
    const cells = [whole, Math.max(...slices), slices.length, Math.min(...picks[which])]
    const name = `${config.policy.name}, ${which === 0 ? "all new" : "a tenth new"}`
    console.log(`${name.padEnd(36)}${cells.map(shown).join("")}`)
  }
}

function* apply(cluster: Cluster<LegConnection>, state: readonly EndpointState[]): Steps {
  const staged = yield* cluster.stage(state)
  cluster.commit(staged)
  yield* cluster.retire(staged)
}

const shown = (value: number): string =>
  (Number.isInteger(value) ? String(value) : value.toFixed(2)).padStart(9)

const config = defaultCluster("a")
const { ms, states } = await control(config)
console.log(
  `control thread: first ${ms[0]!.toFixed(2)}, then a tenth new ${Math.min(...ms.slice(1)).toFixed(2)}\n`,
)
console.log(`${"data thread".padEnd(36)}    whole  longest   slices     pick`)
for (const policy of POLICIES) data({ ...config, policy }, states)
