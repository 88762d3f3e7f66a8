import type { MessageContext } from "./types.ts"

/** A message of the caller's. */
export interface KeptMessage {
  readonly message: unknown
  readonly octets: number
  /** Told once, when a leg has taken it: the caller may send more. */
  readonly context: MessageContext
  isTaken: boolean
}

/** Messages that are kept for another leg, in the order in which they were sent. */
export class KeptMessages {
  /** Messages before the first one here. */
  start = 0
  #messages: KeptMessage[] = []
  #octets = 0

  /** The position behind the last one. */
  get end(): number {
    return this.start + this.#messages.length
  }

  push(message: KeptMessage): void {
    this.#messages.push(message)
    this.#octets += message.octets
  }

  /** The message after so many. It must be here. */
  at(position: number): KeptMessage {
    return this.#messages[position - this.start]!
  }

  /** A backend has all messages before `position`. */
  trimTo(position: number): void {
    while (this.start < position && this.#messages.length > 0) take(this.#drop())
  }

  /** Lets go of the oldest that some leg has taken, for as long as more than `keep` octets are here. */
  trim(keep: number): void {
    while (this.#octets > keep && this.#messages[0]?.isTaken === true) this.#drop()
  }

  #drop(): KeptMessage {
    const first = this.#messages.shift()!
    this.#octets -= first.octets
    this.start++
    return first
  }
}

/** A leg has it: the caller is told, once. */
export function take(kept: KeptMessage, error?: Error | null): void {
  if (kept.isTaken) return
  kept.isTaken = true
  kept.context.callback?.(error)
}
