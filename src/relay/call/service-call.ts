import { counterIds } from "../../base/counters.ts"
import type { Deadline } from "../../base/timer-wheel.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { ServiceAnswer, ServiceQuestion } from "../route/route.ts"
import { Call } from "./call.ts"
import type { CallContext } from "./call-context.ts"
import type { DownstreamStream } from "./stream-owner.ts"

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

/** Of a message in gRPC: whether it is compressed, and its length. */
const PREFIX_OCTETS = 5

/** Asks a gRPC service of the configuration, over the same balancing as any call. `done` is told once, or never. */
export function beginServiceCall(
  context: CallContext,
  question: ServiceQuestion,
  done: (answer: ServiceAnswer) => void,
): () => void {
  const call = new ServiceCall(context, question, done)
  call.start()
  return () => call.cancel()
}

/** A unary call without a client. It is neither logged nor reported. */
class ServiceCall implements DownstreamStream, Deadline {
  isClosed = false
  localEnded = false
  remoteEnded = false
  readonly queuedOctets = 0
  readonly headerListMax = Number.POSITIVE_INFINITY
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly #context: CallContext
  readonly #question: ServiceQuestion
  readonly #done: (answer: ServiceAnswer) => void
  readonly #call: Call
  #pieces: Buffer[] = []
  #octets = 0
  #isOver = false

  constructor(context: CallContext, question: ServiceQuestion, done: (answer: ServiceAnswer) => void) {
    this.#context = context
    this.#question = question
    this.#done = done
    const own = { ...context, onStreamEnd: () => {} }
    const route = { ...question.route, accessLogs: [] }
    this.#call = new Call(own, INTERNAL, this, headOf(question), route, true)
  }

  start(): void {
    const { message, timeoutMs } = this.#question
    this.#context.deadlines.set(this, timeoutMs)
    this.#call.start()
    if (this.isClosed || this.localEnded) return
    const frame = Buffer.alloc(PREFIX_OCTETS + message.length)
    frame.writeUInt32BE(message.length, 1)
    frame.set(message, PREFIX_OCTETS)
    this.remoteEnded = true
    this.#call.onRequestData(frame, 0, frame.length, true)
  }

  /** The answer is not wanted any more. */
  cancel(): void {
    this.#isOver = true
    this.#end()
  }

  onDue(): void {
    const { path, timeoutMs } = this.#question
    this.#context.counters.add(counterIds.service_timeout)
    this.#tell({ problem: `${path} did not answer within ${timeoutMs} ms` })
    this.#end()
  }

  #end(): void {
    this.#context.deadlines.cancel(this)
    if (this.isClosed || this.localEnded) return
    this.isClosed = true
    this.#call.onDownstreamReset({
      code: ErrorCode.CANCEL,
      origin: "local",
      unprocessed: false,
      reason: "the answer of a service is not wanted further",
    })
  }

  #tell(answer: ServiceAnswer): void {
    this.#context.deadlines.cancel(this)
    if (this.#isOver) return
    this.#isOver = true
    this.#done(answer)
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (!endStream) return
    this.localEnded = true
    const status = list.get("grpc-status")
    if (status === "0") this.#tell(this.#whole())
    else {
      const why = status === undefined ? `HTTP status ${list.get(":status")}` : `grpc-status ${status}`
      this.#tell({ problem: `${this.#question.path}: ${why} ${list.get("grpc-message") ?? ""}`.trimEnd() })
    }
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    this.#octets += end - start
    if (this.#octets > this.#context.limits.serviceAnswerOctetsMax) {
      this.#pieces = []
      if (!this.#isOver) {
        this.#context.counters.add(counterIds.service_answer_too_large)
        this.#tell({ problem: `${this.#question.path} answered with more than serviceAnswerOctetsMax` })
        // The leg is still in the middle of its octets.
        queueMicrotask(() => this.#end())
      }
    } else this.#pieces.push(Buffer.from(octets.subarray(start, end)))
    if (endStream) {
      this.localEnded = true
      this.#tell({ problem: `${this.#question.path} ended without a status` })
    }
    return end - start
  }

  #whole(): ServiceAnswer {
    const { path } = this.#question
    const octets = Buffer.concat(this.#pieces)
    const isWhole = octets.length >= PREFIX_OCTETS && octets.readUInt32BE(1) === octets.length - PREFIX_OCTETS
    if (!isWhole) return { problem: `${path} answered with something else than one message` }
    if (octets[0] !== 0) return { problem: `${path} answered with a compressed message` }
    return { message: octets.subarray(PREFIX_OCTETS) }
  }

  reset(): void {
    this.isClosed = true
    this.#tell({ problem: `${this.#question.path}: its stream was reset` })
  }

  discardQueued(): void {}
  consume(): void {}
  chargePeer(): void {}
}

function headOf({ path, route, timeoutMs }: ServiceQuestion): RequestHead {
  const authority = route.findCluster()?.name ?? ""
  const fields = [":method", "POST", ":scheme", "http", ":path", path, ":authority", authority]
  fields.push("te", "trailers", "content-type", "application/grpc", "grpc-timeout", `${timeoutMs}m`)
  fields.push("grpc-accept-encoding", "identity", "user-agent", "sluice")
  return { list: new HeaderList(fields), method: "POST", scheme: "http", authority, path, contentLength: -1 }
}
