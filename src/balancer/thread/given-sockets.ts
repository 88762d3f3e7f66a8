import type { ListenerConfig } from "../../config/model.ts"
import { type Listening, listen, listenOn, type OnAccept, type TakeOver } from "../../net/listen.ts"
import { type Network, systemNetwork } from "../../net/network.ts"
import { openDescriptor } from "../../net/socket-handle.ts"
import type { ThreadSockets } from "./contract.ts"

/** The network of a data thread: it listens on sockets that it was given. */
export class GivenSockets implements Network {
  readonly connect = systemNetwork.connect
  readonly afterReads = systemNetwork.afterReads
  readonly #fds = new Map<string, readonly number[]>()

  give(sockets: ThreadSockets): void {
    for (const [listener, fds] of Object.entries(sockets)) this.#fds.set(listener, fds)
  }

  /** Closes those that no listener has taken. */
  closeRest(): void {
    for (const fd of [...this.#fds.values()].flat()) closeDescriptor(fd)
    this.#fds.clear()
  }

  listen = async (
    config: ListenerConfig,
    onConnection: OnAccept,
    takeOver?: TakeOver,
  ): Promise<Listening> => {
    const fds = this.#fds.get(config.name)
    // Windows has no descriptors to give.
    if (fds === undefined) return listen(config, onConnection, takeOver)
    this.#fds.delete(config.name)
    const open: Listening[] = []
    for (const [at, fd] of fds.entries()) {
      try {
        open.push(await listenOn(fd, config, onConnection, takeOver))
      } catch (error) {
        for (const listening of open) listening.close()
        for (const rest of fds.slice(at + 1)) closeDescriptor(rest)
        throw error
      }
    }
    const close = (): void => {
      for (const listening of open) listening.close()
    }
    return { port: open[0]!.port, close }
  }
}

function closeDescriptor(fd: number): void {
  const handle = openDescriptor(fd)
  if (typeof handle !== "number") handle.close()
}
