import type { Socket } from "node:net"
import { type Deadline, makeDeadline } from "../base/timer-wheel.ts"
import { resetSocket } from "../net/reset-socket.ts"
import { readShared } from "../net/shared-read.ts"
import { writeQueueOctets } from "../net/write-queue.ts"
import { Pipe, type PipeContext } from "./pipe.ts"
import type { SessionSettings } from "./session-settings.ts"

export interface RelayOptions {
  readonly context: PipeContext
  readonly client: Socket
  readonly endpoint: Socket
  readonly settings: SessionSettings
  /** Octets came from either side, or were taken. */
  onActive(nowMs: number): void
  /** The first octets of the endpoint have come. */
  onFirstOctets(nowMs: number): void
  /** Both sockets are closed. */
  onOver(): void
}

/**
 * A client and an endpoint that are joined: octets, ends and aborts of one go to the other. A side that ends is told to the
 * other by a half-close; one that breaks, by a reset.
 */
export class Relay {
  /** From the client, and to it. */
  readonly up: Pipe
  readonly down: Pipe
  readonly #options: RelayOptions
  readonly #idle: Deadline
  #activeMs: number
  /** Of both sockets, when activity was last looked for. */
  #queued = 0
  #open = 2

  constructor(options: RelayOptions) {
    const { context, client, endpoint, settings } = options
    this.#options = options
    this.#activeMs = context.clock.now()
    this.#idle = makeDeadline(() => this.#onIdle())
    const shared = { context, onEnd: (pipe: Pipe) => this.#onEnd(pipe) }
    this.up = new Pipe({
      ...shared,
      from: client,
      to: endpoint,
      octetsPerSecond: settings.uploadOctetsPerSecond,
      onActive: () => this.#onActive(),
    })
    this.down = new Pipe({
      ...shared,
      from: endpoint,
      to: client,
      octetsPerSecond: settings.downloadOctetsPerSecond,
      onActive: () => this.#onActive(),
    })
  }

  /** @param held what the client has sent already */
  begin(held: Buffer): void {
    const { context, client, endpoint, settings } = this.#options
    for (const pipe of [this.up, this.down]) {
      pipe.from.on("error", () => resetSocket(pipe.to))
      pipe.from.once("end", () => pipe.end())
      pipe.from.once("close", () => this.#onClose(pipe))
      readShared(pipe.from, (octets, length) => pipe.received(octets, length), pipe)
    }
    if (client.destroyed || endpoint.destroyed) this.end()
    context.deadlines.set(this.#idle, settings.idleTimeoutMs)
    this.up.received(held, held.length)
  }

  /** Ends both sides at once. */
  end(): void {
    this.#options.client.destroy()
    this.#options.endpoint.destroy()
  }

  #onActive(): void {
    const nowMs = this.#options.context.clock.now()
    this.#activeMs = nowMs
    if (this.down.octets > 0 && !this.#hasAnswered) {
      this.#hasAnswered = true
      this.#options.onFirstOctets(nowMs)
    }
    this.#options.onActive(nowMs)
  }

  #hasAnswered = false

  /** All that one side sent has been written to the other. */
  #onEnd({ to }: Pipe): void {
    if (this.#options.settings.halfClose) to.end()
    else for (const socket of [this.#options.client, this.#options.endpoint]) socket.destroySoon()
  }

  #onClose(pipe: Pipe): void {
    if (--this.#open === 0) return this.#over()
    // It broke, or was ended here: what the other side still says has no receiver.
    if (!this.up.hasEnded || !this.down.hasEnded || pipe.from.errored !== null) pipe.to.destroySoon()
  }

  #over(): void {
    this.#options.context.deadlines.cancel(this.#idle)
    this.up.close()
    this.down.close()
    this.#options.onOver()
  }

  #onIdle(): void {
    const { context, client, endpoint, settings } = this.#options
    const leftMs = this.#activeMs + settings.idleTimeoutMs - context.clock.now()
    const queued = writeQueueOctets(client) + writeQueueOctets(endpoint)
    const isTaking = queued !== this.#queued
    this.#queued = queued
    if (leftMs <= 0 && !isTaking && !this.up.isDelayed && !this.down.isDelayed) return this.end()
    context.deadlines.set(this.#idle, leftMs > 0 ? leftMs : settings.idleTimeoutMs)
  }
}
