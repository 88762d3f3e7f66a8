import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { ListenerConfig } from "../config/model.ts"
import { counterIds } from "../counters.ts"
import type { Link, LinkUser } from "../net/link.ts"
import type { OnOctets } from "../net/listen.ts"
import type { Protocol } from "../net/protocol.ts"
import type { TlsInfo } from "../net/tls-peer.ts"
import { readShared } from "../net/tls-read.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { RelayContext } from "./context.ts"
import { DownstreamConnection, type DownstreamOptions } from "./downstream.ts"
import { FirstOctets } from "./first-octets.ts"
import type { ConnectionRecord } from "./record.ts"
import type { Route } from "./route.ts"
import type { Router } from "./router.ts"

/** What the clients of a balancer are served with. */
export interface ClientsOptions {
  context: RelayContext
  /** The routes of a listener as they are now. */
  router(listener: string): Router<Route>
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
  /** Sockets that are open, in all and by address. */
  #sockets = 0
  readonly #byAddress = new Map<string, number>()
  #lastId = 0
  #isClosed = false

  constructor(options: ClientsOptions) {
    this.#options = options
  }

  /** Accepts nobody any more. */
  close(): void {
    this.#isClosed = true
  }

  /** A client of a listener without TLS. */
  accept(config: ListenerConfig, accept: (onOctets: OnOctets) => Socket): void {
    // Reads begin on a later turn, when the link is there.
    let link: Link | null = null
    const socket = accept((octets, length) => link?.received(octets, 0, length))
    if (this.admit(socket)) link = this.#serve(config, socket, null, null)
  }

  /** A client whose TLS handshake is done. */
  secured(config: ListenerConfig, socket: TLSSocket, tls: TlsInfo): void {
    const { alpnProtocol } = socket
    const protocol = alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : null
    const link = this.#serve(config, socket, protocol, tls)
    readShared(socket, (octets, length) => link.received(octets, 0, length))
  }

  /** Counts a client's socket until it closes. False: it is one too many, and destroyed. */
  admit(socket: Socket): boolean {
    const { limits, counters } = this.#options.context
    const address = socket.remoteAddress ?? ""
    const ofAddress = (this.#byAddress.get(address) ?? 0) + 1
    const isOneTooMany = this.#sockets >= limits.connectionsMax
    const isOneTooManyOfAddress = address !== "" && ofAddress > limits.connectionsPerAddressMax
    if (isOneTooMany) counters.add(counterIds.connections_exceeded)
    else if (isOneTooManyOfAddress) counters.add(counterIds.connections_per_address_exceeded)
    if (this.#isClosed || isOneTooMany || isOneTooManyOfAddress) {
      socket.on("error", () => {})
      socket.destroy()
      return false
    }
    this.#sockets++
    this.#byAddress.set(address, ofAddress)
    socket.once("close", () => {
      this.#sockets--
      this.#forgetAddress(address)
    })
    return true
  }

  #forgetAddress(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }

  /** `protocol` is null until the client's first octets say it. */
  #serve(config: ListenerConfig, socket: Socket, protocol: Protocol | null, tls: TlsInfo | null): Link {
    const link = this.#options.link(socket)
    const record = connectionRecord(++this.#lastId, socket, tls)
    this.connections.add(this.#greet(config, record, link, protocol))
    this.#options.onConnect(record)
    return link
  }

  /** Makes the connection that speaks a client's protocol, or one that waits for the octets that say which. */
  #greet(
    config: ListenerConfig,
    record: ConnectionRecord,
    link: Link,
    known: Protocol | null,
  ): ClientConnection {
    const { context, router, openStream, http1, onDisconnect } = this.#options
    const { limits } = context
    const nowMs = context.clock.now()
    const shared = {
      context,
      router: () => router(config.name),
      listener: config,
      record,
      link,
      onClosed: (closed: ClientConnection) => {
        this.connections.delete(closed)
        onDisconnect(record)
      },
    }
    const speak = (protocol: Protocol, sinceMs: number): ClientConnection & LinkUser => {
      const options = { ...shared, sinceMs, openStream }
      return protocol === "http2" ? new DownstreamConnection(options) : http1(options)
    }
    if (known !== null) return speak(known, nowMs)
    const first: FirstOctets = new FirstOctets({
      ...shared,
      nowMs,
      expectsProxyHeader: config.proxyProtocol,
      lineOctetsMax: limits.http1HeadOctets,
      timeoutMs: limits.prefaceTimeoutMs,
      choose: (protocol, sinceMs) => {
        const next = speak(protocol, sinceMs)
        this.connections.delete(first)
        this.connections.add(next)
        return next
      },
    })
    return first
  }
}

function connectionRecord(id: number, socket: Socket, tls: TlsInfo | null): ConnectionRecord {
  return {
    id,
    remoteAddress: socket.remoteAddress ?? "unix:",
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? "",
    localPort: socket.localPort ?? 0,
    protocol: "HTTP/2.0",
    tls,
    proxied: null,
    requests: 0,
  }
}
