/** What is played: each scenario gives figures that docs/policies.md shows. */
import { type Random, seededRandom } from "../../src/base/random.ts"
import type { ClusterConfig, PolicyConfig } from "../../src/config/model.ts"
import { Play } from "./play.ts"

export interface NamedPolicy {
  readonly label: string
  readonly policy: PolicyConfig
}

const KEY = "$http_x_user"

export const POLICIES: readonly NamedPolicy[] = [
  { label: "round_robin", policy: { name: "round_robin" } },
  { label: "least_streams", policy: { name: "least_streams" } },
  { label: "random", policy: { name: "random" } },
  { label: "random_two", policy: { name: "random_two", by: "streams" } },
  { label: "peak_ewma", policy: { name: "peak_ewma", by: "header_time", inflight: false } },
  { label: "ring_hash", policy: { name: "ring_hash", key: KEY, balanceFactorPercent: null } },
  { label: "ring_hash, 125 %", policy: { name: "ring_hash", key: KEY, balanceFactorPercent: 125 } },
  { label: "maglev", policy: { name: "maglev", key: KEY, balanceFactorPercent: null } },
  { label: "maglev, 125 %", policy: { name: "maglev", key: KEY, balanceFactorPercent: 125 } },
  { label: "nginx_hash", policy: { name: "nginx_hash", key: KEY } },
  { label: "nginx_consistent_hash", policy: { name: "nginx_consistent_hash", key: KEY } },
  { label: "ip_hash", policy: { name: "ip_hash" } },
]

export const HASHES = POLICIES.filter(
  ({ policy }) =>
    "key" in policy && !("balanceFactorPercent" in policy && policy.balanceFactorPercent !== null),
)

/** Time between two events that come by chance, and the length of a stream. */
const exponential = (random: Random, mean: number): number => -Math.log(1 - random()) * mean
/** One in a hundred lasts two hundred times as long as most: the few that stay all day. */
const skewed = (random: Random, mean: number): number =>
  exponential(random, random() < 0.01 ? mean * (200 / 2.99) : mean / 2.99)

export const LENGTHS = { exponential, skewed }

/** A client's key: for `ip_hash` an address, else a name. */
function keyOf(policy: PolicyConfig, random: Random): string {
  const number = Math.floor(random() * 2 ** 32)
  if (policy.name !== "ip_hash") return `user-${number}`
  return String.fromCharCode(number >>> 24, (number >> 16) & 255, (number >> 8) & 255, number & 255)
}

export interface Load {
  readonly endpoints: number
  /** Live streams in all, once as many begin as end. */
  readonly streams: number
  readonly threads: number
  readonly lengths: keyof typeof LENGTHS
  readonly seed: number
}

export interface Imbalance {
  /** Streams of the fullest endpoint, as a multiple of the mean: the mean of all samples, and the worst. */
  readonly mean: number
  readonly worst: number
}

const MEAN_MS = 100_000
const SAMPLES = 40

/** Fills a cluster, lets it live for a mean length, and says how uneven it was. */
export function imbalance(policy: PolicyConfig, load: Load): Imbalance {
  const { endpoints, streams, threads, lengths, seed } = load
  const random = seededRandom(seed)
  const play = new Play({ endpoints, threads, random, cluster: { policy } })
  const length = LENGTHS[lengths]
  const gap = MEAN_MS / streams
  // All at once, then one mean length for those to go that were too young to be told from others.
  for (let i = 0; i < streams; i++) play.begin(length(random, MEAN_MS), keyOf(policy, random))
  const ratios: number[] = []
  let nextMs = 0
  let sampleMs = MEAN_MS
  while (ratios.length < SAMPLES) {
    nextMs += exponential(random, gap)
    while (sampleMs <= nextMs && ratios.length < SAMPLES) {
      play.advanceTo(sampleMs)
      ratios.push(Math.max(...play.open) / (play.streams / endpoints))
      sampleMs += MEAN_MS / SAMPLES / 2
    }
    play.advanceTo(nextMs)
    play.begin(length(random, MEAN_MS), keyOf(policy, random))
  }
  return { mean: ratios.reduce((sum, each) => sum + each) / SAMPLES, worst: Math.max(...ratios) }
}

