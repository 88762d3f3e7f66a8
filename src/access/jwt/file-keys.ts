import { readFileSync, statSync } from "node:fs"
import { errorReason } from "../../net/error-reason.ts"
import { type KeySource, type KeySourceParts, type Keys, LastKeys } from "./key-source.ts"

/** A file with a JSON Web Key Set. It is read again when it has changed. nginx: `auth_jwt_key_file`. */
export class FileKeys implements KeySource {
  readonly #parts: KeySourceParts
  readonly #path: string
  readonly #cacheMs: number
  readonly #last: LastKeys
  #version = ""
  #lookedMs = Number.NEGATIVE_INFINITY

  /** @param cacheMs no more often is it looked at */
  constructor(parts: KeySourceParts, path: string, cacheMs: number, staleMs: number) {
    this.#parts = parts
    this.#path = path
    this.#cacheMs = cacheMs
    this.#last = new LastKeys(parts, path, staleMs)
  }

  current(): Keys {
    const nowMs = this.#parts.clock.now()
    if (nowMs - this.#lookedMs >= this.#cacheMs) {
      this.#lookedMs = nowMs
      this.#look()
    }
    return this.#last.now()
  }

  #look(): void {
    const { jwksOctetsMax } = this.#parts.limits
    try {
      const stats = statSync(this.#path)
      // Reading a pipe or a device may have no end.
      if (!stats.isFile()) throw new Error("not a file")
      const { mtimeMs, size, ino } = stats
      const version = `${ino} ${size} ${mtimeMs}`
      if (version === this.#version) return this.#last.confirm()
      if (size > jwksOctetsMax) {
        this.#parts.onLimit()
        this.#last.fail(`more than jwksOctetsMax (${jwksOctetsMax} octets)`)
      } else this.#last.take(readFileSync(this.#path, "utf8"))
      this.#version = version
    } catch (error) {
      this.#version = ""
      const { code } = error as NodeJS.ErrnoException
      this.#last.fail(code === "ENOENT" ? "no such file" : errorReason(error as Error))
    }
  }

  /** It was looked at for this very token. */
  hasten(): null {
    return null
  }

  close(): void {}
}
