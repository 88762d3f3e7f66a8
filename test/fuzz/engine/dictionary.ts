/** Pieces that mean something to the code under test: its own strings and numbers, and what a target adds. */
export class Dictionary {
  readonly words: Buffer[] = []
  readonly #known = new Set<string>()

  addOctets(octets: Uint8Array): void {
    const word = Buffer.from(octets)
    const key = word.toString("latin1")
    if (word.length === 0 || this.#known.has(key)) return
    this.#known.add(key)
    this.words.push(word)
  }

  add(literal: string | number): void {
    if (typeof literal === "string") return this.addOctets(Buffer.from(literal))
    if (literal < 0 || literal > 0xffff_ffff) return
    this.addOctets(Buffer.from(String(literal)))
    for (const length of [1, 2, 3, 4]) {
      if (literal >= 256 ** length) continue
      const octets = Buffer.alloc(length)
      octets.writeUIntBE(literal, 0, length)
      this.addOctets(octets)
    }
  }
}
