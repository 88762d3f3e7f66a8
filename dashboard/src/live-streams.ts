import type { Api, Stream, Streams } from "./api.ts"
import type { Clock } from "./store.ts"
import { type Overview, StreamList } from "./stream-list.ts"
import type { Anchor, FromWorker, ToWorker, Window } from "./stream-worker.ts"

/** Rows of a list. Beyond it a filter has to choose. */
export const ROWS_MAX = 10_000
/** Rows of the first list: as many as can be seen at once. */
const FIRST_ROWS = 100
const EVERY_MS = 1000
/** While the page is scrolled, for so long at most, the list stays as it is. */
const SCROLLED_MS_MAX = 3000
const SCROLLED_EVERY_MS = 200
/** Rows kept on each side of those that are drawn; with fewer than a third of them left the next ones are asked for. */
const AHEAD = 120
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

interface LiveStreamsOptions {
  readonly api: Pick<Api, "token" | "json">
  readonly clock: Clock
  readonly isHidden: () => boolean
  /** When an answer to anything else came last. */
  readonly heardMs: () => number
  /** While it is scrolled the list is asked for less often. */
  readonly isScrolling: () => boolean
  readonly worker: StreamsWorker
}

/** The list of live streams that the filter chooses: its rows are in the worker, those in view are here. */
export class LiveStreams {
  overview: Overview | null = null
  /** What is wrong with the filter, or with the API; null: nothing. */
  problem: string | null = null
  /** The list did not come in time, though other answers do. */
  isSlow = false
  query: StreamQuery
  /** The row that stays where it is when others above it come and go; null: the first one is read. */
  anchor: Anchor | null = null
  readonly #api: Pick<Api, "token" | "json">
  readonly #clock: Clock
  readonly #isHidden: () => boolean
  readonly #heardMs: () => number
  readonly #isScrolling: () => boolean
  readonly #worker: StreamsWorker
  readonly #listeners = new Set<(byRows: number) => void>()
  #number = 0
  /** The number of the list that is shown; 0: none, the first rows are not the worker's. */
  #shown = 0
  #askedMs = 0
  #loadedMs = 0
  #cancel: (() => void) | null = null
  #window: Window = { from: 0, rows: [] }
  /** Rows that the worker was asked for and has not sent yet. */
  #coming: { from: number; to: number } | null = null

  constructor(
    { api, clock, isHidden, heardMs, isScrolling, worker }: LiveStreamsOptions,
    query: StreamQuery,
  ) {
    this.#api = api
    this.#clock = clock
    this.#isHidden = isHidden
    this.#heardMs = heardMs
    this.#isScrolling = isScrolling
    this.#worker = worker
    this.query = query
    worker.addEventListener("message", ({ data }) => this.#told(data))
  }

  /** The first rows at once, then the whole list. */
  start(): void {
    const number = ++this.#number
    void this.#api.json<Streams>(this.#path(FIRST_ROWS)).then(
      (answer) => {
        if (number !== this.#number) return
        const overview = new StreamList().take(answer)
        this.overview = { ...overview, count: Math.min(answer.matched, ROWS_MAX) }
        this.#window = { from: 0, rows: answer.streams }
        this.#load()
        this.#tell(0)
      },
      () => number === this.#number && this.#load(),
    )
  }

  /** A list of other streams: what is shown stays until it comes. */
  ask(query: StreamQuery): void {
    this.query = query
    this.anchor = null
    this.#load()
  }

  row(index: number): Stream | null {
    return this.#window.rows[index - this.#window.from] ?? null
  }

  /** Rows that are drawn, before `to`. */
  want(from: number, to: number): void {
    // The worker has none yet.
    if (this.#shown === 0) return
    const count = this.overview?.count ?? 0
    const covers = (have: { from: number; to: number }, ahead: number): boolean =>
      have.from <= Math.max(0, from - ahead) && have.to >= Math.min(count, to + ahead)
    const { from: first, rows } = this.#window
    if (covers({ from: first, to: first + rows.length }, AHEAD / 3)) return
    if (this.#coming !== null && covers(this.#coming, 0)) return
    this.#coming = { from: Math.max(0, from - AHEAD), to: to + AHEAD }
    this.#worker.postMessage({ kind: "window", ...this.#coming })
  }

  subscribe(listener: (byRows: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #path(limit: number): string {
    const { filter, sort } = this.query
    return `./streams?${new URLSearchParams({ filter, sort, limit: String(limit) })}`
  }

  #load(): void {
    this.#cancel?.()
    this.#askedMs = this.#clock.nowMs()
    this.#worker.postMessage({
      kind: "load",
      number: ++this.#number,
      // A worker's addresses are relative to its own.
      url: new URL(this.#path(ROWS_MAX), document.baseURI).href,
      token: this.#api.token,
      anchor: this.anchor,
    })
  }

  /** The same list anew, in a while: later where nobody looks, and not under the eyes of who scrolls. */
  #again(waitMs: number): void {
    this.#cancel = this.#clock.after(waitMs, () => {
      if (this.#isHidden() && this.overview !== null) return this.#again(EVERY_MS)
      const isFresh = this.#clock.nowMs() - this.#loadedMs < SCROLLED_MS_MAX
      if (isFresh && this.#isScrolling()) return this.#again(SCROLLED_EVERY_MS)
      this.#load()
    })
  }

  #told(message: FromWorker): void {
    if (message.kind === "window") {
      this.#coming = null
      // Rows of another list than the one that is shown are not those that were asked for.
      if (message.number !== this.#shown || message.window.rows.length === 0) return
      this.#window = message.window
      return this.#tell(0)
    }
    // The answer to a question of before is no answer to this one.
    if (message.number !== this.#number) return
    this.#loadedMs = this.#clock.nowMs()
    const tookMs = this.#loadedMs - this.#askedMs
    const restMs = Math.max(EVERY_MS, RESTS * tookMs)
    if (message.kind === "failed") {
      // Without contact the page says so as a whole.
      this.problem = message.status === 0 ? null : message.message
      // What came within the first half of the wait tells nothing: contact may have been lost since.
      this.isSlow = message.isTimeout && this.#heardMs() > this.#askedMs + tookMs / 2
      this.#again(this.isSlow ? restMs : EVERY_MS)
      return this.#tell(0)
    }
    this.#again(restMs)
    this.problem = null
    this.isSlow = false
    this.#shown = message.number
    this.overview = message.overview
    this.#coming = null
    this.#window = message.window
    // Who went to the top meanwhile reads the top.
    this.#tell(this.anchor === null ? 0 : message.byRows)
  }

  #tell(byRows: number): void {
    for (const listener of this.#listeners) listener(byRows)
  }
}
