import { type AdminEvent, type Api, ApiError, type Cluster, type Events, type Status } from "./api.ts"
import { History, type Reading } from "./history.ts"
import { largest, type Metrics, parseMetrics, quantile, total } from "./metrics.ts"

/** How often all is read while the page is looked at, and while it is not. */
const EVERY_MS = 1000
const HIDDEN_EVERY_MS = 5000
/** Events kept: those of the lane, and some before. */
const EVENTS_MAX = 500
/** Without an answer for so long, what is shown is said to be old. */
export const STALE_MS = 3500

export interface Clock {
  nowMs(): number
  after(ms: number, call: () => void): () => void
}

/** What the API said last. */
export interface Picture {
  readonly status: Status
  readonly clusters: readonly Cluster[]
  readonly metrics: Metrics
}

/** All that the page knows but for the list of streams. Each pass replaces the picture; history and events are bounded. */
export class Store {
  readonly history = new History()
  picture: Picture | null = null
  events: readonly AdminEvent[] = []
  /** When it last heard from Sluice; 0: never. By this machine's clock. */
  heardMs = 0
  /** Why the last pass failed; null: it did not. */
  problem: ApiError | null = null
  readonly #api: Pick<Api, "json" | "text">
  readonly #clock: Clock
  readonly #isHidden: () => boolean
  readonly #listeners = new Set<() => void>()
  /** Messages a second as another has counted them, where the metrics have none. */
  messageRates: () => { toEndpoint: number; toClient: number } | null = () => null
  #last: { metrics: Metrics; status: Status } | null = null
  #lastEvent = 0
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(api: Pick<Api, "json" | "text">, clock: Clock, isHidden: () => boolean) {
    this.#api = api
    this.#clock = clock
    this.#isHidden = isHidden
  }

  start(): void {
    void this.refresh()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads all of it now, and again in a while. */
  async refresh(): Promise<void> {
    this.#cancel?.()
    try {
      await this.#read()
      this.problem = null
      this.heardMs = this.#clock.nowMs()
    } catch (error) {
      this.problem = error instanceof ApiError ? error : new ApiError(0, String(error))
    }
    if (this.#isStopped) return
    this.#cancel?.()
    const waitMs = this.#isHidden() ? HIDDEN_EVERY_MS : EVERY_MS
    this.#cancel = this.#clock.after(waitMs, () => void this.refresh())
    for (const listener of this.#listeners) listener()
  }

  async #read(): Promise<void> {
    const [status, { clusters }, text, news] = await Promise.all([
      this.#api.json<Status>("./status"),
      this.#api.json<{ clusters: Cluster[] }>("./clusters"),
      this.#api.text("./metrics"),
      this.#api.json<Events>(`./events?after=${this.#lastEvent}`),
    ])
    const metrics = parseMetrics(text)
    const isOther = this.picture !== null && this.picture.status.startedAt !== status.startedAt
    // Another process counts from nothing.
    if (isOther) {
      this.#last = null
      this.#lastEvent = 0
    }
    this.picture = { status, clusters, metrics }
    this.history.add(status.atMs, this.#reading(metrics, status))
    this.#last = { metrics, status }
    if (news.events.length === 0) return
    this.#lastEvent = news.events.at(-1)!.id
    this.events = [...this.events, ...news.events].slice(-EVENTS_MAX)
  }

  #reading(metrics: Metrics, status: Status): Reading {
    const last = this.#last
    const seconds = last === null ? 0 : (status.atMs - last.status.atMs) / 1000
    const rate = (
      name: string,
      where?: (labels: Readonly<Record<string, string>>) => boolean,
    ): number | null => {
      if (last === null || seconds <= 0) return null
      const [now, before] = [total(metrics, name, where), total(last.metrics, name, where)]
      // Of what has not happened yet there is no series.
      return now === null ? null : Math.max(0, (now - (before ?? 0)) / seconds)
    }
    const isOk = ({ code = "OK" }: Readonly<Record<string, string>>): boolean => code === "OK"
    const rates = this.messageRates()
    const inMs = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1000)
    const inside = (share: number): number | null =>
      last === null ? null : inMs(quantile(metrics, last.metrics, "sluice_message_seconds", share))
    return {
      live: status.streams.open,
      opened:
        last === null || seconds <= 0 ? null : Math.max(0, (begun(status) - begun(last.status)) / seconds),
      endedOk: rate("sluice_streams_ended_total", isOk),
      endedOther: rate("sluice_streams_ended_total", (labels) => !isOk(labels)),
      toEndpoint: rate("sluice_messages_total", isOf("request")) ?? rates?.toEndpoint ?? null,
      toClient: rate("sluice_messages_total", isOf("response")) ?? rates?.toClient ?? null,
      turnMs: inMs(largest(metrics, "sluice_thread_turn_max_seconds")),
      insideP50Ms: inside(0.5),
      insideP99Ms: inside(0.99),
      heldBytes: total(metrics, "sluice_held_bytes"),
    }
  }
}

function isOf(direction: "request" | "response"): (labels: Readonly<Record<string, string>>) => boolean {
  return (labels) => labels.direction === direction
}

/** Streams that have begun in this process, those that live among them. */
function begun({ streams }: Status): number {
  return streams.open + streams.ended
}
