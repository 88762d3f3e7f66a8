import type { OpenAddress } from "../balancer/status.ts"
import type { ThreadSockets } from "../balancer/thread/contract.ts"
import type { ListenerConfig } from "../config/model.ts"
import { wildcardOf } from "../config/wildcard.ts"
import type { Log } from "../log/logger.ts"
import { bindSockets, type ListeningSocket } from "../net/listening-socket.ts"
import { copySockets } from "../net/socket-copies.ts"
import { type InheritedSocket, matchInherited } from "./inherited-sockets.ts"

/** Windows passes no descriptors: there each thread listens by itself. */
const CAN_GIVE = process.platform !== "win32"

/**
 * The listening sockets of the process, by listener. The control side holds them open, threads listen on copies: a thread that
 * dies leaves its queue to the one that takes its place, and a new version of the program goes on where this one ends.
 */
export class ListenerSockets {
  readonly #threads: number
  readonly #inherited: InheritedSocket[]
  readonly #open = new Map<string, { config: ListenerConfig; sockets: readonly ListeningSocket[] }>()

  constructor(threads: number, inherited: readonly InheritedSocket[]) {
    this.#threads = threads
    this.#inherited = [...inherited]
  }

  /**
   * Binds the addresses of those listeners that are not open, and returns their names; those whose clients come by the socket
   * of all addresses need none. Errors: throws a sentence that names the address; none of them stays open then.
   */
  async open(listeners: readonly ListenerConfig[]): Promise<string[]> {
    const missing = listeners.filter(
      (listener) => !this.#open.has(listener.name) && wildcardOf(listener, listeners) === null,
    )
    const opened: string[] = []
    if (!CAN_GIVE) return opened
    try {
      const inherited = await matchInherited(missing, this.#inherited)
      for (const config of missing) {
        const sockets = inherited.get(config.name) ?? (await bindSockets(config, this.#threads))
        this.#open.set(config.name, { config, sockets })
        opened.push(config.name)
      }
    } catch (error) {
      this.close(opened)
      throw error
    }
    return opened
  }

  /** Says which inherited sockets no listener wants, and closes them. */
  closeUnused(log: Log): void {
    for (const { socket, name } of this.#inherited.splice(0)) {
      const { host, port, unixPath } = socket.address
      log.warn("an inherited socket has no listener", { name, address: unixPath ?? `${host} ${port}` })
      socket.close()
    }
  }

  /** Closes all but those of `listeners`. */
  retain(listeners: readonly ListenerConfig[]): void {
    const kept = new Set(listeners.map(({ name }) => name))
    this.close([...this.#open.keys()].filter((name) => !kept.has(name)))
  }

  close(names: Iterable<string> = [...this.#open.keys()]): void {
    for (const name of names) {
      for (const socket of this.#open.get(name)?.sockets ?? []) socket.close()
      this.#open.delete(name)
    }
  }

  /** Closes all, and leaves to the process before this one what was its own: it goes on. */
  giveUp(): void {
    for (const { sockets } of this.#open.values())
      for (const socket of sockets) {
        if (socket.origin === "predecessor") socket.leave()
        else socket.close()
      }
    this.#open.clear()
  }

  /** Closes all, and leaves them to the process that takes the place of this one. */
  leave(): void {
    for (const { sockets } of this.#open.values()) for (const socket of sockets) socket.leave()
    this.#open.clear()
  }

  addresses(listeners: readonly ListenerConfig[]): OpenAddress[] {
    return listeners.map(({ name, host, port, unixPath }) => {
      const bound = this.#open.get(name)?.sockets[0]?.address.port ?? port
      return { name, host, port: bound, unixPath }
    })
  }

  /** All of them, for another process. */
  all(): { name: string; socket: ListeningSocket }[] {
    return [...this.#open].flatMap(([name, { sockets }]) => sockets.map((socket) => ({ name, socket })))
  }

  /** What each of the threads `indexes` listens on for the listeners `names`. Errors: throws a sentence. */
  async copiesFor(indexes: readonly number[], names: readonly string[]): Promise<ThreadSockets[]> {
    const wanted = names.flatMap((name) =>
      (this.#open.get(name)?.sockets ?? []).map((socket, nth, { length }) => ({
        name,
        fd: socket.fd,
        takers: indexes.filter((index) => this.#isFor(index, nth, length)),
      })),
    )
    const copies = await copySockets(wanted.map(({ fd, takers }) => ({ fd, copies: takers.length })))
    return indexes.map((index) => {
      const given: Record<string, number[]> = {}
      for (const [at, { name, takers }] of wanted.entries())
        if (takers.includes(index)) (given[name] ??= []).push(copies[at]!.pop()!)
      return given
    })
  }

  /** Whether thread `index` listens on the `nth` of `many` sockets: each has one for itself if there are enough. */
  #isFor(index: number, nth: number, many: number): boolean {
    return many >= this.#threads ? nth % this.#threads === index : index % many === nth
  }
}
