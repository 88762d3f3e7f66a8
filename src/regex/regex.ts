import { type Explosion, explosionOf } from "./explosive.ts"
import { LazyDfa } from "./lazy-dfa.ts"
import { runProgram } from "./matcher.ts"
import { parseRegex } from "./parse.ts"
import { compileProgram, type Program } from "./program.ts"
import { RegexSyntaxError } from "./syntax-error.ts"

/** Octets of a pattern; what nginx reads of one word is shorter. */
export const PATTERN_OCTETS_MAX = 64 * 1024

/** Where nothing else is said. PCRE's own is ten million, at several steps each. */
export const STEPS_DEFAULT = 1_000_000

export interface RegexOptions {
  /** `~*` of nginx. Default: no. */
  isCaseless?: boolean
  /** Most steps of one search; past it, the search is given up. Default: a million. */
  stepsMax?: number
}

/** `limit`: the search was given up, since it took too many steps. */
export type RegexOutcome = "match" | "none" | "limit"

/** A match, and what its groups hold. */
export class RegexMatch {
  readonly #text: string
  readonly #registers: Int32Array
  readonly #names: Regex["names"]

  constructor(text: string, registers: Int32Array, names: Regex["names"]) {
    this.#text = text
    this.#registers = registers
    this.#names = names
  }

  /** Where group `index` (0: the whole match) begins and ends; null: it took no part. */
  span(index: number): readonly [start: number, end: number] | null {
    const end = this.#registers[2 * index + 1] ?? -1
    return end < 0 ? null : [this.#registers[2 * index]!, end]
  }

  /** The octets of a group; undefined: it took no part. */
  group(index: number): string | undefined {
    const span = this.span(index)
    return span === null ? undefined : this.#text.slice(...span)
  }

  /** The octets of the first group of this name that took part. */
  named(name: string): string | undefined {
    for (const index of this.#names.get(name) ?? []) {
      const value = this.group(index)
      if (value !== undefined) return value
    }
    return undefined
  }
}

/**
 * A regex of nginx.conf: PCRE's syntax and matches, in bounded time.
 *
 * Texts are octets, one character each, as in `HeaderList`. Where the pattern is regular the time of a search is
 * proportional to the text; with references, lookaround and atomic groups it goes back over its choices as PCRE does,
 * for so many steps.
 */
export class Regex {
  /** Groups that capture, the whole match not counted. */
  readonly groups: number
  readonly names: ReadonlyMap<string, readonly number[]>
  /** Time is proportional to the text: no search of a text of ordinary length meets the limit. */
  readonly isLinear: boolean
  /** What a backtracking engine could make of it. */
  readonly explosion: Explosion | null
  readonly #program: Program
  readonly #stepsMax: number
  /** Made when a text first comes: of a file that is only checked none does. */
  #dfa: LazyDfa | null = null

  /** Errors: throws RegexSyntaxError. */
  constructor(pattern: string, { isCaseless = false, stepsMax = STEPS_DEFAULT }: RegexOptions = {}) {
    if (pattern.length > PATTERN_OCTETS_MAX)
      throw new RegexSyntaxError(`it is longer than ${PATTERN_OCTETS_MAX} octets`, PATTERN_OCTETS_MAX)
    const parsed = parseRegex(pattern, isCaseless)
    this.groups = parsed.groups
    this.names = parsed.names
    this.#program = compileProgram(parsed)
    this.explosion = explosionOf(parsed.node)
    this.isLinear = this.#program.isRegular
    this.#stepsMax = stepsMax
  }

  /** Whether it matches anywhere in `text`. */
  test(text: string): RegexOutcome {
    if (this.isLinear) return this.#test(text)
    const registers = runProgram(this.#program, text, this.#stepsMax)
    return typeof registers === "string" ? registers : "match"
  }

  /** The first match in `text`, with its groups. */
  exec(text: string): RegexMatch | "none" | "limit" {
    const outcome = this.isLinear ? this.#test(text) : "match"
    if (outcome !== "match") return outcome
    const registers = runProgram(this.#program, text, this.#stepsMax)
    if (typeof registers === "string") return registers
    return new RegexMatch(text, registers.slice(0, 2 * (this.groups + 1)), this.names)
  }

  #test(text: string): RegexOutcome {
    this.#dfa ??= new LazyDfa(this.#program)
    return this.#dfa.test(text, this.#stepsMax)
  }
}

/** A regex, or what is wrong with its pattern. */
export function compileRegex(pattern: string, options: RegexOptions = {}): Regex | { error: string } {
  try {
    return new Regex(pattern, options)
  } catch (error) {
    if (error instanceof RegexSyntaxError) return { error: error.message }
    throw error
  }
}
