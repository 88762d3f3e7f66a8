import { octetText } from "./octet-text.ts"

/** A regex of a name. `limit`: whether it matches took too many steps to tell. */
export interface NameRegex {
  test(name: string): "match" | "none" | "limit"
}

/**
 * Finds what belongs to a name, in nginx's order: exact, the longest `*.x`, the longest `x.*`, the first regex. Both
 * virtual hosts and certificates are found this way. A name that comes twice stays with the first.
 */
export class ServerNames<T extends object> {
  readonly #exact = new Map<string, T>()
  readonly #suffixes: { text: string; value: T }[] = []
  readonly #prefixes: { text: string; value: T }[] = []
  readonly #regexes: { regex: NameRegex; value: T }[] = []
  readonly #compile: (pattern: string) => NameRegex

  /**
   * @param entries `names` are server names as `ServerConfig.names` has them
   * @param compile makes the regex of a pattern in octets; it does not look at case
   */
  constructor(
    entries: Iterable<readonly [names: readonly string[], value: T]>,
    compile: (pattern: string) => NameRegex,
  ) {
    this.#compile = compile
    for (const [names, value] of entries) for (const name of names) this.#add(octetText(name), value)
    const longestFirst = (a: { text: string }, b: { text: string }) => b.text.length - a.text.length
    this.#suffixes.sort(longestFirst)
    this.#prefixes.sort(longestFirst)
  }

  /** `name` is in lower case, without port and closing dot. `limit`: a regex took too many steps. */
  find(name: string): T | "limit" | undefined {
    return (
      this.#exact.get(name) ??
      this.#suffixes.find(({ text }) => name.endsWith(text))?.value ??
      this.#prefixes.find(({ text }) => name.startsWith(text))?.value ??
      this.#findRegex(name)
    )
  }

  #findRegex(name: string): T | "limit" | undefined {
    for (const { regex, value } of this.#regexes) {
      const outcome = regex.test(name)
      if (outcome !== "none") return outcome === "match" ? value : "limit"
    }
    return undefined
  }

  #add(name: string, value: T): void {
    if (name.startsWith("~")) this.#regexes.push({ regex: this.#compile(name.slice(1)), value })
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
