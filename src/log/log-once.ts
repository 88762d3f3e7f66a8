import type { Log, LogFields } from "./logger.ts"

/** Kinds remembered; beyond that nothing more is said. */
const KINDS = 32

/** Says each kind of thing once, for instance per connection: a peer that repeats itself is not repeated. */
export class LogOnce {
  readonly #log: Log
  readonly #own: LogFields
  #logOnce: Set<string> | null = null

  /** Every line carries `own`. Making one costs nothing before something is said. */
  constructor(log: Log, own: LogFields = {}) {
    this.#log = log
    this.#own = own
  }

  /** `kind` is what repeats; `message` and `fields` may differ from time to time. */
  info(kind: string, message: string, fields?: LogFields): void {
    if (this.#first(kind)) this.#log.info(message, { ...this.#own, ...fields })
  }

  warn(kind: string, message: string, fields?: LogFields): void {
    if (this.#first(kind)) this.#log.warn(message, { ...this.#own, ...fields })
  }

  #first(kind: string): boolean {
    this.#logOnce ??= new Set()
    if (this.#logOnce.has(kind) || this.#logOnce.size >= KINDS) return false
    this.#logOnce.add(kind)
    return true
  }
}
