import { readFileSync, readlinkSync } from "node:fs"

/** The path that the Unix socket of descriptor `fd` is bound to; null: none, or the system does not say (Linux does). */
export function unixPathOf(fd: number): string | null {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    if (inode === undefined) return null
    for (const line of readFileSync("/proc/net/unix", "utf8").split("\n")) {
      // Num RefCount Protocol Flags Type St Inode Path
      const [, found, path] = /^(?:\S+\s+){6}(\d+)\s+(.+)$/.exec(line) ?? []
      if (found === inode) return path!
    }
  } catch {
    // No /proc here.
  }
  return null
}
