import { parseGrpcStatus } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import { framed, MessageSplitter } from "../shared/message-splitter.ts"
import { Transcoder } from "../shared/transcoder.ts"

const INTERNAL: ConnectionRecord = {
  id: 0,
  remoteAddress: "internal",
  remotePort: 0,
  localAddress: "internal",
  localPort: 0,
  protocol: "HTTP/2.0",
  tls: null,
  proxied: null,
  requests: 0,
  cutCalls: 0,
  cutCallsMs: 0,
}

export interface InternalCallOptions {
  context: CallContext
  /** Whose cluster is called. The call is neither logged nor reported. */
  route: Route
  authority: string
  path: string
  timeoutMs: number
  /** Octets are valid during the call only. */
  onMessage: (message: Buffer) => void
  /** Once, last. */
  onStatus: (grpcStatus: number, message: string) => void
}

/** A gRPC call that Sluice itself makes to a route's cluster, through the same balancing as any other. */
export class InternalCall extends Transcoder {
  isClosed = false
  readonly queuedOctets = 0
  readonly #options: InternalCallOptions
  readonly #splitter: MessageSplitter

  constructor(options: InternalCallOptions) {
    super({
      context: { ...options.context, onStreamEnd: () => {} },
      connection: INTERNAL,
      head: internalHead(options),
      route: { ...options.route, accessLogs: [] },
    })
    this.#options = options
    this.#splitter = new MessageSplitter(options.context.limits.messageOctetsMax, (_, message) =>
      options.onMessage(message),
    )
  }

  send(message: Uint8Array): void {
    const frame = framed(0, message)
    this.exchange.onRequestData(frame, 0, frame.length, false)
  }

  /** No more is sent. */
  halfClose(): void {
    if (this.remoteEnded) return
    this.remoteEnded = true
    this.exchange.onRequestData(Buffer.alloc(0), 0, 0, true)
    if (this.localEnded) this.end()
  }

  protected sendHead(): void {}

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    if (!this.#splitter.push(octets, start, end))
      this.exchange.fail(
        failure("body_too_large", `a message of ${this.#splitter.refusedOctets} octets is too large`),
      )
    return end - start
  }

  protected sendStatus(trailers: HeaderList): void {
    if (this.remoteEnded) this.isClosed = true
    const grpcStatus = parseGrpcStatus(trailers.get("grpc-status") ?? "")
    this.#options.onStatus(grpcStatus, decodeGrpcMessage(trailers.get("grpc-message") ?? ""))
  }

  protected end(): void {
    this.isClosed = true
  }

  consume(): void {}
  discardQueued(): void {}
  onRequestData(): void {}
  onRequestTrailers(): void {}
  onDownstreamTaken(): void {}
}

function internalHead({ authority, path, timeoutMs }: InternalCallOptions): RequestHead {
  const fields = [":method", "POST", ":scheme", "http", ":path", path, ":authority", authority]
  fields.push("te", "trailers", "content-type", "application/grpc", "grpc-timeout", `${timeoutMs}m`)
  fields.push("user-agent", "sluice")
  return { list: new HeaderList(fields), method: "POST", scheme: "http", authority, path, contentLength: -1 }
}
