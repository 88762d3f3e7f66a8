import type { Clock } from "../../base/clock.ts"
import type { Log } from "../../log/logger.ts"
import type { AskKeys } from "../../relay/route/jwt.ts"
import { type KeySet, parseKeySet } from "./key-set.ts"

/** Keys, or why there are none. */
export type Keys = KeySet | Unavailable

export interface Unavailable {
  readonly unavailable: string
}

export interface KeySource {
  /** @param ask what asks a location of the caller's server */
  current(ask: AskKeys): Keys | Promise<Keys>
  /** A token names a key that is not there: asks again, unless it did so a moment ago. Null: it did. */
  hasten(): Promise<unknown> | null
  close(): void
}

export interface KeySourceParts {
  readonly clock: Clock
  readonly log: Log
  readonly limits: { readonly jwksKeysMax: number; readonly jwksOctetsMax: number }
  /** Something was refused for one of these limits. */
  onLimit(): void
  /** It was asked and did not answer in time. */
  onTimeout(): void
}

/** The last good keys of a source, and how long they hold where others cannot be had. */
export class LastKeys {
  readonly #parts: KeySourceParts
  readonly #name: string
  readonly #staleMs: number
  #keys: KeySet | null = null
  #text = ""
  #goodMs = 0
  #problem = "there are none yet"

  /** @param name of the source, without secrets */
  constructor(parts: KeySourceParts, name: string, staleMs: number) {
    this.#parts = parts
    this.#name = name
    this.#staleMs = staleMs
  }

  now(): Keys {
    const ageMs = this.#parts.clock.now() - this.#goodMs
    if (this.#keys !== null && ageMs <= this.#staleMs) return this.#keys
    return { unavailable: this.#problem || "the last ones are too old" }
  }

  /** The source says what it said before. */
  confirm(): void {
    if (this.#problem === "") this.#goodMs = this.#parts.clock.now()
  }

  /** What the source said. Returns what is wrong with it; null: nothing. */
  take(text: string): string | null {
    const { limits, log, onLimit } = this.#parts
    if (text === this.#text && this.#keys !== null) {
      this.#isGood()
      return null
    }
    const tooLong = text.length > limits.jwksOctetsMax
    const keys = tooLong
      ? `more than jwksOctetsMax (${limits.jwksOctetsMax} octets)`
      : parseKeySet(text, limits.jwksKeysMax)
    if (typeof keys === "string") {
      if (tooLong || keys.includes("jwksKeysMax")) onLimit()
      this.fail(keys)
      return keys
    }
    if (this.#keys !== null) log.info("keys for tokens are others now", { from: this.#name })
    this.#keys = keys
    this.#text = text
    this.#isGood()
    return null
  }

  #isGood(): void {
    this.#goodMs = this.#parts.clock.now()
    this.#problem = ""
  }

  /** The source said nothing of use. */
  fail(problem: string): void {
    if (problem !== this.#problem) {
      const heldMs = this.#keys === null ? 0 : this.#staleMs
      this.#parts.log.error("keys for tokens cannot be had", { from: this.#name, problem, heldMs })
    }
    this.#problem = problem
  }
}
