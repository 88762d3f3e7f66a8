import type { Clock } from "../../src/base/clock.ts"
import { seededRandom } from "../../src/base/random.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import type { AttemptRecord, ConnectionRecord, StreamRecord } from "../../src/record/record.ts"
import type { TemplateEnvironment } from "../../src/record/variables.ts"

/** A finished chat: one request, answered by the first endpoint tried. Tests change what they are about. */
export function streamRecord(
  changes: Partial<Omit<StreamRecord, "connection">> & { connection?: Partial<ConnectionRecord> } = {},
): StreamRecord {
  return {
    requestNumber: 3,
    requestId: "",
    method: "POST",
    scheme: "http",
    authority: "Chat.Example:8080",
    path: "/chat.Chat/BidStream",
    requestHeaders: new HeaderList(["content-type", "application/grpc", "user-agent", "grpc-node-js/1.14.0"]),
    serverName: "chat.example",
    startMs: 1_000,
    deadlineMs: 0,
    endMs: 2_234.5,
    activeMs: 2_234,
    requestOctets: 21,
    responseOctets: 42,
    requestMessages: 1,
    responseMessages: 2,
    status: 200,
    grpcStatus: 0,
    grpcMessage: "",
    responseHeaders: new HeaderList(["content-type", "application/grpc"]),
    responseTrailers: new HeaderList(["grpc-status", "0"]),
    attempts: [attemptRecord()],
    attemptsTold: null,
    resumes: 0,
    continuity: null,
    state: null,
    trace: null,
    ...changes,
    connection: connectionRecord(changes.connection),
  }
}

export function connectionRecord(changes: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return {
    id: 7,
    remoteAddress: "192.0.2.1",
    remotePort: 51_234,
    localAddress: "192.0.2.80",
    localPort: 8080,
    protocol: "HTTP/2.0",
    tls: null,
    tcp: null,
    proxied: null,
    requests: 5,
    openedMs: 0,
    cutCalls: 0,
    cutCallsMs: 0,
    ...changes,
  }
}

export function attemptRecord(changes: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    address: "127.0.0.1:3000",
    status: 200,
    startMs: 1_001,
    connectedMs: 1_002,
    headersMs: 1_010,
    endMs: 2_230,
    octetsSent: 21,
    octetsReceived: 42,
    responseHeaders: new HeaderList(["content-type", "application/grpc", "x-internal", "a"]),
    responseTrailers: new HeaderList(["grpc-status", "0"]),
    ...changes,
  }
}

/** Time stands still at 2026-11-23 06:11:22.042 UTC; nothing is scheduled. */
export const frozenClock: Clock = {
  now: () => 5_000,
  wallMs: () => Date.UTC(2026, 10, 23, 6, 11, 22, 42),
  after: () => ({ cancel: () => {} }),
}

export function templateEnvironment(changes: Partial<TemplateEnvironment> = {}): TemplateEnvironment {
  return {
    clock: frozenClock,
    random: seededRandom(1),
    pid: 4711,
    hostname: "edge-1",
    streamEvent: "end",
    version: "0.1.0",
    ...changes,
  }
}
