import { isIP } from "node:net"
import type { Cluster } from "../cluster/cluster.ts"
import type { Connector } from "../cluster/connectors.ts"
import { parseAddress } from "../config/address.ts"
import { defaultCluster, defaultEndpoint } from "../config/defaults.ts"
import type { ClusterConfig } from "../config/model.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"

export interface VariableClustersOptions {
  /** Most that are kept; the one not used for the longest time goes first. */
  max: number
  make(config: ClusterConfig): Cluster<LegConnection>
  onLimit(): void
  readonly protocol: ClusterConfig["protocol"]
}

/** Clusters of one address each, for what variables come to: clients may choose them, so there is a bound. */
export class VariableClusters {
  readonly #options: VariableClustersOptions
  readonly #clusters = new Map<string, Cluster<LegConnection>>()

  constructor(options: VariableClustersOptions) {
    this.#options = options
  }

  /**
   * @param mayResolve the address may be a name, as nginx has it where there is a `resolver`
   * @param needsPort without a port it is none; else that is 80
   */
  find(text: string, mayResolve: boolean, needsPort: boolean): Cluster<LegConnection> | undefined {
    const { protocol } = this.#options
    const written = text.toLowerCase().startsWith("unix:") ? text.replace(/:$/, "") : text
    const address = parseAddress(written, needsPort ? null : 80)
    if (address === null) return undefined
    if (address.host !== null && isIP(address.host) === 0 && !mayResolve) return undefined
    const known = this.#clusters.get(address.text)
    if (known !== undefined) this.#clusters.delete(address.text)
    const config = { ...defaultCluster(address.text), protocol, endpoints: [defaultEndpoint(address)] }
    const cluster = known ?? this.#options.make(config)
    this.#clusters.set(address.text, cluster)
    if (this.#clusters.size > this.#options.max) this.#dropOldest()
    return cluster
  }

  #dropOldest(): void {
    const [text, cluster] = this.#clusters.entries().next().value!
    this.#clusters.delete(text)
    this.#options.onLimit()
    cluster.close()
  }

  /** No call connects by it any more. */
  retireConnector(connector: Connector<LegConnection>): void {
    for (const cluster of this.#clusters.values()) cluster.retireConnector(connector)
  }

  close(): void {
    for (const cluster of this.#clusters.values()) cluster.close()
    this.#clusters.clear()
  }
}
