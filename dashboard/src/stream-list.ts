import type { Stream, Streams } from "./api.ts"

/** Upper bounds of the bars of a histogram, in seconds; one more bar is for what is above all. */
export const BARS: readonly number[] = [
  1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10_800, 43_200, 86_400, 604_800,
]

/** Threads of a list. Of more streams, one of so many has one: beyond it a line adds no more to see, and each costs time. */
const THREADS_MAX = 1500

/** A list as it is drawn beside the table: columns, of which each index is one stream. */
export interface Threads {
  readonly endpointNames: readonly string[]
  /** Streams of each endpoint, those among them that have no thread. */
  readonly endpointStreams: readonly number[]
  /** Of a stream, the same in every list. */
  readonly keys: Float64Array
  /** Where its client is drawn, from 0 to 65535: the same for the same client. */
  readonly clients: Uint16Array
  /** Index of `endpointNames`. */
  readonly endpoints: Uint16Array
  /** Messages since the last list, at most 255. */
  readonly messages: Uint8Array
}

/** What is told of a list without its rows. */
export interface Overview {
  readonly atMs: number
  /** Live streams; those that the filter lets pass; those of them that are here. */
  readonly total: number
  readonly matched: number
  readonly count: number
  readonly isComplete: boolean
  /** Streams by age and by idle time, a number for each bar. */
  readonly ages: readonly number[]
  readonly idles: readonly number[]
  readonly threads: Threads
  /** Messages a second of the streams listed, since the list before; null: there was none. */
  readonly rates: { readonly toEndpoint: number; readonly toClient: number } | null
}

/** The rows of the last answer, and what is made of them. Lives beside the page, so that no answer holds up its frames. */
export class StreamList {
  #rows: readonly Stream[] = []
  #messages = new Map<number, { up: number; down: number }>()
  #atMs = 0

  take(answer: Streams): Overview {
    const rows = answer.streams
    const one = Math.ceil(rows.length / THREADS_MAX)
    const [keys, clients, endpoints, messages]: [number[], number[], number[], number[]] = [[], [], [], []]
    const names = new Map<string, number>()
    const endpointStreams: number[] = []
    const counts = new Map<number, { up: number; down: number }>()
    const sum = { up: 0, down: 0 }
    const [ages, idles] = [emptyBars(), emptyBars()]
    for (const row of rows) {
      const key = keyOf(row.id)
      const seen = { up: row.requestMessages, down: row.responseMessages }
      const last = this.#messages.get(key) ?? seen
      const [up, down] = [Math.max(0, seen.up - last.up), Math.max(0, seen.down - last.down)]
      sum.up += up
      sum.down += down
      let endpoint = names.get(row.endpoint)
      if (endpoint === undefined) names.set(row.endpoint, (endpoint = names.size))
      endpointStreams[endpoint] = (endpointStreams[endpoint] ?? 0) + 1
      counts.set(key, seen)
      ages[barOf(row.ageMs)]!++
      idles[barOf(row.idleMs)]!++
      // By its key: in the next list the same ones have a thread.
      if (spread(key) % one !== 0) continue
      keys.push(key)
      clients.push(placeOf(row.client))
      endpoints.push(endpoint)
      messages.push(Math.min(255, up + down))
    }
    this.#rows = rows
    this.#messages = counts
    const { atMs, total, matched, isComplete } = answer
    const seconds = this.#atMs === 0 ? 0 : (atMs - this.#atMs) / 1000
    this.#atMs = atMs
    const rates = seconds > 0 ? { toEndpoint: sum.up / seconds, toClient: sum.down / seconds } : null
    const threads = {
      endpointNames: [...names.keys()],
      endpointStreams,
      keys: Float64Array.from(keys),
      clients: Uint16Array.from(clients),
      endpoints: Uint16Array.from(endpoints),
      messages: Uint8Array.from(messages),
    }
    return { atMs, total, matched, isComplete, count: rows.length, ages, idles, threads, rates }
  }

  window(from: number, to: number): readonly Stream[] {
    return this.#rows.slice(from, to)
  }

  /** Where a stream is; -1: it is not. */
  indexOf(id: string): number {
    return this.#rows.findIndex((row) => row.id === id)
  }
}

function emptyBars(): number[] {
  return Array.from({ length: BARS.length + 1 }, () => 0)
}

export function barOf(ms: number): number {
  const bar = BARS.findIndex((bound) => ms < bound * 1000)
  return bar < 0 ? BARS.length : bar
}

/** `17-3` as one number. */
function keyOf(id: string): number {
  const [connection, request] = id.split("-")
  return Number(connection) * 2 ** 24 + Number(request)
}

/** Keys that follow each other, far from each other. */
function spread(key: number): number {
  return (Math.imul(key ^ (key / 2 ** 24), 0x9e3779b1) >>> 8) & 0xffff
}

/** FNV-1a, folded. */
function placeOf(client: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < client.length; at++) hash = Math.imul(hash ^ client.charCodeAt(at), 0x01000193)
  return (hash ^ (hash >>> 16)) & 0xffff
}
