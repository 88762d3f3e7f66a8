import { readFileSync, rmSync, writeFileSync } from "node:fs"
import type { Log } from "../log/logger.ts"

/** Writes this process's id, until it exits. To be called once it listens: who does not is not the one to signal. */
export function writePidFile(path: string | null, log: Log): void {
  if (path === null) return
  const own = `${process.pid}\n`
  try {
    writeFileSync(path, own)
  } catch (error) {
    // nginx's stock file names /run/nginx.pid, which an ordinary user may not write; no reason not to run.
    log.warn("cannot write the pid file", { path, reason: (error as Error).message })
    return
  }
  process.once("exit", () => {
    try {
      // A new version that was started beside this one has written its own.
      if (readFileSync(path, "latin1") === own) rmSync(path)
    } catch {
      // It is gone, and that is what was wanted.
    }
  })
}
