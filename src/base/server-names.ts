import { octetText } from "./octet-text.ts"

/**
 * Finds what belongs to a name, in nginx's order: exact, the longest `*.x`, the longest `x.*`, the first regex. Both
 * virtual hosts and certificates are found this way. A name that comes twice stays with the first.
 */
export class ServerNames<T> {
  readonly #exact = new Map<string, T>()
  readonly #suffixes: { text: string; value: T }[] = []
  readonly #prefixes: { text: string; value: T }[] = []
  readonly #regexes: { regex: RegExp; value: T }[] = []

  /** `names` are server names as `ServerConfig.names` has them. */
  constructor(entries: Iterable<readonly [names: readonly string[], value: T]>) {
    for (const [names, value] of entries) for (const name of names) this.#add(octetText(name), value)
    const longestFirst = (a: { text: string }, b: { text: string }) => b.text.length - a.text.length
    this.#suffixes.sort(longestFirst)
    this.#prefixes.sort(longestFirst)
  }

  /** `name` is in lower case, without port and closing dot. */
  find(name: string): T | undefined {
    return (
      this.#exact.get(name) ??
      this.#suffixes.find(({ text }) => name.endsWith(text))?.value ??
      this.#prefixes.find(({ text }) => name.startsWith(text))?.value ??
      this.#regexes.find(({ regex }) => regex.test(name))?.value
    )
  }

  #add(name: string, value: T): void {
    if (name.startsWith("~")) this.#regexes.push({ regex: new RegExp(name.slice(1), "i"), value })
    else if (name.startsWith("*.")) this.#suffixes.push({ text: name.slice(1).toLowerCase(), value })
    else if (name.endsWith(".*")) this.#prefixes.push({ text: name.slice(0, -1).toLowerCase(), value })
    else if (name.startsWith(".")) {
      this.#setExact(name.slice(1), value)
      this.#suffixes.push({ text: name.toLowerCase(), value })
    } else this.#setExact(name, value)
  }

  #setExact(name: string, value: T): void {
    const lower = name.toLowerCase()
    if (!this.#exact.has(lower)) this.#exact.set(lower, value)
  }
}
