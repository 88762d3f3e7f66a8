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
  const status = ["grpc-status", String(grpcStatus), "grpc-message", encodeGrpcMessage(message)]
  const list = new HeaderList(
    asked.headSent ? status : [":status", "200", "content-type", "application/grpc", ...status],
  )
  downstream.sendHeaders(list, true)
  return grpcStatus
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
