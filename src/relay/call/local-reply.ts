import { defaults } from "../../config/defaults-table.ts"
import { encodeGrpcMessage, grpcStatusOfHttp } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { statusOnWire } from "../route/error-page.ts"
import { ownPage } from "./own-page.ts"

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
  /** What a page calls the server; undefined: as it does by default. */
  readonly server?: string
}

/** The reply in the words of the client's protocol. */
export interface LocalReply {
  /** The head or, where that is on its way, the trailers. */
  readonly list: HeaderList
  readonly body: Buffer
  /** -1: not for gRPC. */
  readonly grpcStatus: number
}

const { serverTokens } = defaults.settings
const NO_BODY = Buffer.alloc(0)
/** A cap on what goes into grpc-message, so that no address list of hundreds ends in a header. */
const MESSAGE_MAX = 1024

/**
 * What a stream ends with so that its client understands: Trailers-Only or trailers with grpc-status for gRPC, never a page or
 * a bare status; an HTTP status and nginx's page otherwise. Null: nothing can be said any more, and a body that stops short
 * must not look whole.
 */
export function localReply(to: ReplyState, what: Reply): LocalReply | null {
  const message = what.message.slice(0, MESSAGE_MAX)
  if (!to.isGrpc)
    return to.isHeadSent ? null : pageReply(what.httpStatus, to.server ?? serverTokens.value, what.fields)
  const grpcStatus = what.grpcStatus >= 0 ? what.grpcStatus : grpcStatusOfHttp(statusOnWire(what.httpStatus))
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

/** An answer of HTTP: nginx's page, where it has one for the status. */
export function pageReply(status: number, server: string, more: readonly string[] = []): LocalReply {
  const body = ownPage(status, server)
  const fields = [":status", String(statusOnWire(status))]
  if (body.length > 0) fields.push("content-type", "text/html")
  fields.push("content-length", String(body.length), ...more)
  return { list: new HeaderList(fields), body, grpcStatus: -1 }
}
