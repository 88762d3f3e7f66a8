/** What is asked of a cluster's sources, and how: names, which every configuration may have. */
import { isIP } from "node:net"
import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { ClusterConfig, ResolverConfig } from "../../config/model.ts"
import type { Assignments } from "./assigned-source.ts"
import { DnsSource } from "./dns-source.ts"
import type { DiscoverySource } from "./source.ts"
import { serverResolver, systemResolver } from "./system-resolver.ts"

export interface SourceContext {
  readonly clock: Clock
  readonly random: Random
  /** Of the control plane; null: there is none. */
  readonly assignments: Assignments | null
}

/** What there is to be asked for an entry of a cluster; null: its address is the endpoint. */
export interface SourceSpec {
  /** The same for the same question. */
  readonly key: string
  make(context: SourceContext): DiscoverySource
}

/** Those of `endpoints`. */
export function endpointSpecs({
  endpoints,
  resolver,
}: Pick<ClusterConfig, "endpoints" | "resolver">): (SourceSpec | null)[] {
  return endpoints.map(({ host, port }) => {
    if (host === null || isIP(host) !== 0) return null
    return dnsSpec(host, port!, null, resolver)
  })
}

export function dnsSpec(
  host: string,
  port: number,
  service: string | null,
  resolver: ResolverConfig | null,
): SourceSpec {
  const { servers = [], validMs = null, ipv4 = true, ipv6 = true } = resolver ?? {}
  return {
    key: JSON.stringify(["dns", host, port, service, resolver]),
    make: (context) =>
      new DnsSource({
        host,
        port,
        service,
        validMs,
        families: { ipv4, ipv6 },
        resolver: servers.length > 0 ? serverResolver(servers) : systemResolver(),
        ...context,
      }),
  }
}
