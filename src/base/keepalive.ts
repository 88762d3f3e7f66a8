/** What to do now. */
export type KeepaliveAction = "none" | "ping" | "dead"

export interface KeepaliveSettings {
  readonly intervalMs: number
  readonly timeoutMs: number
}

/**
 * Finds a peer that is gone without a word. Anything that comes is a sign of life; after `intervalMs` of silence a PING
 * asks for one, and `timeoutMs` later the peer counts as dead. Asks only while streams are open, as gRPC servers demand
 * (gRPC, proposal A8).
 */
export class Keepalive {
  #intervalMs: number
  readonly timeoutMs: number
  #heardMs: number
  #askedMs = -1
  #answerWithinMs: number

  constructor(settings: KeepaliveSettings, nowMs: number) {
    this.#intervalMs = settings.intervalMs
    this.timeoutMs = settings.timeoutMs
    this.#answerWithinMs = settings.timeoutMs
    this.#heardMs = nowMs
  }

  received(nowMs: number): void {
    this.#heardMs = nowMs
    this.#askedMs = -1
  }

  /** How long the PING that was sent last has been given. */
  get answerWithinMs(): number {
    return this.#answerWithinMs
  }

  /** A PING was sent ahead of its time: no more is until it is answered, within `withinMs` or what is set, if that is less. */
  asked(nowMs: number, withinMs: number): void {
    if (this.#askedMs >= 0) return
    this.#askedMs = nowMs
    this.#answerWithinMs = Math.min(withinMs, this.timeoutMs)
  }

  /** A PING has had no answer for so long, nor did anything else come. */
  isUnansweredFor(ms: number, nowMs: number): boolean {
    return this.#askedMs >= 0 && nowMs - this.#askedMs >= ms
  }

  /** `isReadingPaused`: we do not read what the peer sends, signs of life among it, so it is not judged. */
  check(nowMs: number, hasStreams: boolean, isReadingPaused: boolean): KeepaliveAction {
    if (isReadingPaused) this.received(nowMs)
    if (this.#askedMs >= 0) return nowMs - this.#askedMs >= this.#answerWithinMs ? "dead" : "none"
    if (!hasStreams || nowMs - this.#heardMs < this.#intervalMs) return "none"
    this.#askedMs = nowMs
    this.#answerWithinMs = this.timeoutMs
    return "ping"
  }

  /**
   * The peer found the PINGs too many: half as often from now on, down to one per `intervalMaxMs`. Returns what new
   * connections to it should keep to; nothing shortens it again, since asking too often costs the streams (A8).
   */
  backOff(intervalMaxMs: number): KeepaliveSettings {
    this.#intervalMs = Math.max(this.#intervalMs, Math.min(2 * this.#intervalMs, intervalMaxMs))
    return { intervalMs: this.#intervalMs, timeoutMs: this.timeoutMs }
  }
}
