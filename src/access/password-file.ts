import { createHmac, randomBytes } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import type { Users } from "../relay/route/access.ts"
import { isPassword } from "./password-hash.ts"

/** Larger files are not read. */
const FILE_OCTETS_MAX = 16 * 1024 * 1024
/** Passwords that were right, so that a slow hash is made once. */
const KNOWN_MAX = 1024

/** nginx: `auth_basic_user_file`. It is read again when it has changed. */
export class PasswordFile implements Users {
  readonly #path: string
  #version = ""
  #hashes = new Map<string, string>()
  readonly #known = new Set<string>()
  readonly #secret = randomBytes(32)

  constructor(path: string) {
    this.#path = path
  }

  /** `user` and `password` are octets. A promise where the hash takes long. */
  check(user: string, password: string): boolean | "unreadable" | Promise<boolean> {
    if (!this.#refresh()) return "unreadable"
    const hash = this.#hashes.get(user)
    if (hash === undefined) return false
    const mark = createHmac("sha256", this.#secret).update(`${hash}\n${password}`, "latin1").digest("base64")
    if (this.#known.has(mark)) return true
    const outcome = isPassword(password, hash)
    if (typeof outcome === "boolean") return this.#noted(outcome, mark)
    return outcome.then((isRight) => this.#noted(isRight, mark))
  }

  #noted(isRight: boolean, mark: string): boolean {
    if (isRight && this.#known.size >= KNOWN_MAX) this.#known.clear()
    if (isRight) this.#known.add(mark)
    return isRight
  }

  /** False: it cannot be read. */
  #refresh(): boolean {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const version = `${ino} ${size} ${mtimeMs}`
      if (version === this.#version) return true
      if (size > FILE_OCTETS_MAX) return false
      this.#hashes = readLines(readFileSync(this.#path, "latin1"))
      this.#version = version
      return true
    } catch {
      return false
    }
  }
}

/** `user:hash` or `user:hash:comment`; the first line of a user counts. */
function readLines(text: string): Map<string, string> {
  const hashes = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [user, hash] = line.split(":")
    if (!line.startsWith("#") && user !== undefined && hash !== undefined && !hashes.has(user))
      hashes.set(user, hash)
  }
  return hashes
}
