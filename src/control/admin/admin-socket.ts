/** Where a process that was not told where listens for admin requests, and where commands look for it. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** `.json`: says where a process listens that has an address of its own. */
const NAME = /^admin-(\d+)\.(sock|json)$/

/** The first is where a process listens; commands look into all of them. */
function directories(env: NodeJS.ProcessEnv): string[] {
  const found: string[] = []
  // Of systemd's RuntimeDirectory=, and of a user's session.
  if (env.RUNTIME_DIRECTORY) found.push(env.RUNTIME_DIRECTORY.split(":")[0]!)
  if (env.XDG_RUNTIME_DIR) found.push(join(env.XDG_RUNTIME_DIR, "sluice"))
  found.push(join(tmpdir(), `sluice-${process.getuid?.() ?? ""}`), "/run/sluice")
  return found
}

/**
 * The path for this process, in a directory that others cannot write to; what dead processes left there is removed.
 * Errors: throws, in a sentence.
 */
export function ownSocketPath(env: NodeJS.ProcessEnv, pid: number): string {
  return join(ownDirectory(env, pid), `admin-${pid}.sock`)
}

/** Where a process is asked. */
export interface AdminPlace {
  /** `127.0.0.1:9901`, `unix:/run/sluice.sock`. */
  readonly address: string
  readonly tokenFile: string | null
}

/** Lets commands of its user find a process that listens elsewhere. That it cannot be left is no reason not to run. */
export function leaveNote(env: NodeJS.ProcessEnv, pid: number, place: AdminPlace): { remove(): void } | null {
  try {
    const path = join(ownDirectory(env, pid), `admin-${pid}.json`)
    writeFileSync(path, `${JSON.stringify(place)}\n`, { mode: 0o600 })
    return { remove: () => remove(path) }
  } catch {
    return null
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone.
  }
}

function ownDirectory(env: NodeJS.ProcessEnv, pid: number): string {
  const [directory] = directories(env)
  mkdirSync(directory!, { recursive: true, mode: 0o700 })
  const stats = lstatSync(directory!)
  if (!stats.isDirectory() || (process.getuid !== undefined && stats.uid !== process.getuid()))
    throw new Error(`${directory} belongs to another user`)
  if ((stats.mode & 0o022) !== 0) chmodSync(directory!, 0o700)
  for (const name of readdirSync(directory!)) {
    const owner = Number(NAME.exec(name)?.[1] ?? 0)
    if (owner > 0 && (owner === pid || !isAlive(owner))) unlinkSync(join(directory!, name))
  }
  return directory!
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Where live processes are asked, for commands. */
export function foundPlaces(env: NodeJS.ProcessEnv): AdminPlace[] {
  const found = [...new Set(directories(env))].flatMap((directory) => {
    try {
      return readdirSync(directory).flatMap((name) => {
        const [, pid, kind] = NAME.exec(name) ?? []
        if (pid === undefined || !isAlive(Number(pid))) return []
        const path = join(directory, name)
        return kind === "sock" ? [{ address: `unix:${path}`, tokenFile: null }] : placeIn(path)
      })
    } catch {
      return []
    }
  })
  return [...new Map(found.map((place) => [place.address, place])).values()]
}

function placeIn(path: string): AdminPlace[] {
  try {
    const { address, tokenFile } = JSON.parse(readFileSync(path, "utf8")) as Partial<AdminPlace>
    return typeof address === "string" ? [{ address, tokenFile: tokenFile ?? null }] : []
  } catch {
    // Another user's, or half written.
    return []
  }
}
