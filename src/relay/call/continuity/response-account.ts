import type { Limits } from "../../../base/limits.ts"
import type { ContinuityMode } from "../../../config/model.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import { CursorMessages } from "./cursor-messages.ts"
import { DeliveredDigest } from "./delivered-digest.ts"
import { type ResponseSink, WholeMessages } from "./whole-messages.ts"

/** What the client has of the responses, as the modes of its route need it. */
export type Responses = Pick<ResponseAccount, keyof ResponseAccount>

/** `delivered`: whole messages that the client has by now. */
export function responsesOf(
  downstream: DownstreamStream,
  context: { readonly limits: Limits; readonly budget: BufferBudget },
  plan: ContinuityPlan,
  delivered: number,
): Responses {
  if (plan.config.modes.includes("replay")) return new ResponseAccount(downstream, context, plan)
  return messagesOf(downstream, context, plan, delivered)
}

function messagesOf(
  sink: ResponseSink,
  { limits, budget }: { readonly limits: Limits; readonly budget: BufferBudget },
  { config, cursor }: ContinuityPlan,
  delivered: number,
): WholeMessages {
  // Half of the window is what an endpoint always has credit for, once all before was taken.
  const half = Math.floor(limits.upstreamStreamWindowOctets / 2)
  const most = Math.min(cursor === null ? limits.wholeMessageOctetsMax : config.holdOctets, half)
  return cursor === null
    ? new WholeMessages(sink, budget, most, delivered)
    : new CursorMessages(sink, budget, most, cursor.from)
}

/** The same where mode `replay` is among them: all that the client is given is hashed. */
class ResponseAccount {
  readonly #messages: WholeMessages
  readonly #digest: DeliveredDigest

  constructor(
    downstream: DownstreamStream,
    context: { readonly limits: Limits; readonly budget: BufferBudget },
    plan: ContinuityPlan,
  ) {
    this.#digest = new DeliveredDigest(downstream)
    this.#messages = messagesOf(this.#digest, context, plan, 0)
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
    return this.#messages.token
  }

  /** Another leg begins. */
  begin(mode: ContinuityMode): void {
    this.#digest.begin(mode === "replay" ? this.delivered : 0)
  }

  /** The leg has its head. `isAware`: its backend speaks of continuity itself. */
  onHead(isAware: boolean): void {
    this.#messages.onHead(isAware)
  }

  /** The leg has not said everything again that the client has: an answer that is whole now is another one. */
  get isRepeating(): boolean {
    return this.#digest.messagesLeft > 0
  }

  /** Takes off the front of `start..end` what the client has: where the rest begins; -1: it is not the same. */
  skip(octets: Buffer, start: number, end: number): number {
    return this.#digest.take(octets, start, end)
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
