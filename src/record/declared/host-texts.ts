/** Texts in lower case; with `hasPatterns`, the longest `*.x` and then the longest `x.*` after them. */
export class HostTexts<Value> {
  readonly #exact = new Map<string, Value>()
  readonly #suffixes = new Map<string, Value>()
  readonly #prefixes = new Map<string, Value>()
  readonly #hasPatterns: boolean

  constructor(hasPatterns: boolean) {
    this.#hasPatterns = hasPatterns
  }

  add(key: string, value: Value): void {
    if (this.#hasPatterns && key.startsWith("*.")) this.#suffixes.set(key.slice(1), value)
    else if (this.#hasPatterns && key.endsWith(".*")) this.#prefixes.set(key.slice(0, -1), value)
    else if (this.#hasPatterns && key.startsWith(".")) {
      this.#exact.set(key.slice(1), value)
      this.#suffixes.set(key, value)
    } else this.#exact.set(key, value)
  }

  find(key: string): Value | undefined {
    const exact = this.#exact.get(key)
    if (exact !== undefined || !this.#hasPatterns) return exact
    for (let at = key.indexOf("."); at >= 0; at = key.indexOf(".", at + 1)) {
      const found = this.#suffixes.get(key.slice(at))
      if (found !== undefined) return found
    }
    for (let at = key.lastIndexOf("."); at >= 0; at = key.lastIndexOf(".", at - 1)) {
      const found = this.#prefixes.get(key.slice(0, at + 1))
      if (found !== undefined) return found
      if (at === 0) break
    }
    return undefined
  }
}
