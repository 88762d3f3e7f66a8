import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { counterIds } from "../../base/counters.ts"
import { Roster } from "../../base/roster.ts"
import { Tags } from "../../base/tags.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import { readShared } from "../../net/shared-read.ts"
import type { ConnectionRecord, ProxiedConnection, TlsInfo } from "../../record/record.ts"
import type { PacedStream } from "../pacing/pacer.ts"
import type { ClientConnection } from "./client-connection.ts"
import { ConnectionAges } from "./connection-ages.ts"
import { connectionRecord } from "./connection-record.ts"
import { DownstreamConnection, type DownstreamOptions } from "./downstream.ts"
import type { DownstreamContext } from "./downstream-context.ts"
import type { OpenListener } from "./listener-view.ts"
import type { PassedClient } from "./passed-client.ts"
import { ProtocolDetector, type ProtocolDetectorOptions, type SpokenProtocol } from "./protocol-detector.ts"
import { refusingPlain } from "./refusing-plain.ts"

/** What the clients of a balancer are served with. */
export interface ClientsOptions {
  context: DownstreamContext
  openStream: DownstreamOptions["openStream"]
  /** Makes the connection of a client that speaks HTTP/1. */
  http1(options: DownstreamOptions): ClientConnection & LinkUser
  link(socket: Socket): Link
  nextConnectionId(): number
  onConnect(record: ConnectionRecord): void
  onDisconnect(record: ConnectionRecord): void
  /** A TLS handshake is over, either way. */
  onHandshakeEnd(): void
}

/** The clients' connections: counted as they come, each given to the connection class of its protocol. */
export class Clients {
  readonly connections = new Roster<ClientConnection>()
  /** Sockets whose TLS handshake goes on, and the listener of each. */
  readonly handshakes = new Tags<Socket, OpenListener>()
  /** Of those, what is known of clients that were passed here. */
  readonly #passed = new Tags<Socket, PassedClient>()
  /** Listeners that are gone, or drain: what still comes there is told to go elsewhere. */
  readonly #gone = new WeakSet<Pick<OpenListener, "config">>()
  readonly #options: ClientsOptions
  readonly #ages: ConnectionAges
  /** Sockets that are open and where each comes from; then how many there are of each address. */
  readonly #sockets = new Tags<Socket, string>()
  readonly #byAddress = new Map<string, number>()
  // Of these there is one for all connections: closures of their own were 900 octets of each.
  readonly #onSocketClosed: (this: Socket) => void
  readonly #onClosed: DownstreamOptions["onClosed"]
  readonly #onReplaced: DownstreamOptions["onReplaced"]
  readonly #onChosen: ProtocolDetectorOptions["choose"]
  #isClosed = false

