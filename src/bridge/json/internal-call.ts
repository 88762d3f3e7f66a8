import { counterIds } from "../../base/counters.ts"
import { parseGrpcStatus } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { guarded } from "../../log/guarded.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import { unreadable } from "../shared/message-limits.ts"
import { MessagePipe } from "../shared/message-pipe.ts"
import { COMPRESSED, framed, MessageSplitter } from "../shared/message-splitter.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { Transcoder } from "../shared/transcoder.ts"

const INTERNAL: ConnectionRecord = {
  id: 0,
  remoteAddress: "internal",
  remotePort: 0,
  localAddress: "internal",
  localPort: 0,
  protocol: "HTTP/2.0",
  tls: null,
  tcp: null,
  proxied: null,
  requests: 0,
  openedMs: 0,
  cutCalls: 0,
  cutCallsMs: 0,
}

export interface InternalCallOptions {
  context: CallContext
  work: MessageWork
  /** Whose cluster is called. The call is neither logged nor reported. */
  route: Route
  authority: string
  path: string
  /** Of the one in whose name it is called, flat; none: in Sluice's own. */
  metadata: readonly string[]
  /** The client's in whose name it is called; null: Sluice's own. */
  connection: ConnectionRecord | null
  timeoutMs: number
  /** Of one answer, decompressed; named by `limit`. */
  messageOctetsMax: number
  limit: string
  /** Octets are the receiver's own. */
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
  readonly #pipe: MessagePipe
  #encoding = ""

  constructor(options: InternalCallOptions) {
    super({
      context: { ...options.context, onStreamEnd: () => {} },
      connection: options.connection ?? INTERNAL,
      head: internalHead(options),
      route: { ...options.route, accessLogs: [] },
    })
    this.#options = options
    const { messageOctetsMax, context, work, onMessage } = options
    this.#pipe = new MessagePipe({
      work,
      budget: context.budget,
      maxOctets: messageOctetsMax,
      translate: null,
      onMessage,
      onFault: (fault) => this.#fault(String(fault)),
      onIdle: () => {},
      guard: (run) => guarded(context, () => this.#pipe.close(), run),
    })
    this.#splitter = new MessageSplitter(messageOctetsMax, (flags, message, isOwned) =>
      this.#pipe.push(message, (flags & COMPRESSED) === 0 ? null : this.#encoding, isOwned),
    )
  }

  send(message: Uint8Array): void {
    const frame = framed(0, message)
    this.call.onRequestData(frame, 0, frame.length, false)
  }

  /** No more is sent. */
  halfClose(): void {
    if (this.remoteEnded) return
    this.remoteEnded = true
    this.call.onRequestData(Buffer.alloc(0), 0, 0, true)
    if (this.localEnded) this.end()
  }

  /** Nothing more is wanted. */
  cancel(): void {
    this.#pipe.close()
    if (!this.localEnded) this.call.fail(failure("bad_request", "no longer wanted"))
  }

  protected sendHead(list: HeaderList): void {
    this.#encoding = list.get("grpc-encoding") ?? "identity"
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    const before = this.#splitter.heldOctets
    const fits = this.#splitter.push(octets, start, end)
    this.held.add(this.#splitter.heldOctets - before)
    if (!fits) this.#fault("too_large")
    return end - start
  }

  #fault(fault: string): void {
    const { context, limit, messageOctetsMax, onStatus } = this.#options
    const isTooLarge = fault === "too_large"
    const what = isTooLarge
      ? `an answer of more than ${limit} (${messageOctetsMax} octets)`
      : `an answer that is not ${this.#encoding}`
    if (isTooLarge) context.counters.add(counterIds.descriptors_too_large)
    // The call may be over by now, and its answer was not.
    this.#pipe.close()
    if (this.localEnded) onStatus(-1, what)
    else this.call.fail(isTooLarge ? failure("upstream_malformed", what) : unreadable(what))
  }

  protected sendStatus(trailers: HeaderList): void {
    if (this.remoteEnded) this.isClosed = true
    const grpcStatus = parseGrpcStatus(trailers.get("grpc-status") ?? "")
    const message = decodeGrpcMessage(trailers.get("grpc-message") ?? "")
    if (this.#pipe.isBusy) this.#pipe.after(() => this.#options.onStatus(grpcStatus, message))
    else this.#options.onStatus(grpcStatus, message)
  }

  protected end(): void {
    this.isClosed = true
  }

  consume(): void {}
  discardQueued(): void {}
  onRequestData(): void {}
  onRequestTrailers(): void {}
  onDownstreamSent(): void {}
}

/** Fields that the call itself says. */
const OWN = new Set([
  ...["te", "content-type", "grpc-timeout", "user-agent", "grpc-encoding", "grpc-accept-encoding"],
])

function internalHead({ authority, path, timeoutMs, metadata }: InternalCallOptions): RequestHead {
  const fields = [":method", "POST", ":scheme", "http", ":path", path, ":authority", authority]
  fields.push("te", "trailers", "content-type", "application/grpc", "grpc-timeout", `${timeoutMs}m`)
  fields.push("grpc-accept-encoding", "identity", "user-agent", "sluice")
  for (let i = 0; i < metadata.length; i += 2)
    if (!metadata[i]!.startsWith(":") && !OWN.has(metadata[i]!)) fields.push(metadata[i]!, metadata[i + 1]!)
  return { list: new HeaderList(fields), method: "POST", scheme: "http", authority, path, contentLength: -1 }
}
