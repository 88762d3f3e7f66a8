import { type MessageBounds, MessageFault, tooDeep, tooManyValues } from "./fault.ts"
import { JsonScanner, Token, unescaped } from "./json-scanner.ts"

/** Most octets that are looked at for an `@type` that stands first. */
const AHEAD_OCTETS = 4096
const KEY_OCTETS_MAX = 64
const PER_FOUND_OCTETS = 128

/** A string in the text. */
export interface TypeUrlPlace {
  readonly start: number
  readonly end: number
  readonly hasEscapes: boolean
}

/**
 * Where each object of a text has its `@type`. Nearly always that is its first key; once it is not, the whole text is
 * gone through, a single time for all of its objects.
 */
export class TypeUrlScan {
  readonly #octets: Buffer
  readonly #bounds: MessageBounds
  readonly #found = new Map<number, TypeUrlPlace>()
  #scanner: JsonScanner | null = null
  #isWhole = false
  /** Where objects that are open begin; -1 for arrays. */
  readonly #open: number[] = []
  /** The next string is a key. */
  #isAtKey = false
  /** The last key was `@type`. */
  #isTypeUrl = false

  constructor(octets: Buffer, bounds: MessageBounds) {
    this.#octets = octets
    this.#bounds = bounds
  }

  get heldOctets(): number {
    return PER_FOUND_OCTETS * this.#found.size
  }

  /**
   * Of the object that begins at `start`. Null: it has none. Undefined: the work that `budget` has left is used up first.
   * Errors: `MessageFault`.
   */
  find(start: number, budget: { left: number }): TypeUrlPlace | "empty" | null | undefined {
    const first = this.#lookAhead(start)
    if (first !== undefined) return first
    if (!this.#scanOn(budget)) return undefined
    return this.#found.get(start) ?? null
  }

  #lookAhead(start: number): TypeUrlPlace | "empty" | undefined {
    const scanner = new JsonScanner(this.#octets, start + 1)
    scanner.left = AHEAD_OCTETS
    const token = scanner.next()
    if (token === Token.CLOSE_OBJECT) return "empty"
    if (token !== Token.STRING || !isTypeKey(scanner) || scanner.next() !== Token.COLON) return undefined
    if (scanner.next() !== Token.STRING) return undefined
    const { start: from, end, hasEscapes } = scanner
    return { start: from, end, hasEscapes }
  }

  #scanOn(budget: { left: number }): boolean {
    if (this.#isWhole) return true
    const scanner = (this.#scanner ??= new JsonScanner(this.#octets))
    scanner.left = budget.left
    while (scanner.left > 0) {
      const token = scanner.next()
      if (token === Token.PAUSED) break
      if (token === Token.END) this.#isWhole = true
      if (this.#isWhole) break
      this.#look(scanner, token)
    }
    budget.left = scanner.left
    return this.#isWhole
  }

  #look(scanner: JsonScanner, token: number): void {
    const open = this.#open
    switch (token) {
      case Token.OPEN_OBJECT:
      case Token.OPEN_ARRAY:
        // A list stands between two messages at most.
        if (open.push(token === Token.OPEN_OBJECT ? scanner.start : -1) > 2 * this.#bounds.depthMax + 2)
          throw tooDeep(this.#bounds)
        this.#isAtKey = token === Token.OPEN_OBJECT
        return
      case Token.CLOSE_OBJECT:
      case Token.CLOSE_ARRAY:
        open.pop()
        this.#isAtKey = false
        return
      case Token.COMMA:
        this.#isAtKey = (open.at(-1) ?? -1) >= 0
        return
      case Token.STRING:
        if (this.#isAtKey) this.#isTypeUrl = isTypeKey(scanner)
        else if (this.#isTypeUrl) this.#add(scanner)
        this.#isAtKey = false
        return
      case Token.COLON:
        return
      default:
        this.#isTypeUrl = false
    }
  }

  #add({ start, end, hasEscapes }: JsonScanner): void {
    this.#isTypeUrl = false
    const object = this.#open.at(-1) ?? -1
    if (object < 0) return
    if (this.#found.has(object)) throw new MessageFault("mistyped", "an Any has @type twice")
    if (this.#found.size >= this.#bounds.valuesMax) throw tooManyValues(this.#bounds)
    this.#found.set(object, { start, end, hasEscapes })
  }
}

function isTypeKey({ octets, start, end, hasEscapes }: JsonScanner): boolean {
  return end - start <= KEY_OCTETS_MAX && unescaped(octets, start, end, hasEscapes) === "@type"
}
