import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import { countWhole, MessageScanner } from "../../grpc/message-scanner.ts"
import type { StreamRecord } from "../../record/record.ts"

/** The call that octets are counted for. */
interface CountedCall {
  readonly record: StreamRecord
  readonly isGrpc: boolean
}

/** Counts the whole messages of a call, both ways. Made when octets first end within a message, which most never do. */
export interface MessageScanners {
  readonly request: MessageScanner
  readonly response: MessageScanner
}

/**
 * Octets that came from the client: their messages at the call, both at the endpoint that has it. Cost: two additions a
 * frame. Returns the scanners to hand in next time.
 */
export function countUp(
  { record, isGrpc }: CountedCall,
  leg: { readonly endpoint: Endpoint } | null,
  scanners: MessageScanners | null,
  octets: Buffer,
  start: number,
  end: number,
): MessageScanners | null {
  const before = record.requestMessages
  const used = isGrpc ? countRequest(record, scanners, octets, start, end) : scanners
  if (leg === null) return used
  const { traffic } = leg.endpoint
  traffic[Column.requestOctets]! += end - start
  traffic[Column.requestMessages]! += record.requestMessages - before
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

/** Of an answer, at the endpoint that gave it. */
export function countDown({ traffic }: Endpoint, octets: number, messages: number): void {
  traffic[Column.responseOctets]! += octets
  traffic[Column.responseMessages]! += messages
}

function makeScanners(): MessageScanners {
  return { request: new MessageScanner(), response: new MessageScanner() }
}
