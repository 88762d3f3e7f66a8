import { createHmac, randomBytes } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import type { Clock } from "../base/clock.ts"
import type { Log } from "../log/logger.ts"
import type { PasswordCheck, UserFiles, Users } from "../relay/route/access.ts"
import { hashProblem, isPassword, isSlow } from "./password-hash.ts"
import type { SlowCheck, SlowHashes } from "./slow-hashes.ts"

/** Larger files are not read. */
const FILE_OCTETS_MAX = 16 * 1024 * 1024
/** Passwords that were right, so that a slow hash is made once. */
const KNOWN_MAX = 1024
/** Lines that the log names of those that are of no use. */
const LINES_TOLD = 10

/** The log tells of files that cannot be read once in this time. */
const UNREADABLE_TOLD_MS = 60_000
/** Octets of their paths that it tells. */
const PATH_TOLD = 256
const UNREADABLE: Users = { check: () => "unreadable" }

export interface PasswordFilesOptions {
  slowHashes: Pick<SlowHashes, "check">
  log: Log
  clock: Clock
  /** Files that variables name and that are kept: of others the one not asked for the longest time is forgotten. */
  filesMax: number
  /** One was forgotten. */
  onLimit(): void
}

/** The password files of a configuration, by their paths. */
export class PasswordFiles implements UserFiles {
  readonly #written = new Map<string, PasswordFile>()
  /** Those that could be read: what a client has made up takes no place of theirs. */
  readonly #named = new Map<string, PasswordFile>()
  readonly #options: PasswordFilesOptions
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(options: PasswordFilesOptions) {
    this.#options = options
  }

  /** A file that the configuration names. */
  of(path: string): Users {
    let file = this.#written.get(path)
    if (file === undefined) this.#written.set(path, (file = new PasswordFile(path, this.#options)))
    return file
  }

  /** One that variables name for a call. */
  named(path: string): Users {
    const known = this.#named.get(path)
    if (known !== undefined) {
      this.#named.delete(path)
      this.#named.set(path, known)
      return known
    }
    const file = new PasswordFile(path, this.#options)
    if (!file.refresh()) return UNREADABLE
    this.#named.set(path, file)
    if (this.#named.size > this.#options.filesMax) {
      this.#named.delete(this.#named.keys().next().value!)
      this.#options.onLimit()
    }
    return file
  }

  tellUnreadable(path: string): void {
    const { clock, log } = this.#options
    if (clock.now() - this.#toldMs < UNREADABLE_TOLD_MS) return
    this.#toldMs = clock.now()
    log.error("password file cannot be read", { file: path.slice(0, PATH_TOLD) })
  }
}

/** `busy`: so many passwords are looked at that this one is not. */
type Outcome = boolean | "unreadable" | "busy"

/** A password that is looked at for several callers. */
interface Shared extends SlowCheck {
  callers: number
}

/** nginx: `auth_basic_user_file`. It is read again when it has changed. */
export class PasswordFile implements Users {
  readonly #path: string
  readonly #options: Pick<PasswordFilesOptions, "log" | "slowHashes">
  #version = ""
  #hashes = new Map<string, string>()
  readonly #known = new Set<string>()
  /** What is looked at: calls that come at once with one password wait for one answer. */
  readonly #checking = new Map<string, Shared>()
  readonly #secret = randomBytes(32)

  constructor(path: string, options: Pick<PasswordFilesOptions, "log" | "slowHashes">) {
    this.#path = path
    this.#options = options
  }

  /** `user` and `password` are octets. */
  check(user: string, password: string, client: string): Outcome | PasswordCheck {
    if (!this.refresh()) return "unreadable"
    const hash = this.#hashes.get(user)
    if (hash === undefined) return false
    const mark = createHmac("sha256", this.#secret).update(`${hash}\n${password}`, "latin1").digest("base64")
    if (this.#known.has(mark)) return true
    if (!isSlow(hash)) return this.#noted(isPassword(password, hash), mark)
    const shared = this.#checking.get(mark) ?? this.#begin(password, hash, mark, client)
    return shared === null ? "busy" : this.#join(shared, mark)
  }

  #begin(password: string, hash: string, mark: string, client: string): Shared | null {
    const check = this.#options.slowHashes.check(password, hash, client)
    if (check === null) return null
    const answer = check.answer.then((told) => {
      this.#checking.delete(mark)
      return told === "unavailable" ? told : this.#noted(told, mark)
    })
    const shared = { answer, giveUp: () => check.giveUp(), callers: 0 }
    this.#checking.set(mark, shared)
    return shared
  }

  #join(shared: Shared, mark: string): PasswordCheck {
    shared.callers++
    let isGivenUp = false
    return {
      answer: shared.answer,
      giveUp: () => {
        if (isGivenUp) return
        isGivenUp = true
        if (--shared.callers === 0 && shared.giveUp()) this.#checking.delete(mark)
      },
    }
  }

  #noted(isRight: boolean, mark: string): boolean {
    if (isRight && this.#known.size >= KNOWN_MAX) this.#known.clear()
    if (isRight) this.#known.add(mark)
    return isRight
  }

  /** False: it cannot be read, or is none, such as a pipe or a device, whose reading may have no end. */
  refresh(): boolean {
    try {
      const stats = statSync(this.#path, { throwIfNoEntry: false })
      if (stats?.isFile() !== true) return false
      const { mtimeMs, size, ino } = stats
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
    this.#options.log.warn("lines of a password file let nobody in", {
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
