import { isIPv4, type Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { counterIds } from "../../base/counters.ts"
import type { ListenerConfig } from "../../config/model.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { Protocol } from "../../net/protocol.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import { readShared } from "../../net/shared-read.ts"
import type { ConnectionRecord, TlsInfo } from "../../record/record.ts"
import type { ClientConnection } from "./client-connection.ts"
import { DownstreamConnection, type DownstreamContext, type DownstreamOptions } from "./downstream.ts"
import type { OpenListener } from "./listener-view.ts"
import { FirstOctets, type FirstOctetsOptions } from "./protocol-detector.ts"

/** What the clients of a balancer are served with. */
export interface ClientsOptions {
  context: DownstreamContext
  openStream: DownstreamOptions["openStream"]
  /** Makes the connection of a client that speaks HTTP/1. */
  http1(options: DownstreamOptions): ClientConnection & LinkUser
  link(socket: Socket): Link
  onConnect(record: ConnectionRecord): void
  onDisconnect(record: ConnectionRecord): void
}

/** The clients' connections: counted as they come, each given to whoever speaks its protocol. */
export class Clients {
  readonly connections = new Set<ClientConnection>()
  readonly #options: ClientsOptions
  /** Sockets that are open and where each comes from; then how many there are of each address. */
  readonly #sockets = new Map<Socket, string>()
  readonly #byAddress = new Map<string, number>()
  // Of these there is one for all connections: closures of their own were 900 octets of each.
  readonly #onSocketClosed: (this: Socket) => void
  readonly #onClosed: DownstreamOptions["onClosed"]
  readonly #onChosen: FirstOctetsOptions["choose"]
  #lastId = 0
  #isClosed = false

  constructor(options: ClientsOptions) {
    this.#options = options
    const forget = (socket: Socket): void => this.#forget(socket)
    this.#onSocketClosed = function onSocketClosed() {
      forget(this)
    }
    this.#onClosed = (connection) => {
      this.connections.delete(connection)
      options.onDisconnect(connection.record)
    }
    this.#onChosen = (protocol, first) => {
      const next = this.#speak(protocol, first.client)
      this.connections.delete(first)
      this.connections.add(next)
      return next
    }
  }

  /** Accepts nobody any more. */
  close(): void {
    this.#isClosed = true
  }

  /** Lets the clients of a listener go: they are told to go elsewhere, and their streams to their end. */
  drain(listener: OpenListener): void {
    for (const connection of this.connections) if (connection.openListener === listener) connection.drain()
  }

  /** A client of a listener without TLS. */
  accept(listener: OpenListener, accept: (onOctets: OnOctets) => Socket): void {
    // Reads begin on a later turn, when the link is there.
    let link: Link | null = null
    const socket = accept((octets, length) => link?.received(octets, 0, length))
    if (this.admit(socket)) link = this.#serve(listener, socket, null, null)
  }

  /** A client whose TLS handshake is done. */
  secured(listener: OpenListener, socket: TLSSocket, tls: TlsInfo): void {
    const { alpnProtocol } = socket
    const protocol = alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : null
    const link = this.#serve(listener, socket, protocol, tls)
    readShared(socket, (octets, length) => link.received(octets, 0, length))
  }

  /** Counts a client's socket until it closes. False: it is one too many, and destroyed. */
  admit(socket: Socket): boolean {
    const { limits, counters } = this.#options.context
    const address = socket.remoteAddress ?? ""
    const ofAddress = (this.#byAddress.get(address) ?? 0) + 1
    const isOneTooMany = this.#sockets.size >= limits.connectionsMax
    const isOneTooManyOfAddress = address !== "" && ofAddress > limits.connectionsPerAddressMax
    if (isOneTooMany) counters.add(counterIds.connections_exceeded)
    else if (isOneTooManyOfAddress) counters.add(counterIds.connections_per_address_exceeded)
    if (this.#isClosed || isOneTooMany || isOneTooManyOfAddress) {
      socket.on("error", () => {})
      socket.destroy()
      return false
    }
    this.#sockets.set(socket, address)
    this.#byAddress.set(address, ofAddress)
    socket.on("close", this.#onSocketClosed)
    return true
  }

  #forget(socket: Socket): void {
    const address = this.#sockets.get(socket)
    if (address === undefined) return
    this.#sockets.delete(socket)
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }

  /** `protocol` is null until the client's first octets say it. */
  #serve(listener: OpenListener, socket: Socket, protocol: Protocol | null, tls: TlsInfo | null): Link {
    const link = this.#options.link(socket)
    const record = connectionRecord(++this.#lastId, listener.config, socket, tls)
    this.connections.add(this.#greet(listener, record, link, protocol))
    this.#options.onConnect(record)
    return link
  }

  /** Makes the connection that speaks a client's protocol, or one that waits for the octets that say which. */
  #greet(
    openListener: OpenListener,
    record: ConnectionRecord,
    link: Link,
    known: Protocol | null,
  ): ClientConnection {
    const { context, openStream } = this.#options
    const sinceMs = context.clock.now()
    const client = {
      context,
      openListener,
      listener: openListener.config,
      record,
      link,
      sinceMs,
      openStream,
      onClosed: this.#onClosed,
    }
    if (known !== null) return this.#speak(known, client)
    return new FirstOctets({ client, choose: this.#onChosen })
  }

  #speak(protocol: Protocol, options: DownstreamOptions): ClientConnection & LinkUser {
    return protocol === "http2" ? new DownstreamConnection(options) : this.#options.http1(options)
  }
}

function connectionRecord(
  id: number,
  { host, port, unixPath }: ListenerConfig,
  socket: Socket,
  tls: TlsInfo | null,
): ConnectionRecord {
  // To ask the kernel is a system call for each connection; a listener of one address and port knows.
  const isKnown = host !== null && isIPv4(host) && host !== "0.0.0.0" && port !== null && port !== 0
  return {
    id,
    remoteAddress: socket.remoteAddress ?? "unix:",
    remotePort: socket.remotePort ?? 0,
    localAddress: isKnown ? host : unixPath === null ? (socket.localAddress ?? "") : `unix:${unixPath}`,
    localPort: isKnown ? port : (socket.localPort ?? 0),
    protocol: "HTTP/2.0",
    tls,
    proxied: null,
    requests: 0,
    cutCalls: 0,
    cutCallsMs: 0,
  }
}
