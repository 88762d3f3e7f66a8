import type { LogEvent } from "../../log/log-event.ts"
import type { AdminEvent, Events } from "./schema.ts"

/** Events kept for those who come late. One is some 300 octets. */
const KEPT = 1000

/** The last events of the process, numbered from 1. */
export class EventRing {
  #events: AdminEvent[] = []
  #lastId = 0
  /** How many there were, by `kind level`. */
  readonly counts = new Map<string, number>()
  readonly #listeners = new Set<(event: AdminEvent) => void>()
  readonly #wallMs: () => number

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs
  }

  add({ kind, level, message, fields }: LogEvent): void {
    const at = new Date(this.#wallMs()).toISOString()
    const event: AdminEvent = { id: ++this.#lastId, at, kind, level, message, fields: { ...fields } }
    this.#events.push(event)
    const counted = `${kind} ${level}`
    this.counts.set(counted, (this.counts.get(counted) ?? 0) + 1)
    // A cut now and then rather than a shift for each.
    if (this.#events.length >= 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  /** Those behind the event `id`, 0 for all that are kept. */
  after(id: number): Events {
    const kept = this.#events.slice(-KEPT)
    const first = this.#lastId - kept.length + 1
    // A number of another process says nothing here.
    const from = id > this.#lastId ? 0 : id
    return { events: kept.filter((event) => event.id > from), lost: Math.max(0, first - 1 - from) }
  }

  /** Until the returned function is called. */
  listen(listener: (event: AdminEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
