import type { AskedKeys, AskKeys } from "../../relay/route/jwt.ts"
import { type KeySource, type KeySourceParts, type Keys, LastKeys } from "./key-source.ts"

/** URIs whose keys are kept; more, of variables, are asked for anew. */
const URIS_MAX = 64

/** After an answer of no use it is asked again no sooner, where earlier keys hold. */
const PAUSE_MS = 1000

interface KnownUri {
  readonly last: LastKeys
  /** From then on it is asked again. */
  nextMs: number
}

/** Keys that a location of the caller's server answers with. nginx: `auth_jwt_key_request`. */
export class RequestKeys implements KeySource {
  readonly #parts: KeySourceParts
  readonly #index: number
  readonly #cacheMs: number
  readonly #staleMs: number
  readonly #known = new Map<string, KnownUri>()

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
    const keys = known.last.now()
    // It is asked with what this caller has sent: that one of them got no keys says nothing of the next.
    if (!("unavailable" in keys) && this.#parts.clock.now() < known.nextMs) return keys
    return ask.get(uri).then((answer) => this.#take(known, answer))
  }

  #take(known: KnownUri, answer: AskedKeys): Keys {
    const nowMs = this.#parts.clock.now()
    if ("body" in answer) {
      const problem = known.last.take(answer.body)
      known.nextMs = nowMs + (problem === null ? this.#cacheMs : this.#pauseMs)
    } else if (answer.problem !== null) {
      known.last.fail(answer.problem)
      known.nextMs = nowMs + this.#pauseMs
    }
    return known.last.now()
  }

  get #pauseMs(): number {
    return Math.min(PAUSE_MS, this.#cacheMs)
  }

  #knownOf(uri: string): KnownUri {
    const known = this.#known.get(uri)
    if (known !== undefined) return known
    const last = new LastKeys(this.#parts, uri.replace(/\?.*$/, ""), this.#staleMs)
    const made = { last, nextMs: Number.NEGATIVE_INFINITY }
    if (this.#known.size >= URIS_MAX) this.#known.clear()
    this.#known.set(uri, made)
    return made
  }

  hasten(): null {
    return null
  }

  close(): void {}
}
