import { encodeGrpcMessage, grpcStatusOfHttp } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"

/** What Sluice itself has to say. */
export interface Reply {
  readonly httpStatus: number
  /** -1: what the HTTP status maps to. */
  readonly grpcStatus: number
  readonly message: string
  /** For clients of HTTP. */
  readonly fields?: readonly string[]
}

/** What the client speaks, and how far the response has come. */
export interface ReplyState {
  readonly isGrpc: boolean
  /** The response head is on its way; only an ending may follow. */
  readonly isHeadSent: boolean
}

/** The reply in the words of the client's protocol. */
export interface LocalReply {
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
export function localReply(to: ReplyState, what: Reply): LocalReply | null {
  const message = what.message.slice(0, MESSAGE_MAX)
  if (!to.isGrpc) return to.isHeadSent ? null : httpReply(what.httpStatus, message, what.fields ?? [])
  const grpcStatus = what.grpcStatus >= 0 ? what.grpcStatus : grpcStatusOfHttp(what.httpStatus)
  const list = to.isHeadSent ? trailers(grpcStatus, message) : head(grpcStatus, message)
  return { list, body: NO_BODY, grpcStatus }
}

const trailers = (grpcStatus: number, message: string): HeaderList =>
  new HeaderList(["grpc-status", String(grpcStatus), "grpc-message", encodeGrpcMessage(message)])

/** Under overload thousands get the same reply, and the HPACK encoder remembers lists: this halves what one costs. */
const last = { grpcStatus: -1, message: "", list: new HeaderList([]) }

/** Trailers-Only. */
function head(grpcStatus: number, message: string): HeaderList {
  if (last.grpcStatus === grpcStatus && last.message === message) return last.list
  const { fields } = trailers(grpcStatus, message)
  const list = new HeaderList([":status", "200", "content-type", "application/grpc", ...fields])
  Object.assign(last, { grpcStatus, message, list })
  return list
}

/** What a client is told for our own status. 495 and 496, a client certificate at fault, are nginx's and not HTTP's. */
export function statusOnWire(httpStatus: number): number {
  return httpStatus === 495 || httpStatus === 496 ? 400 : httpStatus
}

function httpReply(status: number, message: string, more: readonly string[]): LocalReply {
  const body = Buffer.from(`${message}\n`, "utf8")
  const fields = [
    ":status",
    String(statusOnWire(status)),
    "content-type",
    "text/plain; charset=utf-8",
    ...more,
  ]
  return { list: new HeaderList([...fields, "content-length", String(body.length)]), body, grpcStatus: -1 }
}
