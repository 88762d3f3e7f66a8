import type { HeaderList } from "../../http2/header-list.ts"
import type { OctetQueue } from "../../http2/octet-queue.ts"
import type { Failure } from "../../record/failure.ts"
import type { RequestState } from "../../record/request-state.ts"
import { cleanTrailers } from "../route/head-rewrite.ts"
import { addToBody } from "../route/keep-body.ts"
import type { UpstreamStream } from "../upstream/leg-connection.ts"
import { type CallRequest, headersProblem, sendTrailers } from "./call-request.ts"
import type { Leg } from "./leg.ts"
import { ReplayBuffer, type ReplayContext } from "./replay-buffer.ts"
import type { DownstreamStream } from "./stream-owner.ts"

const NO_OCTETS = Buffer.alloc(0)

/** The call that the request belongs to. */
export interface RequestingCall {
  readonly context: ReplayContext
  readonly downstream: DownstreamStream
  readonly record: { readonly state: RequestState | null }
}

/**
 * What the client sends, on its way to the present leg: held until there is one, and a little longer, for as long as
 * another may follow. The client gets credit for an octet when a leg has sent it.
 */
export class ClientRequest implements CallRequest {
  readonly #call: RequestingCall
  /** Null once the call cannot be repeated and all that was sent has been credited. */
  #replay: ReplayBuffer | null
  #trailers: HeaderList | null = null

  constructor(call: RequestingCall) {
    this.#call = call
    this.#replay = new ReplayBuffer(call.context)
  }

  open(leg: Leg, list: HeaderList, isHead: boolean): Failure | null {
    const problem = headersProblem(leg, list)
    if (problem !== null) return problem
    const replay = this.#replay!
    const held = replay.restart()
    const trailers = this.#trailers
    const endsBare = this.#call.downstream.remoteEnded && trailers === null
    const upstream = leg.open(list, endsBare && held === null, isHead)
    if (held !== null) {
      leg.octetsSent += held.length
      sendHeld(held, upstream, this)
      replay.release()
      if (endsBare) upstream.sendData(NO_OCTETS, 0, 0, true)
    }
    return trailers === null ? null : sendTrailers(leg, trailers)
  }

  receive(leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const { context, record } = this.#call
    if (record.state !== null) addToBody(record.state, context.budget, octets, start, end)
    const upstream = leg === null ? null : leg.upstream
    this.#replay?.add(octets, start, end, upstream !== null)
    if (upstream === null) return
    leg!.octetsSent += end - start
    this.sent(upstream.sendData(octets, start, end, endStream))
  }

  receiveTrailers(leg: Leg | null, list: HeaderList): Failure | null {
    this.#trailers = cleanTrailers(list)
    return leg === null || leg.upstream === null ? null : sendTrailers(leg, this.#trailers)
  }

  sent(octets: number): void {
    const due = this.#replay === null ? octets : this.#replay.sent(octets)
    if (due > 0) this.#call.downstream.consume(due)
  }

  // ---- Another leg ----------------------------------------------------------------------------------------------

  get isReplayable(): boolean {
    return this.#replay?.isReplayable === true
  }

  keep(): void {
    this.#replay?.keep()
  }

  /** No other leg follows the present one. */
  commit(): void {
    this.#replay?.forget()
    if (this.#replay?.isCreditSettled === true) this.#replay = null
  }

  handOver(to: CallRequest): number {
    const trailers = this.#trailers
    const replay = this.#replay!
    replay.restart()?.each((octets, start, end) => to.receive(null, octets, start, end, false))
    if (trailers !== null) to.receiveTrailers(null, trailers)
    this.forget()
    return replay.credited
  }

  forget(): void {
    this.#replay?.forget()
  }

  get heldOctets(): number {
    return this.#replay === null ? 0 : this.#replay.heldOctets
  }
}

/** Apart: a closure makes an object of every call of the function that it stands in. */
function sendHeld(held: OctetQueue, upstream: UpstreamStream, request: ClientRequest): void {
  held.each((octets, start, end) => request.sent(upstream.sendData(octets, start, end, false)))
}
