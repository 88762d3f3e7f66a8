import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import { countWhole, MessageScanner } from "../../grpc/message-scanner.ts"
import type { StreamRecord } from "../../record/record.ts"

/** Counts the whole messages of a call, both ways. Made when octets first end within a message, which most never do. */
export interface MessageScanners {
  readonly request: MessageScanner
  readonly response: MessageScanner
}

/** Messages that came from the client. Returns the scanners to hand in next time. */
export function countRequest(
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

/** Of a request, at the endpoint that has it. Cost: two additions a frame. */
export function countUp({ traffic }: Endpoint, octets: number, messages: number): void {
  traffic[Column.requestOctets]! += octets
  traffic[Column.requestMessages]! += messages
}

/** Of an answer. */
export function countDown({ traffic }: Endpoint, octets: number, messages: number): void {
  traffic[Column.responseOctets]! += octets
  traffic[Column.responseMessages]! += messages
}

function makeScanners(): MessageScanners {
  return { request: new MessageScanner(), response: new MessageScanner() }
}
