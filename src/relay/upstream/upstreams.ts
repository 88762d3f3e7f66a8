import type { Socket } from "node:net"
import type { Connect } from "../../cluster/cluster.ts"
import type { Link } from "../../net/link.ts"
import type { Network } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import type { RelayContext } from "../context.ts"
import { UpstreamConnection } from "./upstream.ts"

export interface UpstreamsOptions {
  context: RelayContext
  network: Network
  link(socket: Socket): Link
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
}

/** The connections to endpoints, and the ways to make them. */
export class Upstreams {
  readonly connections = new Set<UpstreamConnection>()
  /** Plain HTTP/2 with nothing special. */
  readonly plain: Connect<UpstreamConnection>
  readonly #options: UpstreamsOptions
  /** By TLS settings, then by the rest of them. */
  readonly #ways = new Map<TlsUpstream | null, Map<string, Connect<UpstreamConnection>>>()

  constructor(options: UpstreamsOptions) {
    this.#options = options
    this.plain = this.connect({ tls: null, bindAddress: null, socketKeepalive: false })
  }

  /** The one way to connect as `settings` say: pools are told apart by it. */
  connect(settings: ConnectSettings): Connect<UpstreamConnection> {
    const { tls, bindAddress, socketKeepalive } = settings
    const ways = this.#ways.get(tls) ?? new Map<string, Connect<UpstreamConnection>>()
    this.#ways.set(tls, ways)
    const key = `${bindAddress} ${socketKeepalive}`
    const way = ways.get(key) ?? this.#way(settings)
    ways.set(key, way)
    return way
  }

  /** No route has these TLS settings any more. Returns the ways that are gone with them. */
  forget(tls: TlsUpstream): Connect<UpstreamConnection>[] {
    const ways = [...(this.#ways.get(tls)?.values() ?? [])]
    this.#ways.delete(tls)
    return ways
  }

  #way({ tls, bindAddress, socketKeepalive }: ConnectSettings): Connect<UpstreamConnection> {
    const { context, network, link, onConnect, onClosed } = this.#options
    return (endpoint, pool, cluster) => {
      const connection = new UpstreamConnection({
        context,
        endpoint,
        pool,
        cluster,
        dial: (onOctets) => {
          const by = tls ?? network
          const socket = by.connect(endpoint.config, bindAddress, onOctets)
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
