import { readFileSync } from "node:fs"
import { TextClient } from "../../net/text-client.ts"
import { maskText } from "../../record/mask.ts"
import { type KeySource, type KeySourceParts, type Keys, LastKeys } from "./key-source.ts"

/** An answer is asked for again no sooner, whatever tokens say. */
const PAUSE_MS = 10_000

export interface UrlKeysOptions {
  readonly url: string
  readonly caFile: string | null
  readonly cacheMs: number
  readonly staleMs: number
  readonly timeoutMs: number
}

/**
 * Keys that a server of their issuer has. While they are good no caller waits for them: they are asked for again on the
 * way, and the last ones hold until the answer is there.
 */
export class UrlKeys implements KeySource {
  readonly #parts: KeySourceParts
  readonly #options: UrlKeysOptions
  readonly #client: TextClient
  readonly #last: LastKeys
  #askedMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | null = null

  constructor(parts: KeySourceParts, options: UrlKeysOptions) {
    const { url, caFile, staleMs, timeoutMs } = options
    this.#parts = parts
    this.#options = options
    this.#last = new LastKeys(parts, maskText(url), staleMs)
    this.#client = new TextClient({
      url,
      ca: () => (caFile === null ? undefined : readFileSync(caFile, "utf8")),
      timeoutMs,
      octetsMax: parts.limits.jwksOctetsMax,
      onTooLong: () => parts.onLimit(),
      onTimeout: () => parts.onTimeout(),
    })
  }

  current(): Keys | Promise<Keys> {
    const keys = this.#last.now()
    const isGood = !("unavailable" in keys)
    if (this.#ageMs >= (isGood ? this.#options.cacheMs : PAUSE_MS)) this.#ask()
    if (isGood || this.#asking === null) return keys
    return this.#asking.then(() => this.#last.now())
  }

  get #ageMs(): number {
    return this.#parts.clock.now() - this.#askedMs
  }

  hasten(): Promise<void> | null {
    if (this.#asking === null && this.#ageMs >= PAUSE_MS) this.#ask()
    return this.#asking
  }

  #ask(): void {
    this.#askedMs = this.#parts.clock.now()
    this.#asking ??= this.#client
      .get()
      .then(
        (text) => void this.#last.take(text),
        (error: Error) => this.#last.fail(error.message),
      )
      .finally(() => (this.#asking = null))
  }

  close(): void {
    this.#client.close()
  }
}
