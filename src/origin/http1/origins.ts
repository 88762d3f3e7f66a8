import type { Socket } from "node:net"
import type { Connector } from "../../cluster/connectors.ts"
import { reportBug } from "../../log/guarded.ts"
import type { Link } from "../../net/link.ts"
import type { Network } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import { ConnectorTable, type ConnectorTableOptions } from "../../relay/upstream/connector-table.ts"
import type { LegConnection } from "../../relay/upstream/leg-connection.ts"
import { Http1Origin } from "./connection.ts"
import type { OriginContext } from "./context.ts"
import type { ExchangeSettings } from "./exchange.ts"

export interface Http1OriginsOptions {
  readonly context: OriginContext
  readonly network: Network
  link(socket: Socket): Link
  /** Of names that calls say. */
  readonly names: ConnectorTableOptions
  /** A connection was started, or is gone. */
  onConnect(): void
  onClosed(): void
}

/** What a route asks of its connections to HTTP/1.1 backends; routes that ask the same share them. */
export interface OriginSettings extends ExchangeSettings {
  readonly tls: TlsUpstream | null
  readonly bindAddress: string | null
  readonly socketKeepalive: boolean
  /** The name that a call says, in place of that of the TLS settings. */
  readonly serverName?: string | undefined
  /** The local address that a call says, in place of `bindAddress`. */
  readonly localAddress?: string | null | undefined
}

/** The connections to HTTP/1.1 backends, and the connectors that make them. */
export class Http1Origins {
  readonly connections = new Set<Http1Origin>()
  readonly #options: Http1OriginsOptions
  readonly #connectors: ConnectorTable
  /** Their exchanges are over, in this turn. */
  readonly #released: Http1Origin[] = []

  constructor(options: Http1OriginsOptions) {
    this.#options = options
    this.#connectors = new ConnectorTable(options.names)
  }

  /** The one connector for these settings: pools are told apart by it. */
  connector({ tls, ...settings }: OriginSettings): Connector<LegConnection> {
    const key = JSON.stringify(settings)
    const make = (): Connector<LegConnection> => this.#makeConnector({ tls, ...settings })
    const { serverName, localAddress } = settings
    if (serverName === undefined && localAddress === undefined) return this.#connectors.of(tls, key, make)
    return this.#connectors.named(tls, key, make)
  }

  /** No route has these TLS settings any more. Returns the connectors that are gone with them. */
  retireConnectors(tls: TlsUpstream): Connector<LegConnection>[] {
    return this.#connectors.retire(tls)
  }

  #releaseLater(connection: Http1Origin): void {
    if (this.#released.push(connection) === 1) this.#options.network.afterReads(this.#release)
  }

  readonly #release = (): void => {
    for (const connection of this.#released.splice(0)) {
      try {
        connection.released()
      } catch (error) {
        reportBug(this.#options.context, error)
      }
    }
  }

  #makeConnector(settings: OriginSettings): Connector<LegConnection> {
    const { context, network, link, onConnect, onClosed } = this.#options
    const { tls, bindAddress, socketKeepalive, serverName, localAddress = bindAddress } = settings
    return (endpoint, pool, cluster) => {
      const connection = new Http1Origin({
        context,
        settings,
        endpoint,
        pool,
        cluster,
        isTls: tls !== null,
        link,
        releaseLater: (released) => this.#releaseLater(released),
        dial: (onOctets) => {
          const socket =
            tls === null
              ? network.connect(endpoint.config, localAddress, onOctets)
              : tls.connectHttp1(endpoint.config, localAddress, onOctets, serverName)
          if (socketKeepalive) socket.setKeepAlive(true)
          return socket
        },
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
