/**
 * How a running process is told what to do: by signals when it stands alone, by its primary's messages when it is one
 * of several workers.
 */
export type Command = "stop" | "reload" | "reopen"

/** What a worker tells its primary once it listens. */
export const WORKER_READY = "ready"

export const WORKER_VARIABLE = "SLUICE_WORKER"

export type OnCommand = (command: Command, why: string) => void

export interface Control {
  onCommand(handler: OnCommand): void
}

const signals: readonly (readonly [signal: NodeJS.Signals, command: Command])[] = [
  ["SIGTERM", "stop"],
  ["SIGINT", "stop"],
  ["SIGQUIT", "stop"],
  ["SIGHUP", "reload"],
  ["SIGUSR1", "reopen"],
]

/** What tells a process: signals, and of a worker its primary. */
export interface CommandSource {
  on(event: string, listener: (message: unknown) => void): unknown
  /** Whether its primary is there. */
  readonly connected?: boolean
}

/**
 * The commands of a process from its first moment on. Untaken, each of these signals would end it, or open Node's
 * debugger to everybody on this machine; what comes before anybody listens waits for that.
 */
export class Commands implements Control {
  readonly #source: CommandSource
  readonly #isWorker: boolean
  #isTaken = false
  #early: Parameters<OnCommand>[] = []
  #handler: OnCommand = (...command) => void this.#early.push(command)

  constructor(source: CommandSource, isWorker: boolean) {
    this.#source = source
    this.#isWorker = isWorker
  }

  /** Takes the signals, once. */
  take(): void {
    if (this.#isTaken) return
    this.#isTaken = true
    const source = this.#source
    const give: OnCommand = (...command) => this.#handler(...command)
    // A worker leaves the signals, which a terminal sends to everyone, to its primary; without one it has no work.
    for (const [signal, command] of signals)
      source.on(signal, this.#isWorker ? () => {} : () => give(command, signal))
    // nginx's call for another binary: whoever runs says that there is none.
    source.on("SIGUSR2", () => {})
    if (!this.#isWorker) return
    source.on("message", (message) => {
      const command = signals.find(([, each]) => each === message)?.[1]
      if (command !== undefined) give(command, "primary")
    })
    const gone = (): void => give("stop", "the primary is gone")
    source.on("disconnect", gone)
    if (source.connected !== true) gone()
  }

  onCommand(handler: OnCommand): void {
    this.take()
    this.#handler = handler
    // Whoever listens from now on has its own beginning to end first.
    const early = this.#early.splice(0)
    setImmediate(() => {
      for (const command of early) handler(...command)
    })
  }
}

export const isWorker = process.env[WORKER_VARIABLE] !== undefined

/** Those of this process. */
export const commands = new Commands(process, isWorker)
