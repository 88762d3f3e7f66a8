import { counterIds } from "../base/counters.ts"
import { requestLineProblem } from "../http1/request-line.ts"
import type { RequestHead } from "../http2/message-head.ts"
import type { ConnectionRecord } from "../record/record.ts"
import { Call } from "../relay/call/call.ts"
import type { CallContext } from "../relay/call/call-context.ts"
import type { DownstreamStream } from "../relay/call/stream-owner.ts"
import type { DownstreamOptions, OpenStream } from "../relay/downstream/downstream.ts"
import type { CursorFields } from "../relay/route/continuity-plan.ts"
import type { PhasedCall, Route } from "../relay/route/route.ts"
import { connectHead, connectKind } from "./connect/head.ts"
import { ConnectStreamTranscoder } from "./connect/stream-transcoder.ts"
import { ConnectUnaryTranscoder } from "./connect/unary-transcoder.ts"
import { grpcWebHead, isGrpcWeb } from "./grpc-web/head.ts"
import { GrpcWebTranscoder } from "./grpc-web/transcoder.ts"
import { Http1Connection, type Http1Options } from "./http1/connection.ts"
import type { Caller } from "./json/caller.ts"
import { cursorFieldsIn } from "./json/cursor-fields.ts"
import { type MethodTypes, TypeSource } from "./json/method-types.ts"
import { answerRoute } from "./shared/answer-route.ts"
import { corsFields, isPreflight, preflightFields } from "./shared/cors.ts"
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
  readonly openStream: OpenStream = (connection, stream, head, route, isRefused = false) => {
    const { grpcWeb, connect, webSocket } = route.settings.bridge
    if (grpcWeb || connect || webSocket) return this.#bridge(connection, stream, head, route, isRefused)
    return new Call(this.#context, connection, stream, head, route)
  }

  readonly #context: CallContext
  readonly #http1: Http1Options
  readonly #work: MessageWork
  /** A reload makes new routes, and so asks for types anew. */
  readonly #types = new WeakMap<Route, TypeSource>()

  constructor(context: CallContext) {
    this.#context = context
    const { limits, counters } = context
    this.#work = new MessageWork(limits.messagesAtWorkMax, () => counters.add(counterIds.messages_waited))
    const findTypes = (route: Route, path: string, caller: Caller): Promise<MethodTypes> =>
      this.#typesOf(route).find(path, caller)
    const webSockets = new WebSockets(context, findTypes, this.#work)
    this.#http1 = {
      head: {
        bounds: { octetsMax: limits.http1HeadOctets, fieldsMax: limits.headerFieldsMax },
        startLineProblem: requestLineProblem,
        skipsEmptyLines: true,
        remembersLast: true,
      },
      openCall: (record, stream, head, route) => new Call(context, record, stream, head, route),
      onUpgrade: (upgrade) => webSockets.upgrade(upgrade),
    }
  }

  /** A connection whose first octets are a request line of HTTP/1. */
  http1(options: DownstreamOptions): Http1Connection {
    return new Http1Connection(options, this.#http1)
  }

  /** Where the resume tokens of a call's method are, as its backends say; a text: why nowhere. */
  async findCursorFields(
    { route, record }: PhasedCall,
    from: string,
    into: string,
  ): Promise<CursorFields | string> {
    const { head, connection } = record
    try {
      const { method } = await this.#typesOf(route).find(head.path, { head, connection })
      return cursorFieldsIn(method, from, into)
    } catch (error) {
      return (error as Error).message
    }
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
    isRefused: boolean,
  ): OpenedStream {
    const { bridge } = route.settings
    const callOn = (on: Route) => new Call(this.#context, connection, stream, head, on)
    if (isPreflight(head.method, head.list))
      return callOn(answerRoute(route, 204, "", preflightFields(head.list, route.settings)))
    const path = methodPath(head.path, bridge)
    const shared = {
      context: this.#context,
      connection,
      route,
      stream,
      corsFields: corsFields(head.list, route.settings),
    }
    if (bridge.grpcWeb && head.method === "POST" && isGrpcWeb(head.list.get("content-type") ?? ""))
      return new GrpcWebTranscoder({ ...shared, head: grpcWebHead(head, path ?? head.path) }, head)
    const kind = bridge.connect && path !== null ? connectKind(head) : null
    if (kind !== null) {
      const needsTypes = !isRefused && (kind.codec === "json" || kind.query !== null)
      const grpcHead = connectHead(head, path!, kind)
      const types = needsTypes ? this.#typesOf(route).find(path!, { head: grpcHead, connection }) : null
      const options = { ...shared, head: grpcHead, clientHead: head, kind, types, work: this.#work }
      return kind.isStream ? new ConnectStreamTranscoder(options) : new ConnectUnaryTranscoder(options)
    }
    return callOn(route)
  }
}
