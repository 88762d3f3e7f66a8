import type { Socket } from "node:net"
import type { Connector } from "../../cluster/connectors.ts"
import type { Link } from "../../net/link.ts"
import type { Network } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import { ConnectorTable, type ConnectorTableOptions } from "./connector-table.ts"
import type { LegConnection } from "./leg-connection.ts"
import type { UpstreamStreamOwner } from "./stream-owner.ts"
import { UpstreamConnection } from "./upstream.ts"
import type { UpstreamContext } from "./upstream-context.ts"

export interface UpstreamsOptions {
  context: UpstreamContext
  network: Network
  link(socket: Socket): Link
  /** Of names that calls say. */
  readonly names: ConnectorTableOptions
  /** A connection was started, or is gone. */
  onConnect(): void
  onClosed(): void
}

/** What a route asks of its upstream connections; routes that ask the same share them. */
export interface ConnectSettings {
  tls: TlsUpstream | null
  /** The address to connect from. nginx: `grpc_bind`. */
  bindAddress: string | null
  /** TCP keepalive. nginx: `grpc_socket_keepalive`. */
  socketKeepalive: boolean
  /** The name that a call says, in place of that of the TLS settings. */
  serverName?: string | undefined
  /** The local address that a call says, in place of `bindAddress`. */
  localAddress?: string | null | undefined
}

/** The connections to endpoints, and the connectors that make them. */
export class Upstreams {
  readonly connections = new Set<UpstreamConnection>()
  /** Plain HTTP/2 with nothing special. */
  readonly plain: Connector<LegConnection>
  readonly #options: UpstreamsOptions
  readonly #connectors: ConnectorTable

  constructor(options: UpstreamsOptions) {
    this.#options = options
    this.#connectors = new ConnectorTable(options.names)
    this.plain = this.connector({ tls: null, bindAddress: null, socketKeepalive: false })
  }

  /** Live streams of a cluster. */
  streamsOf(cluster: string): UpstreamStreamOwner[] {
    const found: UpstreamStreamOwner[] = []
    for (const connection of this.connections)
      if (connection.clusterName === cluster) for (const stream of connection.pacedStreams) found.push(stream)
    return found
  }

  /** Live streams on all connections to an endpoint, those included that take no new ones. */
  streamsAt(cluster: string, address: string): UpstreamStreamOwner[] {
    const found: UpstreamStreamOwner[] = []
    for (const connection of this.connections)
      if (connection.clusterName === cluster && connection.endpoint.address === address)
        for (const stream of connection.pacedStreams) found.push(stream)
    return found
  }

  /** The one connector for these settings: pools are told apart by it. */
  connector(settings: ConnectSettings): Connector<LegConnection> {
    const { tls, bindAddress, socketKeepalive, serverName, localAddress } = settings
    const key = `${localAddress === undefined ? bindAddress : localAddress} ${socketKeepalive}`
    const make = (): Connector<LegConnection> => this.#makeConnector(settings)
    if (serverName === undefined && localAddress === undefined) return this.#connectors.of(tls, key, make)
    return this.#connectors.named(tls, `said ${key} ${serverName}`, make)
  }

  /** No route has these TLS settings any more. Returns the connectors that are gone with them. */
  retireConnectors(tls: TlsUpstream): Connector<LegConnection>[] {
    return this.#connectors.retire(tls)
  }

  #makeConnector({
    tls,
    bindAddress,
    socketKeepalive,
    serverName,
    localAddress = bindAddress,
  }: ConnectSettings): Connector<LegConnection> {
    const { context, network, link, onConnect, onClosed } = this.#options
    return (endpoint, pool, cluster) => {
      const connection = new UpstreamConnection({
        context,
        endpoint,
        pool,
        cluster,
        dial: (onOctets) => {
          const socket =
            tls === null
              ? network.connect(endpoint.config, localAddress, onOctets)
              : tls.connect(endpoint.config, localAddress, onOctets, serverName)
          if (socketKeepalive) socket.setKeepAlive(true)
          return socket
        },
        link,
        onClosed: (closed) => {
          this.connections.delete(closed)
          onClosed()
        },
      })
      this.connections.add(connection)
      onConnect()
      return connection
    }
  }
}
