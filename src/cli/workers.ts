import { type ChildProcess, fork } from "node:child_process"
import { createServer } from "node:net"
import type { Clock } from "../base/clock.ts"
import type { ListenerConfig } from "../config/model.ts"
import type { Log, ProcessLog } from "../log/logger.ts"
import { listenProblem } from "../net/listen.ts"
import { type Command, type Control, WORKER_READY, WORKER_VARIABLE } from "./worker-control.ts"

/** A worker that died is replaced no sooner, so that one that cannot live does not keep the machine busy. */
const RESPAWN_MS = 1000

/** Told to end at once, a worker has this long for what its logs hold. */
const LAST_LINES_MS = 1000

export interface WorkersOptions {
  count: number
  /** Makes a process that runs the whole data plane. */
  start(): ChildProcess
  control: Control
  clock: Clock
  log: Log & Pick<ProcessLog, "reopen">
}

/** This program again, as a worker. `commandLine` is what stands behind its own name. */
export function startWorker(commandLine: readonly string[]): ChildProcess {
  return fork(process.argv[1]!, commandLine, { env: { ...process.env, [WORKER_VARIABLE]: "1" } })
}

/**
 * The primary of several workers: each runs the whole data plane, and the kernel deals new connections out among them
 * (SO_REUSEPORT). It passes on what signals ask for and replaces a worker that died; only that one's streams are lost.
 */
export class Workers {
  readonly #options: WorkersOptions
  readonly #running = new Set<ChildProcess>()
  /** Those of them that listen. */
  readonly #ready = new Set<ChildProcess>()
  /** All have been ready at once. */
  #hasStarted = false
  #isStopping = false
  #isStoppingAtOnce = false
  #onReady: () => void = () => {}
  #onDone: (code: number) => void = () => {}

  constructor(options: WorkersOptions) {
    this.#options = options
  }

  /** Runs until stopped. Resolves with the exit code; 1 when a worker cannot start. */
  run(onReady: () => void): Promise<number> {
    this.#onReady = onReady
    for (let i = 0; i < this.#options.count; i++) this.#spawn()
    this.#options.control.onCommand((command, why) => this.#command(command, why))
    return new Promise((resolve) => {
      this.#onDone = resolve
    })
  }

  #spawn(): void {
    const { count, start, log } = this.#options
    const worker = start()
    this.#running.add(worker)
    worker.on("message", (message) => {
      if (message !== WORKER_READY) return
      this.#ready.add(worker)
      if (this.#hasStarted || this.#ready.size < count) return
      this.#hasStarted = true
      this.#onReady()
    })
    worker.on("exit", (code, signal) => this.#exited(worker, signal ?? String(code)))
    worker.on("error", (error) => {
      // Of a process that could not be made there is no exit; what could not be sent to one that dies is no loss.
      if (worker.pid !== undefined) return
      log.error("cannot start a worker", { reason: error.message })
      this.#exited(worker, error.message)
    })
  }

  #exited(worker: ChildProcess, how: string): void {
    this.#running.delete(worker)
    const wasReady = this.#ready.delete(worker)
    if (this.#isStopping) {
      if (this.#running.size === 0) this.#onDone(0)
      return
    }
    if (!wasReady && !this.#hasStarted) {
      // It said why on standard error.
      this.#isStopping = true
      this.#kill()
      this.#onDone(1)
      return
    }
    this.#options.log.error("a worker died; its streams are lost, and another takes its place", {
      worker: worker.pid,
      how,
    })
    this.#options.clock.after(RESPAWN_MS, () => {
      if (!this.#isStopping) this.#spawn()
    })
  }

  #command(command: Command, why: string): void {
    if (command === "stop" && this.#isStopping) return this.#stopAtOnce(why)
    this.#options.log.info(`passing on: ${command}`, { signal: why, workers: this.#running.size })
    if (command === "stop") this.#isStopping = true
    // A reload opens logs anew too.
    if (command !== "stop") void this.#options.log.reopen()
    this.#tell(command)
    if (this.#isStopping && this.#running.size === 0) this.#onDone(0)
  }

  #tell(command: Command): void {
    for (const worker of this.#running) if (worker.connected) worker.send(command)
  }

  /** Each worker ends by itself once it has written the last lines of its logs. */
  #stopAtOnce(why: string): void {
    if (this.#isStoppingAtOnce) return this.#kill()
    this.#isStoppingAtOnce = true
    this.#options.log.warn("stopping at once", { signal: why })
    this.#tell("stop")
    this.#options.clock.after(LAST_LINES_MS, () => this.#kill())
  }

  #kill(): void {
    for (const worker of this.#running) worker.kill("SIGKILL")
  }
}

/**
 * With SO_REUSEPORT a second program could share a port unnoticed; so each is tried alone first, unless the configuration
 * asks for sharing. Throws in one sentence.
 */
export async function assertFree(listeners: readonly ListenerConfig[]): Promise<void> {
  for (const listener of listeners) {
    if (listener.port === null || listener.reusePort) continue
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new Error(listenProblem(listener, error))))
      server.listen(
        { host: listener.host ?? "::", port: listener.port, ipv6Only: listener.ipv6Only },
        resolve,
      )
    })
    await new Promise((resolve) => server.close(resolve))
  }
}
