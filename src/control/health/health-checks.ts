import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { ClusterStates } from "../../cluster/cluster-states.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { ClusterConfig, Config, EndpointConfig, RouteConfig } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import type { Log } from "../../log/logger.ts"
import { NO_STAPLING } from "../../net/ocsp/staples.ts"
import { TlsStore } from "../../net/tls-store.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import { type CheckTests, checkTests } from "./check.ts"
import { EndpointChecks } from "./endpoint-checks.ts"
import { HealthSockets } from "./sockets.ts"
import { Turns } from "./turns.ts"

/** Checks under way: each takes a descriptor. Streams of `watch` are not counted. */
const CHECKS_AT_ONCE = 64

export interface HealthChecksOptions {
  readonly states: ClusterStates
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The checks of one cluster. */
interface Checked {
  /** What they were made from, to tell whether that has changed. */
  readonly text: string
  readonly config: ClusterConfig
  readonly tls: TlsUpstream | null
  readonly tests: CheckTests
  readonly endpoints: Map<string, EndpointChecks>
}

/** Active health checks: which endpoints are asked, and what becomes of the answers. Only the control side asks, so once for all threads. */
export class HealthChecks {
  readonly #options: HealthChecksOptions
  readonly #sockets: HealthSockets
  readonly #turns: Turns
  readonly #tls: TlsStore
  readonly #clusters = new Map<string, Checked>()

  constructor(options: HealthChecksOptions) {
    const { clock, log } = options
    this.#options = options
    this.#sockets = new HealthSockets(clock, log)
    this.#turns = new Turns(CHECKS_AT_ONCE)
    const nothing = (): void => {}
    this.#tls = new TlsStore({
      handshakeTimeoutMs: 0,
      clock,
      log,
      onSecured: nothing,
      onPlain: nothing,
      onFailed: nothing,
      stapling: NO_STAPLING,
      onBug: nothing,
    })
  }

  /** A configuration is in force. What has not changed is checked on. */
  use(config: Config): void {
    const plan = this.#tls.plan()
    const names = new Set<string>()
    for (const cluster of config.clusters) {
      if (cluster.healthCheck === null) continue
      const tlsConfig = tlsOf(config, cluster.name)
      names.add(cluster.name)
      let tls: TlsUpstream | null = null
      let tests: CheckTests
      try {
        if (tlsConfig !== null) tls = plan.upstream(tlsConfig)
        tests = checkTests(cluster.healthCheck)
      } catch (error) {
        // The data threads have read the same files a moment ago, and tests are checked with the configuration.
        this.#options.log.error("cannot check the health of a cluster", {
          cluster: cluster.name,
          reason: (error as Error).message,
        })
        continue
      }
      const text = JSON.stringify([cluster.healthCheck, cluster.endpoints, tlsConfig])
      this.#useCluster({ text, config: cluster, tls, tests, endpoints: new Map() })
    }
    plan.commit()
    for (const name of [...this.#clusters.keys()]) if (!names.has(name)) this.#end(name)
  }

  #useCluster(cluster: Checked): void {
    const { name } = cluster.config
    const known = this.#clusters.get(name)
    if (known?.text !== cluster.text) {
      if (known !== undefined) this.#end(name)
      this.#clusters.set(name, cluster)
    }
    this.changed(name)
  }

  /** The endpoints of a cluster are others now. */
  changed(name: string): void {
    const cluster = this.#clusters.get(name)
    if (cluster === undefined) return
    const states = this.#options.states.endpointsOf(name)
    const here = new Set(states.map(({ address }) => address))
    for (const [address, checks] of cluster.endpoints) {
      if (here.has(address)) continue
      checks.close()
      cluster.endpoints.delete(address)
    }
    for (const { address, origin } of states)
      if (!cluster.endpoints.has(address))
        cluster.endpoints.set(address, this.#begin(cluster, address, origin))
  }

  close(): void {
    for (const name of [...this.#clusters.keys()]) this.#end(name)
    this.#tls.close()
  }

  /** Nothing is said of its endpoints any more. */
  #end(name: string): void {
    const { states } = this.#options
    for (const [address, checks] of this.#clusters.get(name)!.endpoints) {
      checks.close()
      states.setHealth(name, address, "unknown", "check")
    }
    this.#clusters.delete(name)
  }

  #begin({ config, tls, tests }: Checked, address: string, origin: number): EndpointChecks {
    const { states, clock, random, log } = this.#options
    const { name } = config
    const check = config.healthCheck!
    let sinceMs = -1
    return new EndpointChecks({
      config: check,
      tests,
      checked: { endpoint: checkedAt(config.endpoints[origin], address, check.port), tls, host: name },
      sockets: this.#sockets,
      clock,
      random,
      turn: () => this.#turns.take(),
      onHealth: (isHealthy, reason) => {
        states.setHealth(name, address, isHealthy ? "healthy" : "unhealthy", "check")
        const where = { cluster: name, endpoint: address }
        if (!isHealthy) {
          sinceMs = clock.now()
          log.warn("endpoint is unhealthy", { ...where, reason })
        } else if (sinceMs >= 0) {
          log.info("endpoint is healthy again", { ...where, afterMs: Math.round(clock.now() - sinceMs) })
        }
      },
    })
  }
}

function checkedAt(
  settings: EndpointConfig | undefined,
  address: string,
  port: number | null,
): EndpointConfig {
  const { host, port: own, unixPath } = parseAddress(address, null)!
  const endpoint = { ...(settings ?? defaultEndpoint({ text: address, host, port: own, unixPath })), address }
  return { ...endpoint, host, unixPath, port: unixPath === null ? (port ?? own) : null }
}

/** How the first route, or server of TCP, that leads to a cluster speaks to it. */
function tlsOf(config: Config, cluster: string): UpstreamTlsConfig | null {
  const find = (routes: readonly RouteConfig[]): { tls: UpstreamTlsConfig | null } | null => {
    for (const { action, routes: inner } of routes) {
      if (action.kind === "cluster" && action.cluster === cluster) return { tls: action.tls }
      if (action.kind === "proxy" && "cluster" in action.target && action.target.cluster === cluster)
        return { tls: action.tls }
      const found = find(inner)
      if (found !== null) return found
    }
    return null
  }
  for (const { routes } of config.servers) {
    const found = find(routes)
    if (found !== null) return found.tls
  }
  for (const { action } of config.tcp.servers)
    if (action.kind === "cluster" && action.cluster === cluster) return action.tls
  return null
}
