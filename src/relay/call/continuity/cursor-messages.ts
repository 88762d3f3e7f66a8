import type { FieldPath, FieldValue } from "../../../grpc/field-path.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import { TokenScanner } from "./token-scanner.ts"
import { type ResponseSink, WholeMessages } from "./whole-messages.ts"

const NO_OCTETS = Buffer.alloc(0)

/**
 * Response messages of a call that may go on from a resume token. Those after the last token wait for the next one, so
 * that the client has what the token stands for and no more. Where more come than are held, or one cannot be read, the
 * client gets them: from then on, until the next token, the call cannot go on from one.
 */
export class CursorMessages extends WholeMessages {
  /** The backend has no other way to go on. */
  awaitsTokens = true
  /** The last one of what the client has; null: there was none. */
  #token: FieldValue | null = null
  /** The client has messages that came after it. */
  #isPast = false
  /** Whole ones that wait. */
  #messagesHeld = 0
  /** Octets that wait of the one that is not whole. */
  #unfinished = 0
  readonly #mostOctets: number
  readonly #budget: BufferBudget
  readonly #scanner: TokenScanner

  /** `mostOctets`: held at a time; at most half of the window that endpoints are given. */
  constructor(sink: ResponseSink, budget: BufferBudget, mostOctets: number, from: FieldPath) {
    super(sink, budget, mostOctets)
    this.#mostOctets = mostOctets
    this.#budget = budget
    this.#scanner = new TokenScanner(from)
  }

  /** What the client has ends with this token; null: it has more, or there was none. */
  override get token(): FieldValue | null {
    return this.#isPast ? null : this.#token
  }

  override onHead(isAware: boolean): void {
    this.awaitsTokens = !isAware
  }

  override pass(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (!this.awaitsTokens) {
      this.#isPast = true
      return super.pass(octets, start, end, endStream)
    }
    const { legsOver } = this
    let taken = 0
    let at = start
    while (at < end && legsOver === this.legsOver) {
      const cut = this.#scanner.scan(octets, at, end)
      const to = cut < 0 ? end : cut
      taken += cut < 0 ? this.#part(octets, at, to) : this.#message(octets, at, to)
      at = to
    }
    return endStream ? taken + this.release() + this.give(NO_OCTETS, 0, 0, true) : taken
  }

  /** The rest of a message. */
  #message(octets: Buffer, start: number, end: number): number {
    const { token } = this.#scanner
    const mayWait = token === null && !this.#isPast && !this.isMidMessage
    if (mayWait && this.#fits(this.heldOctets + end - start)) {
      this.hold(octets, start, end)
      this.#messagesHeld++
      this.#unfinished = 0
      return 0
    }
    const taken = this.release() + this.give(octets, start, end, false)
    this.delivered++
    this.isMidMessage = false
    this.#isPast = token == null
    if (token != null) this.#token = token
    return taken
  }

  /** A part of a message, but for its end. */
  #part(octets: Buffer, start: number, end: number): number {
    const before = this.heldOctets - this.#unfinished
    const size = Math.max(this.#scanner.messageOctets, this.#unfinished + end - start)
    if (!this.isMidMessage && this.#fits(before + size)) {
      this.hold(octets, start, end)
      this.#unfinished += end - start
      return 0
    }
    const taken = this.release() + this.give(octets, start, end, false)
    this.isMidMessage = true
    return taken
  }

  /** While memory is short, none are held. */
  #fits(octets: number): boolean {
    return octets <= this.#mostOctets && !this.#budget.isAboveHighWatermark
  }

  override release(): number {
    if (this.#messagesHeld > 0) {
      this.delivered += this.#messagesHeld
      this.#messagesHeld = 0
      this.#isPast = true
    }
    this.#unfinished = 0
    return super.release()
  }

  override discard(): number {
    this.#messagesHeld = 0
    this.#unfinished = 0
    this.#scanner.restart()
    return super.discard()
  }
}
