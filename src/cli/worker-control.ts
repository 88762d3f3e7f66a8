/**
 * How a running process is told what to do: by signals when it stands alone, by its primary's messages when it is one
 * of several workers.
 */
export type Command = "stop" | "reload" | "reopen"

/** What a worker tells its primary once it listens. */
export const WORKER_READY = "ready"

export const WORKER_VARIABLE = "SLUICE_WORKER"

export interface Control {
  onCommand(handler: (command: Command, why: string) => void): void
}

const signals: readonly (readonly [signal: NodeJS.Signals, command: Command])[] = [
  ["SIGTERM", "stop"],
  ["SIGINT", "stop"],
  ["SIGQUIT", "stop"],
  ["SIGHUP", "reload"],
  ["SIGUSR1", "reopen"],
]

export const signalControl: Control = {
  onCommand(handler) {
    for (const [signal, command] of signals) process.on(signal, () => handler(command, signal))
  },
}

/** A worker leaves the signals, which a terminal sends to everyone, to its primary; without one it has no work. */
export const primaryControl: Control = {
  onCommand(handler) {
    for (const [signal] of signals) process.on(signal, () => {})
    process.on("message", (message) => {
      const command = signals.find(([, each]) => each === message)?.[1]
      if (command !== undefined) handler(command, "primary")
    })
    process.on("disconnect", () => handler("stop", "the primary is gone"))
  },
}
