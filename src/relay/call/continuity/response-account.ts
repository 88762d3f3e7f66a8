import type { Limits } from "../../../base/limits.ts"
import type { ContinuityMode } from "../../../config/model.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import { CursorMessages } from "./cursor-messages.ts"
import { DeliveredDigest } from "./delivered-digest.ts"
import { WholeMessages } from "./whole-messages.ts"

/** What the client has of the responses, kept as the modes of its route need it. */
export class ResponseAccount {
  readonly #messages: WholeMessages
  /** Null: the route has no mode `cursor`. */
  readonly #cursor: CursorMessages | null
  /** Null: the route has no mode `replay`. */
  readonly #digest: DeliveredDigest | null

  constructor(
    downstream: DownstreamStream,
    { limits, budget }: { readonly limits: Limits; readonly budget: BufferBudget },
    { config, cursor }: ContinuityPlan,
  ) {
    this.#digest = config.modes.includes("replay") ? new DeliveredDigest(downstream) : null
    const sink = this.#digest ?? downstream
    // Half of the window is what an endpoint always has credit for, once all before was taken.
    const half = Math.floor(limits.upstreamStreamWindowOctets / 2)
    const most = Math.min(cursor === null ? limits.wholeMessageOctetsMax : config.holdOctets, half)
    this.#cursor = cursor === null ? null : new CursorMessages(sink, budget, most, cursor.from)
    this.#messages = this.#cursor ?? new WholeMessages(sink, budget, most)
  }

  /** Whole messages that the client has been given. */
  get delivered(): number {
    return this.#messages.delivered
  }

  /** The client has a part of a message. */
  get isMidMessage(): boolean {
    return this.#messages.isMidMessage
  }

  get heldOctets(): number {
    return this.#messages.heldOctets
  }

  /** What the client has ends with this resume token; null: it has more, or there was none. */
  get token(): FieldValue | null {
    return this.#cursor === null ? null : this.#cursor.token
  }

  /** Another leg begins. */
  begin(mode: ContinuityMode): void {
    this.#digest?.begin(mode === "replay" ? this.delivered : 0)
  }

  /** The leg has its head. `isAware`: its backend speaks of continuity itself. */
  onHead(isAware: boolean): void {
    if (this.#cursor !== null) this.#cursor.awaitsTokens = !isAware
  }

  /** The call cannot be continued: octets pass as they come. */
  turnOff(): void {
    this.#messages.isOff = true
  }

  /** The leg has not said everything again that the client has: an answer that is whole now is another one. */
  get isRepeating(): boolean {
    return this.#digest !== null && this.#digest.messagesLeft > 0
  }

  /** Takes off the front of `start..end` what the client has: where the rest begins; -1: it is not the same. */
  skip(octets: Buffer, start: number, end: number): number {
    return this.#digest === null ? start : this.#digest.take(octets, start, end)
  }

  /** Returns how many octets the client has taken at once. */
  pass(octets: Buffer, start: number, end: number, endStream: boolean): number {
    return this.#messages.pass(octets, start, end, endStream)
  }

  /** The answer is whole: gives the client what is held. */
  release(): void {
    this.#messages.release()
  }

  /** The leg is over: what is held of it goes. Returns how many octets that were. */
  discard(): number {
    return this.#messages.discard()
  }
}
