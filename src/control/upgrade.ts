import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { isSea } from "node:sea"
import type { Clock } from "../base/clock.ts"
import type { ListeningSocket } from "../net/listening-socket.ts"
import { FIRST_FD, UPGRADE_VARIABLE, type UpgradeNotice } from "./inherited-sockets.ts"

/** The new program has this long until it listens. */
const START_MS = 60_000

/** What the new program says once it listens. */
const LISTENING = "sluice listens"

/** The program that takes the place of this one: started with its sockets, and with the arguments it was started with. */
export class Successor {
  readonly #child: ChildProcess
  /** Resolves once it listens. Errors: throws why it does not; it has ended then. */
  readonly listening: Promise<void>

  constructor(sockets: readonly { name: string; socket: ListeningSocket }[], clock: Clock) {
    const notice: UpgradeNotice = {
      of: process.pid,
      sockets: sockets.map(({ name, socket: { origin } }, index) => ({
        fd: FIRST_FD + index,
        name,
        origin: origin === "systemd" ? "systemd" : "predecessor",
      })),
    }
    this.#child = spawn(programOf(process), argumentsOf(process), {
      stdio: ["inherit", "inherit", "inherit", ...sockets.map(({ socket }) => socket.fd), "ipc"],
      env: { ...process.env, [UPGRADE_VARIABLE]: JSON.stringify(notice) },
    })
    this.listening = this.#untilItListens(clock)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Ends it, if it does not listen yet. */
  abandon(): void {
    if (this.#child.connected) this.#child.kill("SIGKILL")
  }

  #untilItListens(clock: Clock): Promise<void> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const timer = clock.after(START_MS, () => {
        reject(new Error(`it does not listen after ${START_MS / 1000} s`))
        child.kill("SIGKILL")
      })
      child.on("error", (error) => reject(error))
      child.on("exit", (code, signal) => {
        timer.cancel()
        reject(new Error(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`))
      })
      child.on("message", (message) => {
        if (message !== LISTENING) return
        timer.cancel()
        // From now on it is on its own.
        child.disconnect()
        child.unref()
        resolve()
      })
    })
  }
}

/** Tells the process whose place this one takes that it may go. */
export function tellPredecessor(): void {
  process.send?.(LISTENING, () => {
    if (process.connected) process.disconnect()
  })
}

/** As it was called, so that a symlink leads to the new version; Node knows its own binary by the path it was found at. */
function programOf({ argv0, execPath }: { argv0: string; execPath: string }): string {
  return argv0.includes("/") && existsSync(argv0) ? argv0 : existsSync(execPath) ? execPath : argv0
}

/** With its own arguments; the single executable has its own path among them by itself. */
function argumentsOf({ execArgv, argv }: { execArgv: string[]; argv: string[] }): string[] {
  return [...execArgv, ...argv.slice(isSea() ? 2 : 1)]
}
