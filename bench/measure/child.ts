import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"

const FILES_WANTED = 1_000_000
const LAST_WORDS_OCTETS = 2000
const PATIENCE_MS = 10_000

/** Which core runs what. With two cores the backends share the generator's. */
export interface Cores {
  proxy: number
  generator: number
  backend: number
}

/** Null when nothing can be pinned: one core only, or no `taskset`. */
export function chooseCores(): Cores | null {
  const count = cpus().length
  if (count < 2 || spawnSync("taskset", ["--version"]).error !== undefined) return null
  return { proxy: 0, generator: 1, backend: count > 2 ? 2 : 1 }
}

const CHECKOUT = new URL("../../", import.meta.url)

/** Where this checkout is on this machine is nothing for a document. */
export function withoutCheckout(text: string): string {
  return text.replaceAll(CHECKOUT.href, "").replaceAll(fileURLToPath(CHECKOUT), "")
}

/** A process the benchmark started, on its core, with as many open files as the system grants. */
export class Child {
  readonly process: ChildProcess
  #lastWords = ""
  #exit: string | null = null

  constructor(
    command: readonly string[],
    core: number | undefined,
    ipc: boolean,
    variables: Readonly<Record<string, string>> = {},
  ) {
    const raiseFiles = `ulimit -n ${FILES_WANTED} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`
    const pin = core === undefined ? [] : ["taskset", "-c", String(core)]
    const stdio: StdioOptions = ["ignore", "pipe", "pipe", ...(ipc ? ["ipc" as const] : [])]
    // Debian keeps servers in sbin, which is not on everyone's PATH.
    const env = { ...process.env, ...variables, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
    this.process = spawn("sh", ["-c", raiseFiles, "sh", ...pin, ...command], { stdio, env })
    for (const output of [this.process.stdout, this.process.stderr]) {
      output?.on("data", (text) => {
        this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_OCTETS)
      })
    }
    this.process.on("error", (error) => {
      this.#exit = error.message
    })
    this.process.on("exit", (code, signal) => {
      this.#exit = signal ?? `exit code ${code}`
    })
  }

  get pid(): number {
    return this.process.pid!
  }

  /** How it ended; null while it runs. */
  get exit(): string | null {
    return this.#exit
  }

  /** The end of what it printed, on one line. */
  get lastWords(): string {
    return withoutCheckout(this.#lastWords.trim().split("\n").slice(-3).join(" | "))
  }

  /** Sends `message` (when given) and waits for the next answer. Rejects when the process ends first. */
  ask<Answer>(message?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error(`the load process ended: ${this.#exit} ${this.lastWords}`))
      this.process.once("exit", onExit)
      this.process.once("message", (answer) => {
        this.process.off("exit", onExit)
        resolve(answer as Answer)
      })
      if (message !== undefined) this.process.send(message)
    })
  }

  /** SIGTERM, and SIGKILL to what does not heed it. */
  async stop(): Promise<void> {
    if (this.#exit !== null) return
    const ended = new Promise((resolve) => this.process.once("exit", resolve))
    this.process.kill("SIGTERM")
    const timer = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE_MS)
    await ended
    clearTimeout(timer)
  }
}
