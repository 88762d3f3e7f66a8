import type { Clock } from "../base/clock.ts"
import type { Log } from "../log/logger.ts"
import type { OpenAdmin } from "./admin/admin.ts"

/** After an upgrade the address is tried so often, with so long between. */
const TAKE_OVER_TRIES = 50
const TAKE_OVER_MS = 100

/** The admin API of the process, while it is open. */
export class AdminDoor {
  readonly #clock: Clock
  readonly #log: Log
  readonly #openAdmin: () => Promise<OpenAdmin | null>
  #admin: OpenAdmin | null = null

  /** `openAdmin`. Errors: throws in a sentence. */
  constructor(clock: Clock, log: Log, openAdmin: () => Promise<OpenAdmin | null>) {
    this.#clock = clock
    this.#log = log
    this.#openAdmin = openAdmin
  }

  /** Null: there is none, or it is not open yet. */
  get address(): string | null {
    return this.#admin?.address ?? null
  }

  /** Errors: throws in a sentence. */
  async open(): Promise<void> {
    this.#admin = await this.#openAdmin()
  }

  /** The process whose place this one takes has the address until it is told, and leaves it then. */
  async takeOver(isWanted: () => boolean): Promise<void> {
    for (let tries = 1; isWanted(); tries++) {
      try {
        return await this.open()
      } catch (error) {
        if (tries === TAKE_OVER_TRIES)
          return this.#log.warn("no admin API", { reason: (error as Error).message })
        await new Promise<void>((resolve) => this.#clock.after(TAKE_OVER_MS, resolve))
      }
    }
  }

  /** A successor is there, and wants the address where that is written in the configuration. */
  giveWay(): void {
    if (this.#admin?.isFixed === true) this.close()
  }

  close(): void {
    this.#admin?.close()
  }
}
