import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

const PROGRAM = join(import.meta.dirname, "../../src/cli/main.ts")

/** Runs Sluice on `config`, a sluice.yaml, until this process ends or the function returned is called. Resolves once it listens. */
export async function runSluice(config: object): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
  const file = join(folder, "sluice.yaml")
  writeFileSync(file, JSON.stringify(config))
  const sluice = spawn(process.execPath, [PROGRAM, "run", file], { stdio: ["ignore", "ignore", "pipe"] })
  let log = ""
  sluice.stderr.on("data", (chunk) => {
    log = (log + chunk).slice(-4000)
  })
  sluice.on("exit", () => {
    console.error(log)
    process.exit(1)
  })
  const kill = (): void => {
    sluice.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
  process.on("exit", kill)
  while (!log.includes('"message":"listening"')) await pause(20)
  return () => {
    sluice.removeAllListeners("exit")
    kill()
  }
}
