import { createHmac, randomBytes } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import type { Log } from "../log/logger.ts"
import type { Users } from "../relay/route/access.ts"
import { hashProblem, isPassword } from "./password-hash.ts"

/** Larger files are not read. */
const FILE_OCTETS_MAX = 16 * 1024 * 1024
/** Passwords that were right, so that a slow hash is made once. */
const KNOWN_MAX = 1024
/** Lines that the log names of those that are of no use. */
const LINES_TOLD = 10

/** Files that variables name and that are kept; the one not asked for the longest time is forgotten. */
const FILES_MAX = 64

/** The password files of a configuration, by their paths. */
export class PasswordFiles {
  readonly #files = new Map<string, PasswordFile>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  of(path: string): PasswordFile {
    const file = this.#files.get(path) ?? new PasswordFile(path, this.#log)
    this.#files.delete(path)
    this.#files.set(path, file)
    if (this.#files.size > FILES_MAX) this.#files.delete(this.#files.keys().next().value!)
    return file
  }
}

/** nginx: `auth_basic_user_file`. It is read again when it has changed. */
export class PasswordFile implements Users {
  readonly #path: string
  readonly #log: Log
  #version = ""
  #hashes = new Map<string, string>()
  readonly #known = new Set<string>()
  readonly #secret = randomBytes(32)

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
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
      const { hashes, useless } = readLines(readFileSync(this.#path, "latin1"))
      this.#hashes = hashes
      this.#version = version
      if (useless.length > 0) this.#tell(useless)
      return true
    } catch {
      return false
    }
  }

  /** Which lines, and no more of them: they hold secrets. */
  #tell(useless: readonly string[]): void {
    this.#log.warn("lines of a password file let nobody in", {
      file: this.#path,
      lines: useless.slice(0, LINES_TOLD),
      of: useless.length,
    })
  }
}

/** `user:hash` or `user:hash:comment`; the first line of a user counts. `useless`: numbers of lines, and why. */
function readLines(text: string): { hashes: Map<string, string>; useless: string[] } {
  const hashes = new Map<string, string>()
  const useless: string[] = []
  for (const [index, line] of text.split(/\r?\n|\r/).entries()) {
    if (line === "" || line.startsWith("#")) continue
    const [user, hash] = line.split(":")
    if (user === undefined || hash === undefined) useless.push(`${index + 1}: no colon`)
    else if (hashes.has(user)) useless.push(`${index + 1}: its user has a line before`)
    else {
      hashes.set(user, hash)
      const problem = hashProblem(hash)
      if (problem !== null) useless.push(`${index + 1}: ${problem}`)
    }
  }
  return { hashes, useless }
}