  constructor(options: ClientsOptions) {
    this.#options = options
    this.#ages = new ConnectionAges(options.context)
    const forget = (socket: Socket): void => this.#forget(socket)
    this.#onSocketClosed = function onSocketClosed() {
      forget(this)
    }
    this.#onClosed = (connection) => {
      this.connections.delete(connection)
      this.#ages.closed(connection.record)
      options.onDisconnect(connection.record)
    }
    this.#onReplaced = (before, next) => {
      this.connections.delete(before)
      this.connections.add(next)
    }
    this.#onChosen = (protocol, first) => {
      const next = this.#createFor(protocol, first.client)
      this.#onReplaced(first, next)
      return next
    }
  }

  /** Accepts no socket any more; clients whose handshake goes on are let go once it is done. */
  close(): void {
    this.#isClosed = true
  }

  /** Once a second. */
  tick(nowMs: number): void {
    for (const connection of this.connections) connection.tick(nowMs)
    this.#ages.tick(this.connections, nowMs)
  }

  /** Live streams of the clients of a listener. */
  streamsOf(listener: Pick<OpenListener, "config">): PacedStream[] {
    const found: PacedStream[] = []
    for (const connection of this.connections)
      if (connection.openListener === listener)
        for (const { paced } of connection.streams) if (paced !== null) found.push(paced)
    return found
  }

  /** Live streams that are at an endpoint. */
  allStreams(): PacedStream[] {
    const found: PacedStream[] = []
    for (const connection of this.connections)
      for (const { paced } of connection.streams) if (paced !== null) found.push(paced)
    return found
  }

  /** New clients of a listener are served again. Those that were let go stay so. */
  resume(listener: Pick<OpenListener, "config">): void {
    this.#gone.delete(listener)
  }

  /** Lets the clients of a listener go: they are told to go elsewhere, and their streams to their end. */
  drain(listener: Pick<OpenListener, "config">): void {
    this.#gone.add(listener)
    for (const connection of this.connections) if (connection.openListener === listener) connection.drain()
  }

  /** It drains, or is gone: its new clients are to go elsewhere. */
  isGone(listener: Pick<OpenListener, "config">): boolean {
    return this.#isClosed || this.#gone.has(listener)
  }

  /** A client's connection that is made elsewhere, counted by `admit`; `remove` when it is over. */
  add(connection: ClientConnection): void {
    this.connections.add(connection)
    this.#options.onConnect(connection.record)
  }

  remove(connection: ClientConnection): void {
    this.connections.delete(connection)
    this.#options.onDisconnect(connection.record)
  }

  /** A client of a listener without TLS. */
  accept(listener: OpenListener, accept: (onOctets: OnOctets) => Socket): void {
    // Of a socket from which nothing has been read, so that reads begin on a later turn, when the link is there.
    let link: Link | null = null
    const socket = accept((octets, length) => link?.received(octets, 0, length))
    if (this.admit(socket)) link = this.#serve(listener, socket, null, null)
  }

  /** A client that another listener has accepted and counted, of a listener without TLS. */
  receive(listener: OpenListener, passed: PassedClient): void {
    const { socket, held, tls } = passed
    const link = this.#serve(listener, socket, null, tls, passed)
    if (held.length > 0) link.received(held, 0, held.length)
    readShared(socket, (octets, length) => link.received(octets, 0, length), link)
  }

  /** The same, of one with TLS: what follows is as of `admitHandshake`. */
  receiveHandshake(listener: OpenListener, passed: PassedClient): void {
    const { socket } = passed
    // One over TLS is not the socket that was counted.
    socket.on("close", this.#onSocketClosed)
    this.handshakes.set(socket, listener)
    this.#passed.set(socket, passed)
  }

  /** A client whose TLS handshake is done. `open`: the listener of that name, if it is there still. */
  onTlsHandshakeDone(open: OpenListener | undefined, socket: TLSSocket, tls: TlsInfo): void {
    const raw = (socket as { _parent?: Socket })._parent
    const listener = (raw && this.handshakes.get(raw)) ?? open
    if (listener === undefined) socket.destroy()
    else {
      const { alpnProtocol } = socket
      const protocol = alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : null
      const link = this.#serve(listener, socket, protocol, tls, raw && this.#passed.get(raw))
      readShared(socket, (octets, length) => link.received(octets, 0, length), link)
    }
    // Last: between the two it is never in neither place.
    this.#endHandshake(raw)
  }

  /** A client that speaks HTTP without TLS on a listener with TLS: it is told so. `proxied`: what a proxy has said of it. */
  acceptWithoutTls(
    open: OpenListener | undefined,
    socket: Socket,
    octets: Buffer,
    proxied: ProxiedConnection | null = null,
  ): void {
    const listener = this.handshakes.get(socket) ?? open
    if (listener === undefined) socket.destroy()
    else {
      const link = this.#serve(refusingPlain(listener), socket, null, null, this.#passed.get(socket), proxied)
      link.received(octets, 0, octets.length)
      readShared(socket, (more, length) => link.received(more, 0, length), link)
    }
    this.#endHandshake(socket)
  }

  /** With TLS: `onTlsHandshakeDone`, `acceptWithoutTls` or the end of its socket follows. False: as `admit`. */
  admitHandshake(listener: OpenListener, socket: Socket): boolean {
    if (!this.admit(socket)) return false
    this.handshakes.set(socket, listener)
    return true
  }

  #endHandshake(socket: Socket | undefined): void {
    if (socket === undefined) return
    this.#passed.delete(socket)
    if (this.handshakes.delete(socket)) this.#options.onHandshakeEnd()
  }

  /** Counts a client's socket until it closes. False: it is one too many, and destroyed. */
  admit(socket: Socket): boolean {
    const { limits, descriptors } = this.#options.context
    const address = socket.remoteAddress ?? ""
    const ofAddress = (this.#byAddress.get(address) ?? 0) + 1
    const isOneTooMany = this.#sockets.size >= limits.connectionsMax
    const isOneTooManyOfAddress = address !== "" && ofAddress > limits.connectionsPerAddressMax
    const isLow = descriptors.isLow(socket)
    if (isLow) descriptors.exhausted({ client: `${address}:${socket.remotePort ?? 0}` })
    else if (isOneTooMany) this.#refused("connections_exceeded", "connectionsMax", socket)
    else if (isOneTooManyOfAddress)
      this.#refused("connections_per_address_exceeded", "connectionsPerAddressMax", socket)
    if (this.#isClosed || isLow || isOneTooMany || isOneTooManyOfAddress) {
      socket.on("error", () => {})
      socket.destroy()
      return false
    }
    this.#sockets.set(socket, address)
    this.#byAddress.set(address, ofAddress)
    socket.on("close", this.#onSocketClosed)
    return true
  }

  #refused(
    counter: "connections_exceeded" | "connections_per_address_exceeded",
    limit: "connectionsMax" | "connectionsPerAddressMax",
    { remoteAddress, remotePort }: Socket,
  ): void {
    const { limits, counters, log } = this.#options.context
    counters.add(counterIds[counter])
    const client = remoteAddress === undefined ? "unix:" : `${remoteAddress}:${remotePort ?? 0}`
    log.warn(`limit reached: ${counter}`, { client, limit, most: limits[limit] })
  }

  #forget(socket: Socket): void {
    this.#endHandshake(socket)
    const address = this.#sockets.get(socket)
    if (address === undefined) return
    this.#sockets.delete(socket)
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }

  /** `protocol` is null until the client's first octets say it. */
  #serve(
    listener: OpenListener,
    socket: Socket,
    protocol: SpokenProtocol | null,
    tls: TlsInfo | null,
    passed?: PassedClient,
    proxied: ProxiedConnection | null = null,
  ): Link {
    const link = this.#options.link(socket)
    const nowMs = this.#options.context.clock.now()
    const id = this.#options.nextConnectionId()
    const record = connectionRecord(id, nowMs, listener.config, socket, tls, null, passed)
    record.proxied ??= proxied
    const connection = this.#openConnection(listener, record, link, protocol, nowMs)
    this.connections.add(connection)
    this.#ages.opened(record, listener.config, nowMs)
    this.#options.onConnect(record)
    if (this.isGone(listener)) connection.drain()
    return link
  }

  /** Makes the connection that speaks a client's protocol, or one that waits for the octets that say which. */
  #openConnection(
    openListener: OpenListener,
    record: ConnectionRecord,
    link: Link,
    known: SpokenProtocol | null,
    sinceMs: number,
  ): ClientConnection {
    const { context, openStream } = this.#options
    const client = {
      context,
      openListener,
      listener: openListener.config,
      record,
      link,
      sinceMs,
      firstOctetMs: -1,
      openStream,
      onClosed: this.#onClosed,
      onReplaced: this.#onReplaced,
    }
    if (known !== null) return this.#createFor(known, client)
    return new ProtocolDetector({ client, choose: this.#onChosen })
  }

  #createFor(protocol: SpokenProtocol, options: DownstreamOptions): ClientConnection & LinkUser {
    return protocol === "http2" ? new DownstreamConnection(options) : this.#options.http1(options)
  }
}
