import { connect } from "node:net"
import { Connection, type ConnectionOwner } from "../../bench/load/connection.ts"
import type { StreamOwner } from "../../bench/load/stream.ts"
import { type CallOutcome, callOn } from "./call-load.ts"

/** New connections at a steady rate, each for one call that goes out with its first octets. None is tried twice. */
export class ConnectionLoad {
  opened = 0
  /** How many ended how: `ok`, a status, or what became of the connection. */
  readonly outcomes = new Map<string, number>()
  readonly #port: number
  readonly #rate: number
  readonly #ticker: NodeJS.Timeout
  #lastMs = performance.now()
  #owed = 0
  #underWay = 0

  constructor(options: { port: number; rate: number }) {
    this.#port = options.port
    this.#rate = options.rate
    this.#ticker = setInterval(() => this.#tick(), 1)
  }

  /** Opens no more; resolves when all have had their answer, or after ten seconds. Returns how many have not. */
  async finish(): Promise<number> {
    clearInterval(this.#ticker)
    const deadline = performance.now() + 10_000
    while (this.#underWay > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10))
    return this.#underWay
  }

  /** Those that did not end well. */
  get failed(): [how: string, many: number][] {
    return [...this.outcomes].filter(([how]) => how !== "ok")
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#owed += ((nowMs - this.#lastMs) * this.#rate) / 1000
    this.#lastMs = nowMs
    for (; this.#owed >= 1; this.#owed--) this.#open()
  }

  #open(): void {
    this.opened++
    this.#underWay++
    const socket = connect({ host: "127.0.0.1", port: this.#port, noDelay: true })
    let isOver = false
    const over = (how: string): void => {
      if (isOver) return
      isOver = true
      this.#underWay--
      this.outcomes.set(how, (this.outcomes.get(how) ?? 0) + 1)
      socket.destroy()
    }
    socket.on("error", ({ message }) => over(message))
    socket.on("connect", () => {
      const owner: ConnectionOwner = {
        // The call under way is served all the same.
        leave: () => {},
        lost: (_, reason) => over(`lost: ${reason}`),
        open: (): StreamOwner => {
          throw new Error("a server opened a stream")
        },
        room: () => {},
      }
      const connection = new Connection(socket, true, owner)
      socket.on("data", (octets) => connection.receive(octets, octets.length))
      callOn(connection, { done: ({ how }: CallOutcome) => over(how) })
    })
  }
}
