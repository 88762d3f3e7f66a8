import { fork } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface SluiceProcess {
  /** Settles when it has ended, by itself or not, with why. */
  readonly ended: Promise<string>
  /** Lets live streams finish for the configuration's grace time, then ends them with UNAVAILABLE. */
  stop(): Promise<void>
  kill(): void
}

/**
 * Runs `sluice run` on an nginx.conf in a process of its own, as anywhere else; resolves once it listens. Errors: throws
 * what it said when it does not start.
 */
export async function startSluice(options: {
  configPath: string
  log: (line: string) => void
}): Promise<SluiceProcess> {
  // sluice-main.js once compiled.
  const main = fileURLToPath(import.meta.url).replace("sluice-process", "sluice-main")
  const child = fork(main, ["run", "--json", options.configPath], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  })
  let said = ""
  createInterface({ input: child.stderr! }).on("line", (line) => {
    said = `${said}${line}\n`.slice(-4096)
    options.log(readable(line))
  })
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  await new Promise<void>((resolve, reject) => {
    // The one line on standard output says that it listens.
    createInterface({ input: child.stdout! }).once("line", () => resolve())
    child.once("error", reject)
    void ended.then((why) => reject(new Error(`Sluice did not start (${why}): ${said.trim()}`)))
  })
  return {
    ended,
    async stop() {
      child.kill("SIGTERM")
      await ended
    },
    kill: () => void child.kill("SIGKILL"),
  }
}

/** A line of its log, which is JSON, for people. */
export function readable(line: string): string {
  try {
    const { level, time: _, message, ...fields } = JSON.parse(line) as Record<string, unknown>
    const told = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)
    return [level === "info" ? "" : `${String(level)}:`, String(message), ...told].filter(Boolean).join(" ")
  } catch {
    return line
  }
}
