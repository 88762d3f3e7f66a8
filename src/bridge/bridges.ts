import { createServer, type IncomingMessage, type Server } from "node:http"
import type { Duplex } from "node:stream"
import { counterIds } from "../base/counters.ts"
import type { RequestHead } from "../http2/message-head.ts"
import type { ConnectionRecord } from "../record/record.ts"
import { Exchange } from "../relay/call/call.ts"
import type { DownstreamStream } from "../relay/call/downstream-stream.ts"
import type { RelayContext } from "../relay/context.ts"
import type { DownstreamOptions, OpenStream } from "../relay/downstream/downstream.ts"
import type { Route } from "../relay/route/route.ts"
import { connectHead, connectKind } from "./connect/protocol.ts"
import { ConnectStreamCall } from "./connect/stream-transcoder.ts"
import { ConnectUnaryCall } from "./connect/unary-transcoder.ts"
import { GrpcWebCall, grpcWebHead, isGrpcWeb } from "./grpc-web/transcoder.ts"
import { Http1Connection } from "./http1/connection.ts"
import type { Http1Socket } from "./http1/socket.ts"
import type { Caller } from "./json/caller.ts"
import { type MethodTypes, TypeSource } from "./json/method-types.ts"
import { answerRoute } from "./shared/answer-route.ts"
import { corsFields, isPreflight, preflightFields } from "./shared/cors.ts"
import { guarded } from "./shared/guarded.ts"
import { MessageWork } from "./shared/message-work.ts"
import { methodPath } from "./shared/method-path.ts"
import { WebSockets } from "./web-socket/web-sockets.ts"

type OpenedStream = ReturnType<OpenStream>

/**
 * Everything that browsers speak, on the way to gRPC: HTTP/1.1 connections, and on streams of either version gRPC-Web
 * and Connect, where a route has them on. What is none of these is relayed as it is.
 */
export class Bridges {
  /** Chooses what handles a stream, by its route and its content type. */
  readonly openStream: OpenStream = (connection, stream, head, route) => {
    const { grpcWeb, connect, webSocket } = route.settings.bridge
    if (grpcWeb || connect || webSocket) return this.#bridge(connection, stream, head, route)
    return new Exchange(this.#context, connection, stream, head, route)
  }

  readonly #context: RelayContext
  readonly #server: Server
  readonly #work: MessageWork
  /** A reload makes new routes, and so asks for types anew. */
  readonly #types = new WeakMap<Route, TypeSource>()

  constructor(context: RelayContext) {
    this.#context = context
    const { limits, counters } = context
    this.#work = new MessageWork(limits.messagesAtWorkMax, () => counters.add(counterIds.messages_waited))
    const findTypes = (route: Route, path: string, caller: Caller): Promise<MethodTypes> =>
      this.#typesOf(route).find(path, caller)
    const webSockets = new WebSockets(context, findTypes, this.#work)
    this.#server = makeServer(context, webSockets)
  }

  /** A connection whose first octets are a request line of HTTP/1. */
  http1(options: DownstreamOptions): Http1Connection {
    const connection = new Http1Connection(options)
    this.#server.emit("connection", connection.socket)
    return connection
  }

  #typesOf(route: Route): TypeSource {
    const known = this.#types.get(route)
    if (known !== undefined) return known
    const source = new TypeSource(this.#context, this.#work, route)
    this.#types.set(route, source)
    return source
  }

  #bridge(
    connection: ConnectionRecord,
    stream: DownstreamStream,
    head: RequestHead,
    route: Route,
  ): OpenedStream {
    const { bridge } = route.settings
    const exchange = (on: Route) => new Exchange(this.#context, connection, stream, head, on)
    if (isPreflight(head.method, head.list))
      return exchange(answerRoute(route, 204, "", preflightFields(head.list, route.settings)))
    const path = methodPath(head.path, bridge)
    const shared = {
      context: this.#context,
      connection,
      route,
      stream,
      corsFields: corsFields(head.list, route.settings),
    }
    if (bridge.grpcWeb && head.method === "POST" && isGrpcWeb(head.list.get("content-type") ?? ""))
      return new GrpcWebCall({ ...shared, head: grpcWebHead(head, path ?? head.path) }, head)
    const kind = bridge.connect && path !== null ? connectKind(head) : null
    if (kind !== null) {
      const needsTypes = kind.codec === "json" || kind.query !== null
      const grpcHead = connectHead(head, path!, kind)
      const types = needsTypes ? this.#typesOf(route).find(path!, { head: grpcHead, connection }) : null
      const options = { ...shared, head: grpcHead, clientHead: head, kind, types, work: this.#work }
      return kind.isStream ? new ConnectStreamCall(options) : new ConnectUnaryCall(options)
    }
    return exchange(route)
  }
}

/** Node's HTTP/1 server without a listener of its own: sockets are handed to it, and their time is kept elsewhere. */
function makeServer(context: RelayContext, webSockets: WebSockets): Server {
  const server = createServer({
    maxHeaderSize: context.limits.http1HeadOctets,
    insecureHTTPParser: false,
    requireHostHeader: false,
    keepAliveTimeout: 0,
    // Where Node knows it (24.9); an upgrade to anything else is then a request like any other.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
  })
  // The head's octets bound them, and `Http1Connection` refuses too many where Node would leave some out.
  server.maxHeadersCount = 0
  const guard = (request: IncomingMessage, run: (connection: Http1Connection) => void): void => {
    const connection = connectionOf(request)
    // What a client sends behind a request that ended the connection is not served.
    if (!connection.socket.writable) return
    guarded(
      context,
      () => connection.socket.destroy(),
      () => run(connection),
    )()
  }
  server.on("request", (request, response) => {
    guard(request, (connection) => connection.onRequest(request, response))
  })
  server.on("upgrade", (request, _socket, rest) => {
    guard(request, (connection) => webSockets.upgrade(connection, request, rest))
  })
  server.on("checkExpectation", (request) => {
    guard(request, (connection) => connection.refuse(417, "no such expectation is met"))
  })
  server.on("connect", (request) => {
    guard(request, (connection) => connection.refuse(405, "CONNECT is not served"))
  })
  server.on("clientError", (error, socket: Duplex) => (socket as Http1Socket).connection.onClientError(error))
  return server
}

function connectionOf(request: IncomingMessage): Http1Connection {
  return (request.socket as unknown as Http1Socket).connection
}
