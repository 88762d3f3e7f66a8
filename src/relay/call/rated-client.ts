import type { MessageScanner } from "../../grpc/message-scanner.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { CallRates } from "../route/message-rates.ts"
import { type RatedCall, RatedOctets, type RatedSink } from "./rated-octets.ts"
import type { DownstreamStream } from "./stream-owner.ts"
import { StreamStage } from "./stream-stage.ts"

const NO_OCTETS = Buffer.alloc(0)

/** The call that is told of what may pass. */
export interface RatedRequestCall extends RatedCall {
  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onRequestTrailers(list: HeaderList): void
}

/**
 * A client's stream that sends no faster than its route lets it: messages that come too soon wait here. Credit is
 * given for what has passed, so a client has no more than its window here, and none for more.
 */
export class RatedClient extends StreamStage implements RatedSink {
  readonly rates: CallRates
  readonly counter = "messages_limited"
  readonly #call: RatedRequestCall
  readonly #octets: RatedOctets
  /** The call is being told of what may pass. */
  #isPassing = false
  /** The client has ended its request, and the call was told. */
  #isEndPassed: boolean
  /** It ends behind what waits. */
  #endsBehind = false
  #trailers: HeaderList | null = null

  /** `scanner`: has seen what came before the route was known, which passed; null: that ended between messages. */
  constructor(
    stream: DownstreamStream,
    call: RatedRequestCall,
    rates: CallRates,
    scanner: MessageScanner | null = null,
  ) {
    super(stream)
    this.#call = call
    this.rates = rates
    this.#octets = new RatedOctets(call, this, scanner?.toCome ?? null)
    this.#isEndPassed = stream.remoteEnded
  }

  /** False: the call is to take it. True: it has been told of what may pass, and hears of the rest in time. */
  receive(octets: Buffer, start: number, end: number, endStream: boolean): boolean {
    if (this.#isPassing) return false
    this.#endsBehind ||= endStream
    const lost = this.#octets.push(octets, start, end)
    if (lost > 0) this.stream.consume(lost)
    return true
  }

  receiveTrailers(list: HeaderList): boolean {
    if (this.#isPassing || !this.#octets.isWaiting) {
      this.#isEndPassed = true
      return false
    }
    this.#trailers = list
    return true
  }

  get heldOctets(): number {
    return this.#octets.heldOctets
  }

  /** The call is over: what waits goes nowhere, and the connection gets its credit back. */
  close(): void {
    const waiting = this.#octets.drop()
    this.#isEndPassed = true
    if (waiting > 0) this.stream.consume(waiting)
  }

  // ---- RatedSink ------------------------------------------------------------------------------------------------

  onDue(): void {
    this.#octets.pump()
  }

  pass(octets: Buffer, start: number, end: number, isLast: boolean): void {
    this.#tell(octets, start, end, isLast && this.#endsBehind && this.#trailers === null)
  }

  onPassed(): void {
    const trailers = this.#trailers
    if (this.#isEndPassed) return
    if (trailers === null) {
      if (this.#endsBehind) this.#tell(NO_OCTETS, 0, 0, true)
      return
    }
    this.#trailers = null
    this.#isEndPassed = true
    this.#isPassing = true
    this.#call.onRequestTrailers(trailers)
    this.#isPassing = false
  }

  #tell(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.#isEndPassed = true
    this.#isPassing = true
    this.#call.onRequestData(octets, start, end, endStream)
    this.#isPassing = false
  }

  // ---- DownstreamStream -----------------------------------------------------------------------------------------

  override get remoteEnded(): boolean {
    return this.#isEndPassed && super.remoteEnded
  }

  override get isWithheld(): boolean {
    return this.#octets.isWaiting
  }
}
