import { encodeGrpcMessage, grpcStatusOfHttp } from "../grpc/status.ts"
import { ErrorCode } from "../http2/error-code.ts"
import { HeaderList } from "../http2/header-list.ts"
import type { DownstreamStream } from "./downstream-stream.ts"

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
  /** HEAD: the answer has no body. */
  readonly isHead: boolean
  /** The response head is on its way; only an ending may follow. */
  readonly headSent: boolean
}

/** A cap on what goes into grpc-message and bodies, so that no address list of hundreds ends in a header. */
const MESSAGE_MAX = 1024

/**
 * Ends a stream with an answer that its client understands: Trailers-Only or trailers with grpc-status for gRPC, an
 * HTTP status and a line of text otherwise. Never HTML, never a bare status to gRPC. Returns the grpc-status, or -1.
 */
export function answer(downstream: DownstreamStream, asked: Asked, what: Answer): number {
  const message = what.message.slice(0, MESSAGE_MAX)
  if (!asked.isGrpc) {
    answerHttp(downstream, asked, what.httpStatus, message)
    return -1
  }
  const grpcStatus = what.grpcStatus >= 0 ? what.grpcStatus : grpcStatusOfHttp(what.httpStatus)
  downstream.sendHeaders(asked.headSent ? trailers(grpcStatus, message) : head(grpcStatus, message), true)
  return grpcStatus
}

/** The same in one head and no body: for a stream that nobody will look after while its client takes the rest. */
export function answerInOneHead(downstream: DownstreamStream, isGrpc: boolean, what: Answer): void {
  if (isGrpc) answer(downstream, { isGrpc, isHead: false, headSent: false }, what)
  else {
    const fields = [":status", String(statusOnWire(what.httpStatus)), "content-length", "0"]
    downstream.sendHeaders(new HeaderList(fields), true)
  }
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

function answerHttp(downstream: DownstreamStream, asked: Asked, status: number, message: string): void {
  if (asked.headSent) {
    // A body that stops short must not look whole.
    downstream.reset(ErrorCode.INTERNAL_ERROR)
    return
  }
  const body = Buffer.from(`${message}\n`, "utf8")
  const fields = [":status", String(statusOnWire(status)), "content-type", "text/plain; charset=utf-8"]
  downstream.sendHeaders(new HeaderList([...fields, "content-length", String(body.length)]), asked.isHead)
  if (!asked.isHead) downstream.sendData(body, 0, body.length, true)
}
