import type { IncomingMessage } from "node:http"
import { type Server, WebSocketServer } from "ws"
import type { RequestHead } from "../../http2/message-head.ts"
import { failure } from "../../record/failure.ts"
import { Call } from "../../relay/call/call.ts"
import type { CallContext } from "../../relay/call/call-context.ts"
import type { Route } from "../../relay/route/route.ts"
import type { Upgrade } from "../http1/connection.ts"
import type { Http1Request } from "../http1/request.ts"
import { UpgradeStream } from "../http1/upgrade-stream.ts"
import type { Caller } from "../json/caller.ts"
import type { MethodTypes } from "../json/method-types.ts"
import { TypesError } from "../json/reflection.ts"
import { answerRoute } from "../shared/answer-route.ts"
import { messageOctetsMaxOf } from "../shared/message-limits.ts"
import type { MessageWork } from "../shared/message-work.ts"
import { methodPath } from "../shared/method-path.ts"
import type { Refusal } from "../shared/refusal.ts"
import { grpcRequestHead } from "../shared/request-head.ts"
import { BridgeSocket } from "./bridge-socket.ts"
import { WebSocketConnection } from "./connection.ts"
import { WebSocketGrpcOpening } from "./grpc-transcoder.ts"
import { type Handshake, readHandshake } from "./head.ts"
import { WebSocketJsonTranscoder } from "./json-transcoder.ts"
import type { WebSocketTranscoderOptions } from "./transcoder.ts"

/** Beside a message of the largest size: a control octet and a gRPC prefix. */
const BESIDE_MESSAGE_OCTETS = 6

/** Types of a method, of a route's own source. */
export type FindTypes = (route: Route, path: string, caller: Caller) => Promise<MethodTypes>

/** WebSocket handshakes, and the calls that they become. */
export class WebSockets {
  readonly #context: CallContext
  readonly #findTypes: FindTypes
  readonly #work: MessageWork
  readonly #server: Server<typeof BridgeSocket>
  /** Chosen for the handshake under way; `ws` asks for it in the same turn. */
  #subprotocol: string | null = null

  constructor(context: CallContext, findTypes: FindTypes, work: MessageWork) {
    this.#context = context
    this.#findTypes = findTypes
    this.#work = work
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Decompression would make 4 MiB of 4 KiB.
      perMessageDeflate: false,
      // It is given whole messages: see MessageAssembler.
      maxFragments: 1,
      autoPong: false,
      maxPayload: context.limits.messageOctetsMax + BESIDE_MESSAGE_OCTETS,
      handleProtocols: () => this.#subprotocol ?? false,
      WebSocket: BridgeSocket,
      // Not in the types yet.
      ...({ closeTimeout: context.limits.drainTimeoutMs } as object),
    })
  }

  /** A request with `upgrade` came. */
  upgrade(upgrade: Upgrade): void {
    const { connection, request, head, route } = upgrade
    // What the configuration answers by itself it answers whatever the request asks for.
    if (route.isAnswer) return this.#refuse(upgrade, null)
    const { grpcWeb, connect, webSocket } = route.settings.bridge
    if (!grpcWeb && !connect && !webSocket) return this.#passOn(upgrade)
    if (!webSocket || request.upgrade?.toLowerCase() !== "websocket")
      return this.#refuse(upgrade, { status: 400, reason: "no such upgrade here" })
    const handshake = readHandshake(head, route.settings)
    if (!("status" in handshake)) return this.#accept(upgrade, handshake)
    if (handshake.status === 403) connection.onLimit("origin_refused")
    this.#refuse(upgrade, handshake)
  }

  /** Answers over HTTP/1 like any other request, log line and all, then closes. Null: with what the route says. */
  #refuse({ connection, request, head, route }: Upgrade, refusal: Refusal | null): void {
    const open = (...[record, stream, , on]: Parameters<typeof connection.options.openStream>) => {
      const answer = refusal === null ? on : answerRoute(on, refusal.status, `${refusal.reason}\n`)
      return new Call(this.#context, record, stream, head, answer)
    }
    connection.serve(open, head, route, request, true)
  }

  /** Where nothing is bridged it is the backend's to answer: it may switch to another protocol, or not. */
  #passOn({ connection, request, head, route }: Upgrade): void {
    const { options, streams } = connection
    const stream = new UpgradeStream({
      socket: connection.switchProtocol(),
      context: options.context,
      isHead: request.method === "HEAD",
      onClosed: () => {
        if (stream.owner !== null) streams.delete(stream.owner)
      },
    })
    connection.record.canSwitch = true
    const owner = options.openStream(connection.record, stream, head, route)
    stream.owner = owner
    streams.add(owner)
    owner.start()
  }

  #accept(upgrade: Upgrade, handshake: Handshake): void {
    const { connection, request } = upgrade
    this.#subprotocol = handshake.subprotocol
    // `ws` takes it for the socket that it makes in this turn.
    const { bridge } = upgrade.route.settings
    this.#server.options.maxPayload = messageOctetsMaxOf(bridge, this.#context.limits) + BESIDE_MESSAGE_OCTETS
    const { options } = connection
    const socket = connection.switchProtocol()
    // What is wrong with the handshake itself `ws` answers: RFC 6455 §4.2.
    this.#server.handleUpgrade(incomingMessage(request), socket, Buffer.alloc(0), (webSocket) => {
      const next = new WebSocketConnection(options, socket)
      options.onReplaced(connection, next)
      webSocket.on("error", () => {})
      webSocket.on("ping", (payload) => webSocket.answerPing(payload))
      this.#open(upgrade, handshake, webSocket, next)
    })
  }

  #open(
    { head, route }: Upgrade,
    handshake: Handshake,
    socket: BridgeSocket,
    connection: WebSocketConnection,
  ): void {
    const path = methodPath(head.path, route.settings.bridge)
    const grpcHead = (carriage: readonly string[]): RequestHead =>
      grpcRequestHead(handshake.head, path ?? "/", [...handshake.metadata, ...carriage])
    const options = (carriage: readonly string[]): WebSocketTranscoderOptions => ({
      context: this.#context,
      connection: connection.record,
      head: grpcHead(carriage),
      route,
      socket,
      source: connection,
      handshakePath: head.path,
      onOver: (call) => connection.ended(call),
    })
    if (handshake.kind === "grpc-websockets") {
      new WebSocketGrpcOpening({ connection, socket, path, options })
      return
    }
    const carriage = ["content-type", "application/grpc+proto", "grpc-accept-encoding", "identity"]
    const caller = { head: grpcHead(carriage), connection: connection.record }
    const types = path === null ? noMethod(head.path) : this.#findTypes(route, path, caller)
    const call = new WebSocketJsonTranscoder(options(carriage), types, this.#work)
    connection.opened(call, messageOctetsMaxOf(route.settings.bridge, this.#context.limits))
    call.start()
  }
}

/** What `ws` looks at of a request. */
function incomingMessage({ method, target, fields }: Http1Request): IncomingMessage {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    headers[name] = headers[name] === undefined ? fields[i + 1]! : `${headers[name]}, ${fields[i + 1]!}`
  }
  return { method, url: target, headers } as unknown as IncomingMessage
}

function noMethod(path: string): Promise<never> {
  return Promise.reject(
    new TypesError(failure("no_route", `${path.split("?", 1)[0]} is no gRPC method`, true)),
  )
}
