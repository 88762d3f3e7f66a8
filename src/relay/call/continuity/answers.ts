import type { ContinuityMode } from "../../../config/model.ts"
import { countWhole } from "../../../grpc/message-scanner.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import type { ContinuedCall, ContinuityContext } from "./continued-call.ts"
import { type Responses, responsesOf } from "./response-account.ts"

/** What the client has of the answers. */
export type Delivered = Pick<Responses, "delivered" | "isMidMessage" | "token">

/**
 * The answers of a call with continuity on their way to its client, whole messages at a time, and how many it has. One
 * object with the rest of the call: `Continuity`.
 */
export abstract class Answers {
  protected readonly call: ContinuedCall
  readonly plan: ContinuityPlan
  /** Null: all came in whole messages, which most do, and none is looked into. */
  #responses: Responses | null = null
  /** The backend whose head was taken up last takes part itself; null: none was. */
  #isAware: boolean | null = null

  constructor(call: ContinuedCall, plan: ContinuityPlan) {
    this.call = call
    this.plan = plan
  }

  get downstream(): DownstreamStream {
    return this.call.downstream
  }

  get context(): ContinuityContext {
    return this.call.context
  }

  /** A leg's head has been taken up. */
  get isBegun(): boolean {
    return this.#isAware !== null
  }

  /** The present leg's backend takes no part, and no mode does without: octets pass as they come. */
  get isOff(): boolean {
    return this.#isAware === false && !this.plan.isOneSided
  }

  protected abstract forgetAnswered(messages: number): void

  get #account(): Responses {
    const { downstream, context, record } = this.call
    return (this.#responses ??= responsesOf(downstream, context, this.plan, record.responseMessages))
  }

  get responses(): Delivered {
    if (this.#responses !== null) return this.#responses
    return { delivered: this.call.record.responseMessages, isMidMessage: false, token: null }
  }

  get heldOctets(): number {
    return this.#responses === null ? 0 : this.#responses.heldOctets
  }

  /** Another leg begins. */
  protected beginAnswers(mode: ContinuityMode): void {
    this.#responses?.begin(mode)
  }

  /** The leg has its head. `isAware`: its backend takes part itself. */
  protected expectAnswers(isAware: boolean): void {
    this.#isAware = isAware
    if (this.plan.looksWithin) this.#account.onHead(isAware)
  }

  /** Returns how many octets the client has taken at once, or is not to have; -1: they are not what it has. */
  protected passAnswers(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const { record, downstream } = this.call
    if (this.#responses === null) {
      const whole = countWhole(octets, start, end)
      if (whole >= 0) {
        const taken = downstream.sendData(octets, start, end, endStream)
        this.#delivered(record.responseMessages + whole)
        return taken
      }
    }
    const account = this.#account
    const from = account.skip(octets, start, end)
    if (from < 0 || (endStream && account.isRepeating)) return -1
    record.responseOctets -= from - start
    if (from === end && !endStream) return end - start
    const taken = account.pass(octets, from, end, endStream)
    this.#delivered(account.delivered)
    return from - start + taken
  }

  #delivered(messages: number): void {
    this.call.record.responseMessages = messages
    if (this.plan.isLockstep && this.#isAware === false) this.forgetAnswered(messages)
  }

  /** The leg has not said everything again that the client has. */
  protected get isRepeating(): boolean {
    return this.#responses?.isRepeating === true
  }

  /** The answer is whole: gives the client what is held. */
  protected release(): void {
    if (this.#responses === null) return
    this.#responses.release()
    this.call.record.responseMessages = this.#responses.delivered
  }

  /** Octets of the leg that has ended that the client will not get. */
  discard(): number {
    if (this.#responses === null) return 0
    const octets = this.#responses.discard()
    this.call.record.responseOctets -= octets
    return octets
  }
}
