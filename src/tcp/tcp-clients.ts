import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { Tags } from "../base/tags.ts"
import type { ConnectionRecord, TlsInfo } from "../record/record.ts"
import type { ClientConnection } from "../relay/downstream/client-connection.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import { connectionRecord } from "../relay/downstream/connection-record.ts"
import type { FindListener, PassedClient } from "../relay/downstream/passed-client.ts"
import { TcpSession } from "./session.ts"
import type { TcpContext } from "./tcp-context.ts"
import type { OpenTcpListener } from "./tcp-listener.ts"
import { newTcpRecord } from "./tcp-record.ts"

export interface TcpClientsOptions {
  readonly context: TcpContext
  /** Where their connections are counted. */
  readonly clients: Pick<Clients, "admit" | "isGone" | "add" | "remove">
  nextConnectionId(): number
  readonly findListener: FindListener
}

/** The clients of TCP listeners. */
export class TcpClients {
  readonly #options: TcpClientsOptions
  /** Those that shake hands. */
  readonly #handshakes = new Tags<Socket, TcpSession>()

  constructor(options: TcpClientsOptions) {
    this.#options = options
  }

  /** A client has come; nothing has been read from it. */
  accept(listener: OpenTcpListener, socket: Socket): void {
    if (this.#options.clients.admit(socket)) this.#serve(listener, socket)
  }

  /** A client that another listener has accepted and counted. */
  receive(listener: OpenTcpListener, passed: PassedClient): void {
    this.#serve(listener, passed.socket, passed)
  }

  #serve(listener: OpenTcpListener, socket: Socket, passed?: PassedClient): void {
    const { context, clients, nextConnectionId, findListener } = this.#options
    if (clients.isGone(listener)) return void socket.destroy()
    const startMs = Math.floor(context.clock.now())
    const tcp = { hello: null }
    const connection = connectionRecord(
      nextConnectionId(),
      startMs,
      listener.config,
      socket,
      passed?.tls ?? null,
      tcp,
      passed,
    )
    const record = newTcpRecord(connection, listener.servers.fallback.name, startMs)
    const session: TcpSession = new TcpSession({
      context,
      listener,
      socket,
      record,
      passed: passed ?? null,
      findListener,
      onOver: () => {
        // One that was passed on may be shaking hands for the session after this one.
        if (this.#handshakes.get(socket) === session) this.#handshakes.delete(socket)
        clients.remove(client)
      },
    })
    const client = new TcpConnection(connection, listener, session)
    if (listener.tls !== null) this.#handshakes.set(socket, session)
    clients.add(client)
    session.begin()
  }

  /** A client has shaken hands. False: it is none of these. */
  secured(socket: TLSSocket, tls: TlsInfo): boolean {
    const raw = (socket as { _parent?: Socket })._parent
    const session = raw === undefined ? undefined : this.#handshakes.get(raw)
    if (session === undefined) return false
    this.#handshakes.delete(raw!)
    session.onSecured(socket, tls)
    return true
  }

  /** A client speaks HTTP where TLS should begin. False: it is none of these. */
  plain(socket: Socket): boolean {
    if (!this.#handshakes.has(socket)) return false
    socket.destroy()
    return true
  }
}

/** A client's connection, with the one session that it is. */
class TcpConnection implements ClientConnection {
  place = -1
  readonly record: ConnectionRecord
  readonly openListener: OpenTcpListener
  readonly streams: readonly [TcpSession]
  readonly overflowOctets = 0
  readonly #session: TcpSession

  constructor(record: ConnectionRecord, openListener: OpenTcpListener, session: TcpSession) {
    this.record = record
    this.openListener = openListener
    this.#session = session
    this.streams = [session]
  }

  /** Its times have a wheel. */
  tick(): void {}

  /** There is no way to tell it: it goes on until it ends. */
  drain(): void {}

  abort(): void {
    this.#session.abort()
  }

  cut(): void {
    this.#session.abort()
  }
}
