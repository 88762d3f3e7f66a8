import { OctetQueue } from "../http2/octet-queue.ts"

/** Request octets kept after they were sent, so that a stream nobody processed can be sent again. */
const REPLAY_OCTETS = 65_536

/**
 * The request octets of a stream: held until an endpoint is there, and a little longer, for as long as the call may
 * have to be repeated. Gives the client credit for each octet once, however often it is sent.
 *
 * Bounded: unsent octets by the window the client was given, sent ones by `REPLAY_OCTETS`.
 */
export class RequestBuffer {
  #held: OctetQueue | null = null
  #isReplayable = true
  /** Octets of this attempt that the upstream side took. */
  #taken = 0
  /** Octets the client was given credit for. */
  #credited = 0
  #received = 0

  /** All of it can be sent again from the first octet on. */
  get isReplayable(): boolean {
    return this.#isReplayable
  }

  get heldOctets(): number {
    return this.#held === null ? 0 : this.#held.length
  }

  /** Octets came. `isSent` when they go to an upstream at once. */
  add(octets: Buffer, start: number, end: number, isSent: boolean): void {
    this.#received += end - start
    if (!this.#isReplayable) return
    if (isSent && this.#received > REPLAY_OCTETS) {
      this.forget()
      return
    }
    if (end === start) return
    this.#held ??= new OctetQueue()
    this.#held.push(octets, start, end)
  }

  /** What a new attempt has to send first. Valid until the next call. */
  restart(): Buffer | null {
    this.#taken = 0
    return this.#held === null ? null : this.#held.peek()
  }

  /** The attempt's upstream took octets; returns how much credit is due to the client. */
  taken(octets: number): number {
    this.#taken += octets
    const due = this.#taken - this.#credited
    if (due <= 0) return 0
    this.#credited = this.#taken
    return due
  }

  /** The call may no longer be repeated. */
  forget(): void {
    this.#isReplayable = false
    this.#held = null
  }
}
