import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import type { Clock } from "../base/clock.ts"
import { type Counters, counterIds } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import type { Log, LogFields } from "../log/logger.ts"

/** How often the log says so, however many are turned away. */
const SAY_EVERY_MS = 10_000
/** Where so few descriptors are allowed, a part of them is kept free. */
const RESERVED_PART = 0.25

export interface DescriptorsOptions {
  clock: Clock
  counters: Counters
  limits: Limits
  log: Log
  /** Descriptors that the process may have. Default: what the system says. */
  openFilesMax?: number
}

/**
 * The file descriptors of the process, of which clients leave some free. Where none is left libuv accepts clients and closes
 * them, and no one hears of it; so they are turned away before, with a line in the log.
 */
export class Descriptors {
  /** `ulimit -n`; Infinity where the system does not say. */
  readonly openFilesMax: number
  readonly #options: DescriptorsOptions
  readonly #clientsBelow: number
  #saidMs = Number.NEGATIVE_INFINITY
  #unsaid = 0

  constructor(options: DescriptorsOptions) {
    this.#options = options
    this.openFilesMax = options.openFilesMax ?? openFilesMax()
    const reserved = Math.min(
      options.limits.descriptorsReserved,
      Math.floor(RESERVED_PART * this.openFilesMax),
    )
    this.#clientsBelow = this.openFilesMax - reserved
  }

  /** The system gives the lowest number that is free, so a high one says that all below it are in use. */
  isLow(socket: Socket): boolean {
    const { fd } = (socket as { _handle?: { fd?: number } | null })._handle ?? {}
    return fd !== undefined && fd >= this.#clientsBelow
  }

  /** A client was turned away, or an endpoint could not be connected to, for want of one. */
  exhausted(fields: LogFields): void {
    const { clock, counters, log } = this.#options
    counters.add(counterIds.descriptors_exhausted)
    const nowMs = clock.now()
    if (nowMs - this.#saidMs < SAY_EVERY_MS) {
      this.#unsaid++
      return
    }
    log.warn("limit reached: descriptors_exhausted", {
      ...fields,
      openFilesMax: this.openFilesMax,
      ...(this.#unsaid > 0 && { unsaid: this.#unsaid }),
    })
    this.#saidMs = nowMs
    this.#unsaid = 0
  }

  /** As `exhausted`. Returns how the message of the failure goes on. */
  refused(fields: LogFields): string {
    this.exhausted(fields)
    return `: this process may have ${this.openFilesMax} (ulimit -n)`
  }
}

function openFilesMax(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
