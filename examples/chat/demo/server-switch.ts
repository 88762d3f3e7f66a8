import type { ChatServerProcess } from "./chat-server-process.ts"

/** What the page shows of a chat server. */
export interface ServerState {
  readonly name: string
  readonly address: string
  readonly isRunning: boolean
}

interface Known {
  readonly name: string
  readonly port: number
  /** Null: it has been killed, or has ended by itself. */
  process: ChatServerProcess | null
  /** So that two orders at once make one process. */
  starting: Promise<void> | null
}

/** The chat servers, which the page may kill, as `kill -9` does, and start again at the same place. */
export class ServerSwitch {
  readonly #servers = new Map<string, Known>()
  readonly #start: (port: number, name: string) => Promise<ChatServerProcess>
  readonly #log: (line: string) => void

  constructor(
    start: (port: number, name: string) => Promise<ChatServerProcess>,
    log: (line: string) => void,
  ) {
    this.#start = start
    this.#log = log
  }

  add(name: string, process: ChatServerProcess): void {
    const known: Known = { name, port: process.port, process: null, starting: null }
    this.#servers.set(name, known)
    this.#watch(known, process)
  }

  get states(): ServerState[] {
    return [...this.#servers.values()].map(({ name, port, process }) => {
      return { name, address: `127.0.0.1:${port}`, isRunning: process !== null }
    })
  }

  /** Those that run, or did not long ago. */
  get processes(): ChatServerProcess[] {
    return [...this.#servers.values()].flatMap(({ process }) => process ?? [])
  }

  /** Resolves once it has ended; one that is dead stays so. False: there is none of that name. */
  async kill(name: string): Promise<boolean> {
    const known = this.#servers.get(name)
    const process = known?.process
    process?.kill()
    await process?.ended
    return known !== undefined
  }

  /** False: there is none of that name. Errors: throws why it does not start. */
  async restart(name: string): Promise<boolean> {
    const known = this.#servers.get(name)
    if (known === undefined) return false
    if (known.process !== null) return true
    known.starting ??= this.#start(known.port, name)
      .then((process) => this.#watch(known, process))
      .finally(() => (known.starting = null))
    await known.starting
    return true
  }

  #watch(known: Known, process: ChatServerProcess): void {
    known.process = process
    void process.ended.then((why) => {
      this.#log(`[${known.name}] ended (${why})`)
      if (known.process === process) known.process = null
    })
  }
}
