import { type ChildProcess, fork } from "node:child_process"
import { createServer } from "node:net"
import { availableParallelism } from "node:os"
import { systemClock } from "../clock.ts"
import type { Config, ListenerConfig } from "../config/model.ts"
import type { Log } from "../log/logger.ts"
import { listenProblem } from "../net/listen.ts"
import { type Command, signalControl, WORKER_READY, WORKER_VARIABLE } from "./worker-control.ts"

/** A worker that died is replaced no sooner, so that one that cannot live does not keep the machine busy. */
const RESPAWN_MS = 1000

export function workerCount(config: Config): number {
  return config.workers === "auto" ? availableParallelism() : config.workers
}

/**
 * The primary of several workers: each runs the whole data plane, and the kernel deals new connections out among them
 * (SO_REUSEPORT). It passes on what signals ask for and replaces a worker that died; only that one's streams are lost.
 */
export class Workers {
  readonly #log: Log
  readonly #count: number
  readonly #arguments: string[]
  readonly #running = new Set<ChildProcess>()
  #isStopping = false
  #readyLeft: number
  #onReady: () => void = () => {}
  #onDone: (code: number) => void = () => {}

  /** `arguments` is the command line behind the program's own name. */
  constructor(count: number, commandLine: string[], log: Log) {
    this.#count = count
    this.#arguments = commandLine
    this.#log = log
    this.#readyLeft = count
  }

  /** Runs until stopped. Resolves with the exit code; 1 when a worker cannot start. */
  run(onReady: () => void): Promise<number> {
    this.#onReady = onReady
    for (let i = 0; i < this.#count; i++) this.#spawn()
    signalControl.onCommand((command, why) => this.#command(command, why))
    return new Promise((resolve) => {
      this.#onDone = resolve
    })
  }

  #spawn(): void {
    const program = process.argv[1]!
    const worker = fork(program, this.#arguments, { env: { ...process.env, [WORKER_VARIABLE]: "1" } })
    let isReady = false
    this.#running.add(worker)
    worker.on("message", (message) => {
      if (message !== WORKER_READY || isReady) return
      isReady = true
      if (--this.#readyLeft === 0) this.#onReady()
    })
    worker.on("exit", (code, signal) => this.#exited(worker, isReady, signal ?? String(code)))
    worker.on("error", (error) => {
      // Of a process that could not be made there is no exit; what could not be sent to one that dies is no loss.
      if (worker.pid !== undefined) return
      this.#log.error("cannot start a worker", { reason: error.message })
      this.#exited(worker, isReady, error.message)
    })
  }

  #exited(worker: ChildProcess, wasReady: boolean, how: string): void {
    this.#running.delete(worker)
    if (this.#isStopping) {
      if (this.#running.size === 0) this.#onDone(0)
      return
    }
    if (!wasReady && this.#readyLeft > 0) {
      // It said why on standard error.
      this.#isStopping = true
      for (const other of this.#running) other.kill("SIGKILL")
      this.#onDone(1)
      return
    }
    this.#log.error("a worker died; its streams are lost, and another takes its place", {
      worker: worker.pid,
      how,
    })
    this.#readyLeft = 0
    systemClock.after(RESPAWN_MS, () => {
      if (!this.#isStopping) this.#spawn()
    })
  }

  #command(command: Command, why: string): void {
    if (command === "stop" && this.#isStopping) {
      this.#log.warn("stopping at once", { signal: why })
      for (const worker of this.#running) worker.kill("SIGKILL")
      return
    }
    this.#log.info(`passing on: ${command}`, { signal: why, workers: this.#running.size })
    if (command === "stop") this.#isStopping = true
    for (const worker of this.#running) if (worker.connected) worker.send(command)
    if (this.#running.size === 0) this.#onDone(0)
  }
}

/** With SO_REUSEPORT a second program could share a port unnoticed; so each is tried alone first. Throws in one sentence. */
export async function assertFree(listeners: readonly ListenerConfig[]): Promise<void> {
  for (const listener of listeners) {
    if (listener.port === null) continue
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
