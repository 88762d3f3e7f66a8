import type { TickClock } from "../../base/clock.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import { countWhole, MessageScanner } from "../../grpc/message-scanner.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { RouteMeter } from "../route/route-meter.ts"

/** The call that octets are counted for. */
interface CountedCall {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  readonly route: { readonly meter: RouteMeter | null }
  readonly context: { readonly ticks: TickClock }
}

/** Counts the whole messages of a call, both ways. Made when octets first end within a message, which most never do. */
export interface MessageScanners {
  readonly request: MessageScanner
  readonly response: MessageScanner
}

/**
 * Octets that came from the client: at the call, at the endpoint that has it, and at its route where routes are counted.
 * Returns the scanners to hand in next time.
 */
export function countUp(
  call: CountedCall,
  leg: { readonly endpoint: Endpoint } | null,
  scanners: MessageScanners | null,
  octets: Buffer,
  start: number,
  end: number,
): MessageScanners | null {
  const { record } = call
  const before = record.requestMessages
  const { ticks } = call.context.ticks
  record.requestOctets += end - start
  record.activeTicks = ticks
  const used = call.isGrpc ? countRequest(record, scanners, octets, start, end) : scanners
  const messages = record.requestMessages - before
  call.route.meter?.fromClient(record, end - start, messages, ticks)
  if (leg === null) return used
  const { traffic } = leg.endpoint
  traffic[Column.requestOctets]! += end - start
  traffic[Column.requestMessages]! += messages
  return used
}

function countRequest(
  record: StreamRecord,
  scanners: MessageScanners | null,
  octets: Buffer,
  start: number,
  end: number,
): MessageScanners | null {
  const whole = scanners === null ? countWhole(octets, start, end) : -1
  const used = whole < 0 ? (scanners ?? makeScanners()) : null
  record.requestMessages += used === null ? whole : used.request.scan(octets, start, end)
  return used
}

/** Messages that came from the backend. */
export function countResponse(
  record: StreamRecord,
  scanners: MessageScanners | null,
  octets: Buffer,
  start: number,
  end: number,
): MessageScanners | null {
  const whole = scanners === null ? countWhole(octets, start, end) : -1
  const used = whole < 0 ? (scanners ?? makeScanners()) : null
  record.responseMessages += used === null ? whole : used.response.scan(octets, start, end)
  return used
}

/** The same of an answer. Its messages have been counted at the call, which had `before` of them. */
export function countDown(call: CountedCall, { traffic }: Endpoint, octets: number, before: number): void {
  const { record } = call
  const { ticks } = call.context.ticks
  const messages = record.responseMessages - before
  record.responseOctets += octets
  record.activeTicks = ticks
  call.route.meter?.toClient(record, octets, messages, ticks)
  traffic[Column.responseOctets]! += octets
  traffic[Column.responseMessages]! += messages
}

function makeScanners(): MessageScanners {
  return { request: new MessageScanner(), response: new MessageScanner() }
}
