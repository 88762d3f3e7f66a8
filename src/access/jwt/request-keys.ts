import type { AskKeys } from "../../relay/route/jwt.ts"
import { type KeySource, type KeySourceParts, type Keys, LastKeys } from "./key-source.ts"

/** URIs whose keys are kept; more, of variables, are asked for anew. */
const URIS_MAX = 64

/** Keys that a location of the caller's server answers with. nginx: `auth_jwt_key_request`. */
export class RequestKeys implements KeySource {
  readonly #parts: KeySourceParts
  readonly #index: number
  readonly #cacheMs: number
  readonly #staleMs: number
  readonly #known = new Map<string, { last: LastKeys; askedMs: number }>()

  /** @param index which of the URIs of a configuration it is */
  constructor(parts: KeySourceParts, index: number, cacheMs: number, staleMs: number) {
    this.#parts = parts
    this.#index = index
    this.#cacheMs = cacheMs
    this.#staleMs = staleMs
  }

  current(ask: AskKeys): Keys | Promise<Keys> {
    const uri = ask.uriOf(this.#index)
    const known = this.#knownOf(uri)
    const nowMs = this.#parts.clock.now()
    if (nowMs - known.askedMs < this.#cacheMs) return known.last.now()
    return ask.get(uri).then((answer) => {
      known.askedMs = this.#parts.clock.now()
      if ("problem" in answer) known.last.fail(answer.problem)
      else known.last.take(answer.body)
      return known.last.now()
    })
  }

  #knownOf(uri: string): { last: LastKeys; askedMs: number } {
    const known = this.#known.get(uri)
    if (known !== undefined) return known
    const last = new LastKeys(this.#parts, uri.replace(/\?.*$/, ""), this.#staleMs)
    const made = { last, askedMs: Number.NEGATIVE_INFINITY }
    if (this.#known.size >= URIS_MAX) this.#known.clear()
    this.#known.set(uri, made)
    return made
  }

  hasten(): null {
    return null
  }

  close(): void {}
}
