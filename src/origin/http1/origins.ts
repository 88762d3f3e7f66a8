import type { Connector } from "../../cluster/connectors.ts"
import type { Network } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import type { LegConnection } from "../../relay/upstream/leg-connection.ts"
import { Http1Origin } from "./connection.ts"
import type { OriginContext } from "./context.ts"
import type { ExchangeSettings } from "./exchange.ts"

export interface Http1OriginsOptions {
  readonly context: OriginContext
  readonly network: Network
  /** A connection was started, or is gone. */
  onConnect(): void
  onClosed(): void
}

/** What a route asks of its connections to HTTP/1.1 backends; routes that ask the same share them. */
export interface OriginSettings extends ExchangeSettings {
  readonly tls: TlsUpstream | null
  readonly bindAddress: string | null
  readonly socketKeepalive: boolean
}

/** The connections to HTTP/1.1 backends, and the connectors that make them. */
export class Http1Origins {
  readonly connections = new Set<Http1Origin>()
  readonly #options: Http1OriginsOptions
  /** By TLS settings, then by the rest of them. */
  readonly #connectors = new Map<TlsUpstream | null, Map<string, Connector<LegConnection>>>()

  constructor(options: Http1OriginsOptions) {
    this.#options = options
  }

  /** The one connector for these settings: pools are told apart by it. */
  connector({ tls, ...settings }: OriginSettings): Connector<LegConnection> {
    const connectors = this.#connectors.get(tls) ?? new Map<string, Connector<LegConnection>>()
    this.#connectors.set(tls, connectors)
    const key = JSON.stringify(settings)
    const connector = connectors.get(key) ?? this.#makeConnector({ tls, ...settings })
    connectors.set(key, connector)
    return connector
  }

  /** No route has these TLS settings any more. Returns the connectors that are gone with them. */
  retireConnectors(tls: TlsUpstream): Connector<LegConnection>[] {
    const retired = [...(this.#connectors.get(tls)?.values() ?? [])]
    this.#connectors.delete(tls)
    return retired
  }

  #makeConnector(settings: OriginSettings): Connector<LegConnection> {
    const { context, network, onConnect, onClosed } = this.#options
    const { tls, bindAddress, socketKeepalive } = settings
    return (endpoint, pool, cluster) => {
      const connection = new Http1Origin({
        context,
        settings,
        endpoint,
        pool,
        cluster,
        isTls: tls !== null,
        dial: () => {
          const socket = (tls ?? network).connectStream(endpoint.config, bindAddress)
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
