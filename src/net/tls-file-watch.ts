import { statSync } from "node:fs"
import { stat } from "node:fs/promises"
import type { Clock, Timer } from "../base/clock.ts"
import { isPem } from "../config/pem.ts"

/**
 * How often files are looked at. Asking is cheap, and it sees what `fs.watch` misses: a directory swapped by its
 * symlink (as Kubernetes does), network file systems.
 */
export const FILE_POLL_MS = 5_000

/** The version of a file that is not there. */
export const NO_FILE = "missing"

/** Files as they were at one moment: path to what tells one version from the next. */
export type FileVersions = ReadonlyMap<string, string>

interface Watched {
  versions: FileVersions
  onChange(): void
}

/** Tells when certificate files change. One timer for all of them, and none while there are none. */
export class TlsFileWatch {
  readonly #clock: Clock
  readonly #watched = new Set<Watched>()
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `onChange` whenever a file of `versions` is another than it was then. Take `versions` before reading, so that
   * no change falls between. Returns how to stop.
   */
  watch(versions: FileVersions, onChange: () => void): () => void {
    const watched = { versions, onChange }
    this.#watched.add(watched)
    this.#pollLater()
    return () => {
      this.#watched.delete(watched)
      if (this.#watched.size === 0) this.#stop()
    }
  }

  close(): void {
    this.#watched.clear()
    this.#stop()
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #pollLater(): void {
    this.#timer ??= this.#clock.after(FILE_POLL_MS, () => void this.#poll())
  }

  async #poll(): Promise<void> {
    // First: a watch that begins on the way sets the next one.
    this.#timer = null
    for (const watched of [...this.#watched]) {
      const now = await versionsNow([...watched.versions.keys()])
      const { versions } = watched
      if (!this.#watched.has(watched) || [...now].every(([path, version]) => versions.get(path) === version))
        continue
      watched.versions = now
      watched.onChange()
    }
    if (this.#watched.size > 0) this.#pollLater()
  }
}

/** What `paths` are now; a missing file is a version too. */
export function fileVersions(paths: readonly string[]): FileVersions {
  // A text that stands in place of a path never changes.
  const files = paths.filter((path) => !isPem(path))
  return new Map(
    files.map((path) => [path, versionOf(statSync(path, { bigint: true, throwIfNoEntry: false }))]),
  )
}

async function versionsNow(paths: readonly string[]): Promise<FileVersions> {
  const all = paths.map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    return [path, versionOf(found)] as const
  })
  return new Map(await Promise.all(all))
}

interface Found {
  dev: bigint
  ino: bigint
  size: bigint
  mtimeNs: bigint
}

function versionOf(found: Found | undefined): string {
  return found === undefined ? NO_FILE : `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
}
