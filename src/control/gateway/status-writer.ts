import type { Clock, Timer } from "../../base/clock.ts"
import type { ResourceStatus } from "../../config/gateway/translate.ts"
import type { Log } from "../../log/logger.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"
import { mergeStatus } from "./merge-status.ts"
import { pathOf, type ResourceStore } from "./resource-store.ts"

/** No more than one in so long: fifty a second. */
const APART_MS = 20
const ASK_TIMEOUT_MS = 10_000
/** After a write that failed, and after one that met another's. */
const AGAIN_MS = 5_000
const CONFLICT = 409
const NOT_FOUND = 404

export interface StatusWriterOptions {
  readonly client: JsonClient
  readonly store: Pick<ResourceStore, "stored">
  readonly controllerName: string
  readonly clock: Clock
  readonly log: Pick<Log, "warn">
}

/**
 * Writes what is to be said of resources into their status: where it differs from what is there, one after the other, and
 * never over a version that it has not seen.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #stopping = new AbortController()
  #wanted: readonly ResourceStatus[] = []
  /** The versions that were written to, until the watch shows what became of them. */
  readonly #written = new Map<string, string>()
  #isOn = false
  #isWriting = false
  #isStale = false
  #timer: Timer | null = null
  #problem = ""

  constructor(options: StatusWriterOptions) {
    this.#options = options
  }

  /** All there is to be said now, in the order in which it is to be written. */
  want(statuses: readonly ResourceStatus[]): void {
    this.#wanted = statuses
    this.#begin()
  }

  /** What the API server has of a status is another. */
  again(): void {
    this.#begin()
  }

  /** Whether this process is the one that writes. */
  turn(isOn: boolean): void {
    this.#isOn = isOn
    this.#written.clear()
    this.#begin()
  }

  stop(): void {
    this.#isOn = false
    this.#timer?.cancel()
    this.#stopping.abort()
  }

  #begin(): void {
    this.#isStale = true
    if (!this.#isOn || this.#isWriting) return
    this.#timer?.cancel()
    this.#timer = null
    void this.#write()
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    let hasFailed = false
    while (this.#isOn && this.#isStale) {
      this.#isStale = false
      for (const wanted of this.#wanted) {
        if (!this.#isOn || this.#isStale) break
        hasFailed = !(await this.#writeOne(wanted)) || hasFailed
      }
    }
    this.#isWriting = false
    if (hasFailed && this.#isOn) this.#timer = this.#options.clock.after(AGAIN_MS, () => this.#begin())
  }

  /** False: it is to be tried again. */
  async #writeOne({ kind, namespace, name, status }: ResourceStatus): Promise<boolean> {
    const { client, store, controllerName, clock, log } = this.#options
    const stored = store.stored(kind, namespace, name)
    if (stored === undefined) return true
    const key = `${kind} ${namespace}/${name}`
    const { resourceVersion } = stored
    if (this.#written.get(key) === `${resourceVersion} ${JSON.stringify(status)}`) return true
    const now = new Date(clock.wallMs()).toISOString().replace(/\.\d+Z$/, "Z")
    const merged = mergeStatus(status, stored.status, { controllerName, now })
    if (merged === null) return true
    try {
      await client.ask(
        {
          method: "PATCH",
          path: `${pathOf(kind, namespace)}/${encodeURIComponent(name)}/status`,
          // The whole of each list, on the version that was seen: 409 where it is another by now.
          contentType: "application/merge-patch+json",
          body: { metadata: { resourceVersion }, status: merged },
          timeoutMs: ASK_TIMEOUT_MS,
        },
        this.#stopping.signal,
      )
      this.#written.set(key, `${resourceVersion} ${JSON.stringify(status)}`)
      this.#problem = ""
    } catch (error) {
      if (!this.#isOn) return true
      const code = error instanceof JsonError ? error.status : 0
      if (code === NOT_FOUND) return true
      const { message } = error as Error
      if (code !== CONFLICT && message !== this.#problem)
        log.warn("cannot write a status", { resource: key, reason: message })
      if (code !== CONFLICT) this.#problem = message
      return false
    }
    await new Promise<void>((resolve) => clock.after(APART_MS, resolve))
    return true
  }
}
