import type { HeaderList } from "../../http2/header-list.ts"
import type { CallRates } from "../route/message-rates.ts"
import { type RatedCall, RatedOctets, type RatedSink } from "./rated-octets.ts"
import type { DownstreamStream } from "./stream-owner.ts"
import { StreamStage } from "./stream-stage.ts"

const NO_OCTETS = Buffer.alloc(0)

/** The call that is told of what the client took later. */
export interface RatedAnswerCall extends RatedCall {
  onDownstreamSent(octets: number): void
}

/**
 * A client's stream that is sent no more than its route lets backends send: messages that come too soon wait here, as
 * octets wait for a client that has given no credit. So the backend gets none either, and no more than a window is held.
 */
export class RatedAnswer extends StreamStage implements RatedSink {
  readonly rates: CallRates
  readonly counter = "answers_limited"
  readonly #call: RatedAnswerCall
  readonly #octets: RatedOctets
  /** The answer ends behind what waits, */
  #endsBehind = false
  /** by these. */
  #trailers: HeaderList | null = null
  /** Octets that the client took since this was last set to 0. */
  #taken = 0

  constructor(stream: DownstreamStream, call: RatedAnswerCall, rates: CallRates) {
    super(stream)
    this.#call = call
    this.rates = rates
    this.#octets = new RatedOctets(call, this, null)
  }

  /** The client is gone: what waits goes nowhere. */
  close(): void {
    this.#octets.drop()
    this.#endsBehind = false
    this.#trailers = null
  }

  // ---- RatedSink ------------------------------------------------------------------------------------------------

  onDue(): void {
    if (this.stream.isClosed) return this.close()
    this.#taken = 0
    this.#octets.pump()
    if (this.#taken > 0) this.#call.onDownstreamSent(this.#taken)
  }

  pass(octets: Buffer, start: number, end: number, isLast: boolean): void {
    const isEnd = isLast && this.#endsBehind && this.#trailers === null
    if (isEnd) this.#endsBehind = false
    this.#taken += this.stream.sendData(octets, start, end, isEnd)
  }

  onPassed(): void {
    if (!this.#endsBehind) return
    const trailers = this.#trailers
    this.#endsBehind = false
    this.#trailers = null
    if (this.stream.isClosed) return
    if (trailers === null) this.stream.sendData(NO_OCTETS, 0, 0, true)
    else this.stream.sendHeaders(trailers, true)
  }

  // ---- DownstreamStream -----------------------------------------------------------------------------------------

  override get localEnded(): boolean {
    return this.#endsBehind || super.localEnded
  }

  override get isAnswerWithheld(): boolean {
    return this.#octets.isWaiting
  }

  /** Octets of memory that hold what waits, beyond `queuedOctets`. */
  get roomOctets(): number {
    return this.#octets.heldOctets - this.#octets.waiting
  }

  override get queuedOctets(): number {
    return this.#octets.waiting + super.queuedOctets
  }

  override sendHeaders(list: HeaderList, endStream: boolean): void {
    if (!endStream || !this.#octets.isWaiting) return super.sendHeaders(list, endStream)
    this.#endsBehind = true
    this.#trailers = list
  }

  override sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    this.#endsBehind ||= endStream
    this.#taken = 0
    this.#octets.push(octets, start, end)
    return this.#taken
  }

  override discardQueued(): void {
    this.close()
    super.discardQueued()
  }

  override reset(code: number): void {
    this.close()
    super.reset(code)
  }
}