export interface Joining {
  readonly seconds: readonly JoiningSecond[]
}

export interface JoiningSecond {
  /** Streams open at the one that joined, and at the others in the mean. */
  readonly own: number
  readonly mean: number
  /** Of the new streams. */
  readonly percent: number
}

/** Ten endpoints at work, and one that joins them. */
export function joining(cluster: Partial<ClusterConfig>, seconds: number, seed: number): Joining {
  const random = seededRandom(seed)
  const many = 11
  const streams = 10_000
  const play = new Play({ endpoints: many, threads: 2, random, cluster })
  const joiner = many - 1
  play.apply((state) => (state.slot === joiner ? null : {}))
  const begin = () => play.begin(exponential(random, MEAN_MS))
  for (let i = 0; i < streams; i++) begin()
  const gap = MEAN_MS / streams
  const rows: JoiningSecond[] = []
  play.apply(() => ({}))
  let nextMs = 0
  for (let second = 0; second < seconds; second++) {
    let got = 0
    let begun = 0
    for (; nextMs < (second + 1) * 1000; nextMs += exponential(random, gap)) {
      play.advanceTo(nextMs)
      begun++
      if (begin() === joiner) got++
    }
    const own = play.open[joiner]!
    rows.push({ own, mean: (play.streams - own) / (many - 1), percent: (100 * got) / begun })
  }
  return { seconds: rows }
}

/** The share of keys that lead elsewhere once an endpoint has joined `endpoints` of them, or left them, in percent. */
export function moved(
  policy: PolicyConfig,
  endpoints: number,
  change: "joins" | "leaves",
  keys: number,
): number {
  const random = seededRandom(11)
  const all = endpoints + 1
  const play = new Play({ endpoints: all, threads: 1, random, cluster: { policy } })
  const one = endpoints >> 1
  const without = (): void => play.apply((state) => (state.slot === one ? null : {}))
  const names = Array.from({ length: keys }, () => keyOf(policy, random))
  if (change === "joins") without()
  const before = names.map((name) => play.slotOf(name))
  if (change === "joins") play.apply(() => ({}))
  else without()
  const differ = names.filter((name, at) => play.slotOf(name) !== before[at])
  return (100 * differ.length) / keys
}

/** Of ten, one is found unhealthy, and its streams begin anew elsewhere: how uneven the nine are then. */
export function failure(
  policy: PolicyConfig,
  seed: number,
): { readonly ratio: number; readonly atFailed: number } {
  const random = seededRandom(seed)
  const play = new Play({ endpoints: 10, threads: 2, random, cluster: { policy } })
  for (let i = 0; i < 10_000; i++) play.begin(MEAN_MS, keyOf(policy, random))
  const lost = play.open[3]!
  play.apply(({ slot }) => (slot === 3 ? { health: "unhealthy" } : {}))
  for (let i = 0; i < lost; i++) play.begin(MEAN_MS, keyOf(policy, random))
  const others = play.open.filter((_, slot) => slot !== 3)
  const mean = others.reduce((sum, each) => sum + each) / others.length
  return { ratio: Math.max(...others) / mean, atFailed: play.open[3]! - lost }
}

/** What a pick takes of a processor, and giving the stream back, in nanoseconds: the median of several runs. */
export function pickCost(policy: PolicyConfig, endpoints: number, picks: number): number {
  const random = seededRandom(3)
  const play = new Play({ endpoints, threads: 1, random: Math.random, cluster: { policy } })
  for (let i = 0; i < endpoints * 20; i++) play.begin(MEAN_MS, keyOf(policy, random))
  const keys = Array.from({ length: 4096 }, () => keyOf(policy, random))
  const once = (): number => {
    // Not by the clock: others may be at work on the machine.
    const before = process.cpuUsage()
    for (let i = 0; i < picks; i++) play.pick(keys[i & 4095]!).closeStream()
    const { user, system } = process.cpuUsage(before)
    return ((user + system) * 1000) / picks
  }
  once()
  const runs = Array.from({ length: 7 }, once).sort((one, other) => one - other)
  return runs[3]!
}
