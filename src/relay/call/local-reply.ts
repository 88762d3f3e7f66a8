import { encodeGrpcMessage, grpcStatusOfHttp } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"

/** What Sluice itself answers, in the terms of the client's protocol. */
export interface Answer {
  readonly httpStatus: number
  /** -1: what the HTTP status maps to. */
  readonly grpcStatus: number
  readonly message: string
}

/** What the client asked for, and how far the answer has come. */
export interface Asked {
  readonly isGrpc: boolean
  /** The response head is on its way; only an ending may follow. */
  readonly headSent: boolean
}

/** An answer in the terms of a client's protocol. */
export interface OwnAnswer {
  /** The head or, where that is on its way, the trailers. */
  readonly list: HeaderList
  readonly body: Buffer
  /** -1: not for gRPC. */
  readonly grpcStatus: number
}

const NO_BODY = Buffer.alloc(0)
/** A cap on what goes into grpc-message and bodies, so that no address list of hundreds ends in a header. */
const MESSAGE_MAX = 1024

/**
 * What a stream ends with so that its client understands: Trailers-Only or trailers with grpc-status for gRPC, an HTTP
 * status and a line of text otherwise. Never HTML, never a bare status to gRPC. Null: nothing can be said any more, and
 * a body that stops short must not look whole.
 */
export function answerFor(asked: Asked, what: Answer): OwnAnswer | null {
  const message = what.message.slice(0, MESSAGE_MAX)
  if (!asked.isGrpc) return asked.headSent ? null : httpAnswer(what.httpStatus, message)
  const grpcStatus = what.grpcStatus >= 0 ? what.grpcStatus : grpcStatusOfHttp(what.httpStatus)
  const list = asked.headSent ? trailers(grpcStatus, message) : head(grpcStatus, message)
  return { list, body: NO_BODY, grpcStatus }
}

const trailers = (grpcStatus: number, message: string): HeaderList =>
  new HeaderList(["grpc-status", String(grpcStatus), "grpc-message", encodeGrpcMessage(message)])

/** Under overload thousands are told the same, and an encoder knows a list again: this halves what a refusal costs. */
const last = { grpcStatus: -1, message: "", list: new HeaderList([]) }

/** Trailers-Only. */
function head(grpcStatus: number, message: string): HeaderList {
  if (last.grpcStatus === grpcStatus && last.message === message) return last.list
  const { fields } = trailers(grpcStatus, message)
  const list = new HeaderList([":status", "200", "content-type", "application/grpc", ...fields])
  Object.assign(last, { grpcStatus, message, list })
  return list
}

/** What a client is told for a status of ours. 495 and 496, a client certificate at fault, are nginx's and not HTTP's. */
export function statusOnWire(httpStatus: number): number {
  return httpStatus === 495 || httpStatus === 496 ? 400 : httpStatus
}

function httpAnswer(status: number, message: string): OwnAnswer {
  const body = Buffer.from(`${message}\n`, "utf8")
  const fields = [":status", String(statusOnWire(status)), "content-type", "text/plain; charset=utf-8"]
  return { list: new HeaderList([...fields, "content-length", String(body.length)]), body, grpcStatus: -1 }
}
