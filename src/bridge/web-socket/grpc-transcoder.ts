import { HeaderList } from "../../http2/header-list.ts"
import { readRequestHead } from "../../http2/message-head.ts"
import { guarded } from "../../log/guarded.ts"
import { failure } from "../../record/failure.ts"
import { blockFrame } from "../grpc-web/status.ts"
import { messageOctetsMaxOf } from "../shared/message-limits.ts"
import type { BridgeSocket } from "./bridge-socket.ts"
import type { WebSocketConnection } from "./connection.ts"
import { WebSocketTranscoder, type WebSocketTranscoderOptions } from "./transcoder.ts"

const NORMAL = 1000
/** The first octet of a client's message. */
const Control = { DATA: 0, HALF_CLOSE: 1 } as const
/** Beside a message of the largest size: a control octet and a gRPC prefix. */
const CONTROL_OCTETS = 6
const NO_OCTETS = Buffer.alloc(0)

interface OpeningOptions {
  connection: WebSocketConnection
  socket: BridgeSocket
  /** The method; null when the path is none. */
  path: string | null
  options: (carriage: readonly string[]) => WebSocketTranscoderOptions
}

/**
 * The subprotocol `grpc-websockets` until its first message, which holds the request's headers. The connection's own
 * time limit for a head applies.
 */
export class WebSocketGrpcOpening {
  readonly #options: OpeningOptions

  constructor(options: OpeningOptions) {
    this.#options = options
    const { context } = options.connection.options
    const received = guarded(
      context,
      () => options.socket.terminate(),
      (message: Buffer, isBinary: boolean) => this.#receive(message, isBinary),
    )
    options.socket.once("message", (data, isBinary) => received(data as Buffer, isBinary))
  }

  #receive(message: Buffer, isBinary: boolean): void {
    const { connection, path, options } = this.#options
    const { limits } = connection.options.context
    const { http1HeadOctets, headerFieldsMax } = limits
    const fits = isBinary && message.length <= http1HeadOctets
    const carriage = fits ? readHeaders(message, headerFieldsMax) : null
    const made = options(carriage ?? ["content-type", "application/grpc"])
    const call = new WebSocketGrpcTranscoder(made)
    connection.opened(call, messageOctetsMaxOf(made.route.settings.bridge, limits) + CONTROL_OCTETS)
    if (carriage === null)
      call.fail(failure("bad_request", "the first message must hold the request's headers"))
    else if (path === null) call.fail(failure("no_route", `${call.record.path} is no gRPC method`, true))
    else call.start()
  }
}

/** The fields of a block of `name: value` lines, for a gRPC request; null when they are malformed. */
function readHeaders(block: Buffer, fieldsMax: number): string[] | null {
  const fields: string[] = []
  for (const line of block.toString("latin1").split("\r\n")) {
    if (line === "") continue
    const colon = line.indexOf(":")
    if (colon < 1) return null
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === "content-type")
      fields.push(name, value.replace(/^application\/grpc-web(?:-text)?/i, "application/grpc"))
    else if (!LEFT_OUT.has(name)) fields.push(name, value)
  }
  if (fields.length / 2 > fieldsMax) return null
  if (!fields.includes("content-type")) fields.push("content-type", "application/grpc+proto")
  const head = readRequestHead(
    new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ...fields]),
  )
  return typeof head === "string" ? null : fields
}

/** Of HTTP/1, of the browser, or compression, which some of these clients refuse to undo. */
const LEFT_OUT = new Set([
  ...[
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "host",
    "te",
    "content-length",
  ],
  ...["accept", "accept-encoding", "grpc-accept-encoding", "x-grpc-web"],
])

/**
 * A WebSocket of the subprotocol `grpc-websockets`: gRPC's own octets, with a control octet before them from the client
 * and gRPC-Web's header and trailer frames in between to it. Source: @improbable-eng/grpc-web's client.
 */
class WebSocketGrpcTranscoder extends WebSocketTranscoder {
  #headSent = false

  protected receive(message: Buffer, isBinary: boolean): void {
    const control = isBinary ? message[0] : undefined
    if (control === Control.HALF_CLOSE && message.length === 1) {
      if (!this.remoteEnded) this.forward(NO_OCTETS, 0, 0, true)
    } else if (control !== Control.DATA)
      this.fail(failure("bad_request", "a message that is neither data nor a half-close"))
    else if (this.remoteEnded) this.fail(failure("bad_request", "data after the half-close"))
    else this.forward(message, 1, message.length, false)
  }

  protected sendHead(list: HeaderList): void {
    this.#headSent = true
    this.record.status = 101
    this.write(blockFrame(list, isShown))
  }

  protected sendMessages(octets: Buffer, start: number, end: number): number {
    this.write(Buffer.from(octets.subarray(start, end)))
    return this.written(end - start)
  }

  protected sendStatus(trailers: HeaderList): void {
    // These clients look for a header block first, whatever came.
    if (!this.#headSent) this.sendHead(new HeaderList(["content-type", "application/grpc-web+proto"]))
    this.write(blockFrame(trailers, (name) => name.startsWith("grpc-") || isShown(name)))
    this.closeSocket(NORMAL)
  }
}

/** Of a response's head: metadata, the encoding of messages and the content type. */
function isShown(name: string): boolean {
  return !name.startsWith(":") && !NOT_SHOWN.has(name)
}

const NOT_SHOWN = new Set([
  "content-length",
  "trailer",
  "grpc-accept-encoding",
  "grpc-status",
  "grpc-message",
])
