import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { type Server, WebSocketServer } from "ws"
import type { RequestHead } from "../../http2/message-head.ts"
import { failure } from "../../record/failure.ts"
import { Exchange } from "../../relay/call/call.ts"
import type { RelayContext } from "../../relay/context.ts"
import type { Route } from "../../relay/route/route.ts"
import type { Http1Connection } from "../http1/connection.ts"
import type { Caller } from "../json/caller.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { TypesError } from "../json/reflection.ts"
import { answerRoute } from "../shared/answer-route.ts"
import { guarded } from "../shared/guarded.ts"
import { messageOctetsMaxOf } from "../shared/message-limits.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { methodPath } from "../shared/method-path.ts"
import { grpcRequestHead } from "../shared/request-head.ts"
import { BridgeSocket } from "./bridge-socket.ts"
import { WebSocketGrpcOpening } from "./grpc-transcoder.ts"
import { type Handshake, type Refusal, readHandshake } from "./handshake.ts"
import { WebSocketJsonCall } from "./json-transcoder.ts"
import type { WebSocketCallOptions } from "./transcoder.ts"

/** Beside a message of the largest size: a control octet and a gRPC prefix. */
const BESIDE_MESSAGE_OCTETS = 6

/** An upgraded connection's request, and where it goes. */
interface Upgrade {
  connection: Http1Connection
  request: IncomingMessage
  head: RequestHead
  route: Route
  /** Octets that came behind the head. */
  rest: Buffer
}

/** Types of a method, of a route's own source. */
export type FindTypes = (route: Route, path: string, caller: Caller) => Promise<MethodTypes>

/** WebSocket handshakes, and the calls that they become. */
export class WebSockets {
  readonly #context: RelayContext
  readonly #findTypes: FindTypes
  readonly #work: MessageWork
  readonly #server: Server<typeof BridgeSocket>
  /** Chosen for the handshake under way; `ws` asks for it in the same turn. */
  #subprotocol: string | null = null

  constructor(context: RelayContext, findTypes: FindTypes, work: MessageWork) {
    this.#context = context
    this.#findTypes = findTypes
    this.#work = work
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.limits.messageOctetsMax + BESIDE_MESSAGE_OCTETS,
      handleProtocols: () => this.#subprotocol ?? false,
      WebSocket: BridgeSocket,
      // Not in the types yet.
      ...({ closeTimeout: context.limits.drainTimeoutMs } as object),
    })
  }

  /** A request with `upgrade` came. */
  upgrade(connection: Http1Connection, request: IncomingMessage, rest: Buffer): void {
    const found = connection.findRoute(request)
    // Node reads nothing more; those before it are answered, and the client will have to come again.
    if (connection.isAnswering) return connection.drain()
    if ("status" in found) return connection.refuse(found.status, found.reason)
    const upgrade = { connection, request, rest, ...found }
    const { settings } = found.route
    if (!settings.bridge.webSocket || request.headers.upgrade?.toLowerCase() !== "websocket")
      return this.#refuse(upgrade, { status: 400, reason: "no such upgrade here" })
    const handshake = readHandshake(found.head, settings)
    if (!("status" in handshake)) return this.#accept(upgrade, handshake)
    if (handshake.status === 403) connection.onLimit("origin_refused")
    this.#refuse(upgrade, handshake)
  }

  /** Answers over HTTP/1 like any other request, log line and all, then closes. */
  #refuse({ connection, request, head, route }: Upgrade, { status, reason }: Refusal): void {
    const response = new ServerResponse(request)
    response.assignSocket(request.socket as unknown as Socket)
    response.shouldKeepAlive = false
    const open = (...[record, stream, , on]: Parameters<typeof connection.options.openStream>) =>
      new Exchange(this.#context, record, stream, head, answerRoute(on, status, `${reason}\n`))
    response.on("finish", () => connection.socket.end())
    connection.serve(open, head, route, request, response)
  }

  #accept(upgrade: Upgrade, handshake: Handshake): void {
    const { connection, request, rest } = upgrade
    this.#subprotocol = handshake.subprotocol
    // `ws` takes it for the socket that it makes in this turn.
    const { bridge } = upgrade.route.settings
    this.#server.options.maxPayload = messageOctetsMaxOf(bridge, this.#context.limits) + BESIDE_MESSAGE_OCTETS
    // What is wrong with the handshake itself `ws` answers: RFC 6455 §4.2.
    this.#server.handleUpgrade(request, request.socket, rest, (socket) => {
      connection.upgraded()
      socket.on("error", () => {})
      const controlFrameCame = guarded(
        this.#context,
        () => socket.terminate(),
        (payload: Buffer) => connection.controlFrameCame(payload.length),
      )
      for (const event of ["ping", "pong"] as const) socket.on(event, controlFrameCame)
      this.#open(upgrade, handshake, socket)
    })
  }

  #open({ connection, head, route }: Upgrade, handshake: Handshake, socket: BridgeSocket): void {
    const path = methodPath(head.path, route.settings.bridge)
    const grpcHead = (carriage: readonly string[]): RequestHead =>
      grpcRequestHead(handshake.head, path ?? "/", [...handshake.metadata, ...carriage])
    const options = (carriage: readonly string[]): WebSocketCallOptions => ({
      context: this.#context,
      connection: connection.record,
      head: grpcHead(carriage),
      route,
      socket,
      link: connection,
      handshakePath: head.path,
      onOver: (call) => connection.remove(call),
    })
    if (handshake.kind === "grpc-websockets") {
      new WebSocketGrpcOpening({ connection, socket, path, options })
      return
    }
    const carriage = ["content-type", "application/grpc+proto", "grpc-accept-encoding", "identity"]
    const caller = { head: grpcHead(carriage), connection: connection.record }
    const types = path === null ? noMethod(head.path) : this.#findTypes(route, path, caller)
    const call = new WebSocketJsonCall(options(carriage), types, this.#work)
    connection.add(call)
    call.start()
  }
}

function noMethod(path: string): Promise<never> {
  return Promise.reject(
    new TypesError(failure("no_route", `${path.split("?", 1)[0]} is no gRPC method`, true)),
  )
}
