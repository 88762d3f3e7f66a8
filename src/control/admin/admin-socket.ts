/** Where a process that was not told where listens for admin requests, and where commands look for it. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const NAME = /^admin-(\d+)\.sock$/

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
  return join(directory!, `admin-${pid}.sock`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
/** The sockets of live processes, for commands. */
export function foundSockets(env: NodeJS.ProcessEnv): { path: string; pid: number }[] {
  return [...new Set(directories(env))].flatMap((directory) => {
    try {
      return readdirSync(directory).flatMap((name) => {
        const pid = Number(NAME.exec(name)?.[1] ?? 0)
        return pid > 0 && isAlive(pid) ? [{ path: join(directory, name), pid }] : []
      })
    } catch {
      return []
    }
  })
}
