/** What a running process is told to do. */
export type Command = "stop" | "reload" | "reopen" | "upgrade"

export type OnCommand = (command: Command, why: string) => void

const signals: readonly (readonly [signal: NodeJS.Signals, command: Command])[] = [
  ["SIGTERM", "stop"],
  ["SIGINT", "stop"],
  ["SIGQUIT", "stop"],
  ["SIGHUP", "reload"],
  ["SIGUSR1", "reopen"],
  ["SIGUSR2", "upgrade"],
]

/** What tells a process: its signals. */
export interface SignalSource {
  on(event: string, listener: () => void): unknown
}

/**
 * The commands of a process from its first moment on. Untaken, each of these signals would end it, or open Node's
 * debugger to everybody on this machine; what comes before anything listens waits for that.
 */
export class Signals {
  readonly #source: SignalSource
  #isTaken = false
  #early: Parameters<OnCommand>[] = []
  #handler: OnCommand = (...command) => void this.#early.push(command)

  constructor(source: SignalSource) {
    this.#source = source
  }

  /** Takes the signals, once. */
  take(): void {
    if (this.#isTaken) return
    this.#isTaken = true
    for (const [signal, command] of signals) this.#source.on(signal, () => this.#handler(command, signal))
  }

  onCommand(handler: OnCommand): void {
    this.take()
    this.#handler = handler
    // The listener has its own beginning to end first.
    const early = this.#early.splice(0)
    setImmediate(() => {
      for (const command of early) handler(...command)
    })
  }
}

/** Those of this process. */
export const processSignals = new Signals(process)
