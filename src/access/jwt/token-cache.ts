import type { CallerToken } from "../../record/caller-token.ts"

/** Of an entry beside its texts. */
const ENTRY_OCTETS = 512

/** What became of a token's signature: what it says, or why it is not believed. */
export type Checked = CallerToken | string

/**
 * Tokens of which the signature has been looked at, by their hashes: what was used longest ago goes. Those that were
 * refused have a place of their own, or one caller could push out everyone else's.
 */
export class TokenCache {
  readonly #good: BoundedMap
  readonly #bad: BoundedMap

  constructor(octetsMax: number, onForget: () => void) {
    this.#good = new BoundedMap(octetsMax, onForget)
    this.#bad = new BoundedMap(Math.floor(octetsMax / 4), () => {})
  }

  get(hash: string): Checked | undefined {
    return this.#good.get(hash) ?? this.#bad.get(hash)
  }

  /** @param octets of the token */
  set(hash: string, checked: Checked, octets: number): void {
    if (typeof checked === "string") this.#bad.set(hash, checked, ENTRY_OCTETS)
    // The parsed form of a text takes several times its room.
    else this.#good.set(hash, checked, ENTRY_OCTETS + octets * 4)
  }
}

class BoundedMap {
  readonly #octetsMax: number
  readonly #onForget: () => void
  readonly #entries = new Map<string, { checked: Checked; octets: number }>()
  #octets = 0

  constructor(octetsMax: number, onForget: () => void) {
    this.#octetsMax = octetsMax
    this.#onForget = onForget
  }

  get(hash: string): Checked | undefined {
    const entry = this.#entries.get(hash)
    if (entry === undefined) return undefined
    this.#entries.delete(hash)
    this.#entries.set(hash, entry)
    return entry.checked
  }

  set(hash: string, checked: Checked, octets: number): void {
    this.#octets += octets - (this.#entries.get(hash)?.octets ?? 0)
    this.#entries.delete(hash)
    this.#entries.set(hash, { checked, octets })
    for (const [oldest, entry] of this.#entries) {
      if (this.#octets <= this.#octetsMax) return
      this.#entries.delete(oldest)
      this.#octets -= entry.octets
      this.#onForget()
    }
  }
}
