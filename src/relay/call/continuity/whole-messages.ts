import type { ContinuityMode } from "../../../config/model.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import { MessageCutter } from "../../../grpc/message-cutter.ts"
import { countWhole } from "../../../grpc/message-scanner.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import { OctetQueue } from "../../../http2/octet-queue.ts"

/** Where response octets go: the client. */
export interface ResponseSink {
  /** How many octets were taken now. */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number
}

/**
 * Response messages on their way to the client, each only once it is here whole: so the client always stands between two
 * messages when a leg is lost. One that is larger than `mostOctets`, and any while memory is short, is cut through:
 * while it is under way the call cannot be continued.
 */
export class WholeMessages {
  /** Whole messages that the client has been given. */
  delivered: number
  /** The client has a part of a message. */
  isMidMessage = false
  readonly #sink: ResponseSink
  readonly #budget: BufferBudget
  readonly #mostOctets: number
  /** Made when octets first end within a message, which most never do. */
  #cutter: MessageCutter | null = null
  #held: OctetQueue | null = null
  /** How many legs are over: what the client is given may end its call. */
  protected legsOver = 0

  /**
   * `mostOctets`: of a message that is held, prefix included; at most half of the window that endpoints are given.
   * `delivered`: what the client has by now.
   */
  constructor(sink: ResponseSink, budget: BufferBudget, mostOctets: number, delivered = 0) {
    this.#sink = sink
    this.#budget = budget
    this.#mostOctets = mostOctets
    this.delivered = delivered
  }

  get heldOctets(): number {
    return this.#held === null ? 0 : this.#held.length
  }

  /** What the client has ends with this resume token: there are none. */
  get token(): FieldValue | null {
    return null
  }

  /** Another leg begins. */
  begin(_mode: ContinuityMode): void {}

  /** The leg has its head. `isAware`: its backend speaks of continuity itself. */
  onHead(_isAware: boolean): void {}

  /** The leg has not said everything again that the client has: an answer that is whole now is another one. */
  get isRepeating(): boolean {
    return false
  }

  /** Takes off the front of `start..end` what the client has: where the rest begins; -1: it is not the same. */
  skip(_octets: Buffer, start: number, _end: number): number {
    return start
  }

  /** Passes on what came. Returns how many octets the client has taken at once. */
  pass(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.#held === null && !this.isMidMessage) {
      const whole = countWhole(octets, start, end)
      if (whole >= 0) {
        this.delivered += whole
        return this.give(octets, start, end, endStream)
      }
    }
    return this.#cut(octets, start, end, endStream)
  }

  #cut(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const cutter = (this.#cutter ??= new MessageCutter())
    const before = cutter.whole
    const cut = cutter.scan(octets, start, end)
    this.delivered += cutter.whole - before
    const { legsOver } = this
    let taken = 0
    let from = start
    if (cut >= 0) {
      taken += this.release()
      this.isMidMessage = false
      taken += this.give(octets, start, cut, endStream && cut === end)
      from = cut
    }
    if (from === end || legsOver !== this.legsOver) return taken
    const isTooLarge = cutter.messageOctets > this.#mostOctets || this.#budget.isAboveHighWatermark
    if (!endStream && !this.isMidMessage && !isTooLarge) {
      this.hold(octets, from, end)
      return taken
    }
    taken += this.release()
    this.isMidMessage = true
    return taken + this.give(octets, from, end, endStream)
  }

  protected give(octets: Buffer, start: number, end: number, endStream: boolean): number {
    return this.#sink.sendData(octets, start, end, endStream)
  }

  protected hold(octets: Buffer, start: number, end: number): void {
    this.#held ??= OctetQueue.obtain()
    this.#held.push(octets, start, end)
    this.#held.settle()
    this.#budget.add(end - start)
  }

  /** Gives the client what is held, whole or not. Returns how many octets it has taken at once. */
  release(): number {
    const held = this.#held
    if (held === null) return 0
    this.#held = null
    this.#budget.add(-held.length)
    let taken = 0
    held.each((octets, start, end) => (taken += this.give(octets, start, end, false)))
    held.recycle()
    return taken
  }

  /** The leg is over: what is held of it goes. Returns how many octets that were. */
  discard(): number {
    this.legsOver++
    const octets = this.heldOctets
    this.#held?.recycle()
    this.#held = null
    this.#budget.add(-octets)
    this.#cutter?.restart()
    return octets
  }
}
