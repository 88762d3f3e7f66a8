import { createServer, type IncomingMessage, type Server } from "node:http"
import type { Duplex } from "node:stream"
import { guarded } from "../../log/guarded.ts"
import { Call } from "../../relay/call/call.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { DownstreamOptions } from "../../relay/downstream/downstream.ts"
import { Http1Connection } from "./connection.ts"

/** Takes a connection over whose client asks for another protocol. `rest`: octets that came behind the head. */
export type OnUpgrade = (connection: Http1Connection, request: IncomingMessage, rest: Buffer) => void

/** Node's HTTP/1 server without a listener of its own: sockets are handed to it, and their time is kept elsewhere. */
export class Http1Server {
  readonly #context: CallContext
  readonly #server: Server
  readonly #connections = new WeakMap<Duplex, Http1Connection>()

  constructor(context: CallContext, onUpgrade: OnUpgrade) {
    this.#context = context
    const server = createServer({
      maxHeaderSize: context.limits.http1HeadOctets,
      insecureHTTPParser: false,
      requireHostHeader: false,
      keepAliveTimeout: 0,
      // Where Node knows it (24.9).
      shouldUpgradeCallback: isUpgrade,
    })
    this.#server = server
    // The head's octets bound them, and `Http1Connection` refuses too many where Node would leave some out.
    server.maxHeadersCount = 0
    server.on("request", (request, response) => {
      this.#guard(request, (connection) => connection.onRequest(request, response))
    })
    // It is told to go on once its body is wanted: see `Http1Stream.begin`.
    server.on("checkContinue", (request, response) => {
      this.#guard(request, (connection) => connection.onRequest(request, response))
    })
    server.on("upgrade", (request, _socket, rest) => {
      this.#guard(request, (connection) =>
        connection.afterAnswers(() => onUpgrade(connection, request, rest)),
      )
    })
    server.on("checkExpectation", (request) => {
      this.#guard(request, (connection) =>
        connection.refuseRequest(request, 417, "no such expectation is met"),
      )
    })
    server.on("connect", (request) => {
      this.#guard(request, (connection) => connection.refuseRequest(request, 405, "CONNECT is not served"))
    })
    server.on("clientError", (error, socket: Duplex) => this.#connections.get(socket)!.onClientError(error))
  }

  /** Makes the connection of a client whose first octets are a request line of HTTP/1. */
  serve(options: DownstreamOptions): Http1Connection {
    const connection = new Http1Connection(
      options,
      (record, stream, head, route) => new Call(this.#context, record, stream, head, route),
    )
    this.#connections.set(connection.socket, connection)
    this.#server.emit("connection", connection.socket)
    return connection
  }

  /** A bug met by one request ends its connection. */
  #guard(request: IncomingMessage, run: (connection: Http1Connection) => void): void {
    const connection = this.#connections.get(request.socket)!
    // What a client sends behind a request that ended the connection is not served.
    if (!connection.socket.writable) return
    guarded(
      this.#context,
      () => connection.socket.destroy(),
      () => run(connection),
    )()
  }
}

/** Of one with a body, and of HTTP/2 by the way of HTTP/1.1 (RFC 9113 §3.1), all that counts is the request. */
function isUpgrade({ headers }: IncomingMessage): boolean {
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
  return !hasBody && !/^h2c?$/i.test(headers.upgrade ?? "")
}
