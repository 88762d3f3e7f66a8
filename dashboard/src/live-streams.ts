import type { Api, Stream } from "./api.ts"
import type { Clock } from "./store.ts"
import type { Overview } from "./stream-list.ts"
import type { FromWorker, ToWorker } from "./stream-worker.ts"

/** Rows of a list. Beyond it a filter has to choose. */
export const ROWS_MAX = 10_000
const EVERY_MS = 1000
/** The time that a list took to come, so many times over, is waited at least. */
const RESTS = 4

export interface StreamsWorker {
  postMessage(message: ToWorker): void
  addEventListener(type: "message", listener: (event: MessageEvent<FromWorker>) => void): void
}

export interface StreamQuery {
  readonly filter: string
  /** As the API takes it: `-age`. */
  readonly sort: string
}

/** The list of live streams that the filter chooses: its rows are in the worker, those in view are here. */
export class LiveStreams {
  overview: Overview | null = null
  /** What is wrong with the filter, or with the API; null: nothing. */
  problem: string | null = null
  query: StreamQuery
  /** The stream whose row stays where it is when others above it come and go. */
  anchor: string | null = null
  readonly #api: Pick<Api, "token">
  readonly #clock: Clock
  readonly #isHidden: () => boolean
  readonly #worker: StreamsWorker
  readonly #listeners = new Set<(anchorIndex: number) => void>()
  #number = 0
  #askedMs = 0
  #cancel: (() => void) | null = null
  #from = 0
  #rows: readonly Stream[] = []
  #wanted = { from: 0, to: 60 }

  constructor(
    {
      api,
      clock,
      isHidden,
      worker,
    }: {
      api: Pick<Api, "token">
      clock: Clock
      isHidden: () => boolean
      worker: StreamsWorker
    },
    query: StreamQuery,
  ) {
    this.#api = api
    this.#clock = clock
    this.#isHidden = isHidden
    this.#worker = worker
    this.query = query
    worker.addEventListener("message", ({ data }) => this.#told(data))
  }

  start(): void {
    this.#load()
  }

  /** A list of other streams: what is shown stays until it comes. */
  ask(query: StreamQuery): void {
    this.query = query
    this.anchor = null
    this.#load()
  }

  row(index: number): Stream | null {
    return this.#rows[index - this.#from] ?? null
  }

  /** Rows that will be drawn. */
  want(from: number, to: number): void {
    this.#wanted = { from, to }
    const have = from >= this.#from && to <= this.#from + this.#rows.length
    if (!have) this.#worker.postMessage({ kind: "window", from, to })
  }

  subscribe(listener: (anchorIndex: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #load(): void {
    this.#cancel?.()
    if (this.#isHidden() && this.overview !== null) return this.#again(EVERY_MS)
    const { filter, sort } = this.query
    const params = new URLSearchParams({ filter, sort, limit: String(ROWS_MAX) })
    // A worker's addresses are relative to its own.
    const url = new URL(`./streams?${params}`, document.baseURI).href
    this.#askedMs = this.#clock.nowMs()
    this.#worker.postMessage({
      kind: "load",
      number: ++this.#number,
      url,
      token: this.#api.token,
      anchor: this.anchor,
    })
  }

  #again(waitMs: number): void {
    this.#cancel = this.#clock.after(waitMs, () => this.#load())
  }

  #told(message: FromWorker): void {
    if (message.kind === "window") {
      this.#from = message.from
      this.#rows = message.rows
      return this.#tell(-1)
    }
    // The answer to a question of before is no answer to this one.
    if (message.number !== this.#number) return
    this.#again(Math.max(EVERY_MS, RESTS * (this.#clock.nowMs() - this.#askedMs)))
    if (message.kind === "failed") {
      this.problem = message.message
      return this.#tell(-1)
    }
    this.problem = null
    this.overview = message.overview
    this.#worker.postMessage({ kind: "window", ...this.#wanted })
    this.#tell(message.anchorIndex)
  }

  #tell(anchorIndex: number): void {
    for (const listener of this.#listeners) listener(anchorIndex)
  }
}
