import { discoveredEndpoint } from "../../config/defaults.ts"
import { discoveryName } from "../../config/discovery-name.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { tcpClusterName } from "../../config/tcp-names.ts"
import { policyOf } from "./balancing-plan.ts"
import { type ClusterPlan, dnsEndpoints } from "./cluster-plan.ts"
import type { LivePlans } from "./live-plans.ts"

interface Uses {
  /** By TCP listeners, and whether by the client's address. */
  readonly tcp: ReadonlyMap<string, boolean>
  readonly http: ReadonlySet<string>
}

/** All clusters. One that both HTTP and TCP lead to is two. */
export function assembleClusters(
  { clusters }: Pick<LivePlans, "clusters">,
  hashKeys: ReadonlyMap<string, ReadonlySet<string>>,
  { tcp, http }: Uses,
): { configs: ClusterConfig[]; problems: string[] } {
  const problems: string[] = []
  const ordered = [...clusters.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  const configs = ordered.flatMap((plan): ClusterConfig[] => {
    const [key = null, other] = hashKeys.get(plan.name) ?? []
    if (other !== undefined)
      problems.push(`cluster ${plan.name}: its routes hash different things; all hash ${key}`)
    const base = { ...plan.config, ...endpointsOf(plan, clusters) }
    const own: ClusterConfig = { ...base, policy: policyOf(plan.balancing, key) }
    const isByAddress = tcp.get(plan.name)
    if (isByAddress === undefined) return [own]
    const session: ClusterConfig = {
      ...base,
      protocol: "tcp",
      name: http.has(plan.name) ? tcpClusterName(plan.name) : plan.name,
      policy: policyOf(plan.balancing, isByAddress ? "$remote_addr" : null),
      healthCheck: base.healthCheck?.type === "tcp" ? base.healthCheck : null,
    }
    return http.has(plan.name) ? [own, session] : [session]
  })
  return { configs, problems }
}

/**
 * Aggregates with the settings of their first cluster that is there: it is the clusters within that say how endpoints are
 * spoken to, secured, bounded and balanced. Here all endpoints of an aggregate have one set of them.
 */
export function asTheirFirst(clusters: LivePlans["clusters"]): LivePlans["clusters"] {
  const firstOf = (plan: ClusterPlan, depth: number): ClusterPlan => {
    if (plan.endpoints.kind !== "aggregate" || depth === DEPTH_MAX) return plan
    const inner = plan.endpoints.clusters.map((name) => clusters.get(name)).find((one) => one !== undefined)
    return inner === undefined ? plan : firstOf(inner, depth + 1)
  }
  return new Map(
    [...clusters].map(([name, plan]) => {
      const first = firstOf(plan, 0)
      const { endpoints } = plan
      return [name, first === plan ? plan : { ...first, name, endpoints, config: { ...first.config, name } }]
    }),
  )
}

/** What EDS calls the endpoints that a cluster has within itself. */
export const inlineService = (cluster: string): string => `cluster ${cluster}`

export const isInlineService = (service: string): boolean => service.startsWith("cluster ")

/** Clusters within clusters end. */
const DEPTH_MAX = 8

function endpointsOf(
  plan: ClusterPlan,
  clusters: LivePlans["clusters"],
): Pick<ClusterConfig, "endpoints" | "discovery"> {
  const parts = partsOf(plan, clusters, new Set(), 0)
  const services = [...new Set(parts.flatMap((part) => ("service" in part ? [part.service] : [])))]
  const source = { kind: "xds" as const, services }
  return {
    endpoints: parts.flatMap((part) => ("names" in part ? part.names : [])),
    discovery:
      services.length === 0 ? [] : [{ ...source, settings: discoveredEndpoint(discoveryName(source)) }],
  }
}

type Part = { readonly service: string } | { readonly names: ClusterConfig["endpoints"] }

/**
 * `seen`: clusters that are in already. Each is once, so that clusters within one another come to an end; and a chain of them
 * comes to one at `DEPTH_MAX`, however long it is.
 */
function partsOf(
  { name, endpoints }: ClusterPlan,
  clusters: LivePlans["clusters"],
  seen: Set<string>,
  depth: number,
): Part[] {
  // Not seen: it may be nearer by another way.
  if (endpoints.kind === "aggregate" && depth === DEPTH_MAX) return []
  seen.add(name)
  switch (endpoints.kind) {
    case "service":
      return [{ service: endpoints.name }]
    case "inline":
      return [{ service: inlineService(name) }]
    case "dns":
      return [{ names: dnsEndpoints(endpoints.endpoints) }]
    case "aggregate":
      return endpoints.clusters.flatMap((inner, at) => {
        const plan = clusters.get(inner)
        if (plan === undefined || seen.has(inner)) return []
        const parts = partsOf(plan, clusters, seen, depth + 1)
        // Names behind the first cluster are used when no endpoint of that can be.
        return at === 0
          ? parts
          : parts.map((part) =>
              "names" in part ? { names: part.names.map((one) => ({ ...one, backup: true })) } : part,
            )
      })
  }
}
