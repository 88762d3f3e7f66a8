import type { TickClock } from "../../base/clock.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import { countWhole, MessageScanner } from "../../grpc/message-scanner.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { RouteMeter } from "../route/route-meter.ts"

/** The call that octets are counted for. */
interface CountedCall {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  readonly route: { readonly meter: RouteMeter | null }
  readonly context: { readonly ticks: TickClock }
  /** Null as long as no octets have ended within a message. */
  scanners: MessageScanners | null
}

/** Counts the whole messages of a call, both ways. Made when octets first end within a message, which most never do. */
export interface MessageScanners {
  readonly request: MessageScanner
  readonly response: MessageScanner
}

/** Octets that came from the client: at the call, at the endpoint that has it, and at its route where routes are counted. */
export function countUp(
  call: CountedCall,
  leg: { readonly endpoint: Endpoint } | null,
  octets: Buffer,
  start: number,
  end: number,
): void {
  const { record } = call
  const { ticks } = call.context.ticks
  const messages = call.isGrpc ? messagesOf(call, "request", octets, start, end) : 0
  record.requestOctets += end - start
  record.requestMessages += messages
  record.activeTicks = ticks
  call.route.meter?.fromClient(record, end - start, messages, ticks)
  if (leg === null) return
  const { traffic } = leg.endpoint
  traffic[Column.requestOctets]! += end - start
  traffic[Column.requestMessages]! += messages
}

/** The same of an answer. Its messages have been counted at the call. */
export function countDown(call: CountedCall, { traffic }: Endpoint, octets: number, messages: number): void {
  const { record } = call
  const { ticks } = call.context.ticks
  record.responseOctets += octets
  record.activeTicks = ticks
  call.route.meter?.toClient(record, octets, messages, ticks)
  traffic[Column.responseOctets]! += octets
  traffic[Column.responseMessages]! += messages
}

/** How many messages of one side begin in `start..end`. */
export function messagesOf(
  call: CountedCall,
  side: keyof MessageScanners,
  octets: Buffer,
  start: number,
  end: number,
): number {
  if (call.scanners === null) {
    const whole = countWhole(octets, start, end)
    if (whole >= 0) return whole
    call.scanners = { request: new MessageScanner(), response: new MessageScanner() }
  }
  return call.scanners[side].scan(octets, start, end)
}
