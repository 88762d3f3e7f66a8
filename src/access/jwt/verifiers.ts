import type { JwtConfig } from "../../config/jwt-model.ts"
import { Verifier, type VerifierParts } from "./verifier.ts"

/** One verifier for all routes of the same settings, over reloads too, with its keys and what it has verified. */
export class Verifiers {
  readonly #parts: VerifierParts
  /** Those of configurations that are gone go too. */
  readonly #known = new Map<string, WeakRef<Verifier>>()

  constructor(parts: VerifierParts) {
    this.#parts = parts
  }

  /** @param server whose locations are asked for keys, where any are */
  of(config: JwtConfig, server: string): Verifier {
    const asksServer = config.keys.some(({ kind }) => kind === "request")
    const own = { ...config, realm: "", token: null, require: [], endStreams: false }
    const key = JSON.stringify([own, asksServer ? server : ""])
    const known = this.#known.get(key)?.deref()
    if (known !== undefined) return known
    for (const [other, verifier] of this.#known) if (verifier.deref() === undefined) this.#known.delete(other)
    const made = new Verifier(this.#parts, config)
    this.#known.set(key, new WeakRef(made))
    return made
  }

  close(): void {
    for (const verifier of this.#known.values()) verifier.deref()?.close()
  }
}
