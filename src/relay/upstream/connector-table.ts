import type { Connector } from "../../cluster/connectors.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import type { LegConnection } from "./leg-connection.ts"

type LegConnector = Connector<LegConnection>

export interface ConnectorTableOptions {
  /** Most connectors of names that calls say. */
  readonly max: number
  /** One more than that was asked for: the connections of `connector` end with their streams. */
  onDropped(connector: LegConnector): void
}

/**
 * The connectors to one kind of endpoint: one for the same settings, by which pools are told apart. Those of names that
 * calls say are bounded, since clients may choose them: the one not used for the longest time goes first.
 */
export class ConnectorTable {
  readonly #options: ConnectorTableOptions
  /** By TLS settings, then by the rest of them. */
  readonly #connectors = new Map<TlsUpstream | null, Map<string, LegConnector>>()
  /** Of names, the last used last, with what forgets it. */
  readonly #named = new Map<LegConnector, () => void>()

  constructor(options: ConnectorTableOptions) {
    this.#options = options
  }

  of(tls: TlsUpstream | null, key: string, make: () => LegConnector): LegConnector {
    const connectors = this.#connectors.get(tls) ?? new Map<string, LegConnector>()
    this.#connectors.set(tls, connectors)
    const connector = connectors.get(key) ?? make()
    connectors.set(key, connector)
    return connector
  }

  /** The same for a name that a call says. */
  named(tls: TlsUpstream | null, key: string, make: () => LegConnector): LegConnector {
    const connector = this.of(tls, key, make)
    const forget = this.#named.get(connector) ?? (() => void this.#connectors.get(tls)?.delete(key))
    this.#named.delete(connector)
    this.#named.set(connector, forget)
    if (this.#named.size > this.#options.max) this.#dropOldest()
    return connector
  }

  #dropOldest(): void {
    const [connector, forget] = this.#named.entries().next().value!
    this.#named.delete(connector)
    forget()
    this.#options.onDropped(connector)
  }

  /** No route has these TLS settings any more. Returns the connectors that are gone with them. */
  retire(tls: TlsUpstream): LegConnector[] {
    const retired = [...(this.#connectors.get(tls)?.values() ?? [])]
    this.#connectors.delete(tls)
    for (const connector of retired) this.#named.delete(connector)
    return retired
  }
}
