import type { Duplex } from "node:stream"

/** What a tunnel tells of. */
export interface TunnelEvents {
  /** False: no more octets are wanted until `resume`. */
  onData(octets: Buffer): boolean
  /** The kernel took so many. */
  onSent(octets: number): void
  /** The backend has ended its side: so does the whole, as in nginx. */
  onEnd(): void
  onError(error: Error): void
}

/** A connection to a backend that has switched to another protocol: octets as they come, both ways. */
export class Tunnel {
  readonly #socket: Duplex
  readonly #events: TunnelEvents

  constructor(socket: Duplex, events: TunnelEvents) {
    this.#socket = socket
    this.#events = events
    socket.on("error", (error: Error) => events.onError(error))
    socket.on("close", () => events.onError(new Error("the connection was closed")))
  }

  /** Reads, from now on. */
  begin(): void {
    this.#socket.on("data", (octets: Buffer) => {
      if (!this.#events.onData(octets)) this.#socket.pause()
    })
    this.#socket.on("end", () => this.#events.onEnd())
    this.#socket.resume()
  }

  write(octets: Buffer): void {
    this.#socket.write(octets, (error) => {
      if (!error) this.#events.onSent(octets.length)
    })
  }

  end(): void {
    this.#socket.end()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** What was written leaves first. */
  close(): void {
    const { destroySoon } = this.#socket as { destroySoon?(): void }
    if (destroySoon === undefined) this.#socket.destroy()
    else destroySoon.call(this.#socket)
  }
}
