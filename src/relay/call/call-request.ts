import type { HeaderList } from "../../http2/header-list.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { Leg } from "./leg.ts"

/** Of its body too much has gone to be kept. */
export const NOT_REPLAYABLE = failure("upstream_lost", "the request cannot be sent once more")

/** What a call needs of its client's request, on its way to the present leg. */
export interface CallRequest {
  /** Opens the stream of a leg, and sends what came so far. Not null: the endpoint does not take lists of this size. */
  open(leg: Leg, list: HeaderList, isHead: boolean): Failure | null
  receive(leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean): void
  receiveTrailers(leg: Leg | null, list: HeaderList): Failure | null
  /** The present leg has sent octets. */
  sent(octets: number): void
  /** All of it can be sent again. */
  readonly isReplayable: boolean
  /** Another leg is due: from now on no other stream can push out what it has to send. */
  keep(): void
  /** The present leg's head is the answer. */
  commit(): void
  /**
   * What came so far, for another to keep in its place. This one holds nothing any more. Returns for how many octets the
   * client has been given credit.
   */
  handOver(to: CallRequest): number
  /** The call is over. */
  forget(): void
  /** Octets kept for a leg. */
  readonly heldOctets: number
}

/** An endpoint may end the whole connection for what it does not read, as Netty does, and with it the streams of others. */
export function headersProblem(leg: Leg, { octets }: HeaderList): Failure | null {
  const most = leg.headerListMax
  if (octets <= most) return null
  const message = `${leg.where}: takes header lists of ${most} octets, this one has ${octets}`
  return failure("headers_too_large", message, leg.octetsSent === 0)
}

export function sendTrailers(leg: Leg, trailers: HeaderList): Failure | null {
  const problem = headersProblem(leg, trailers)
  if (problem === null) leg.upstream!.sendHeaders(trailers, true)
  return problem
}
