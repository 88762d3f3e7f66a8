import { defaultRouteSettings } from "../../config/defaults.ts"
import type { Config, ListenerConfig, RouteSettings, ServerConfig } from "../../config/model.ts"
import type { TcpServerConfig } from "../../config/tcp-model.ts"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import { assembleClusters, asTheirFirst } from "./assemble-clusters.ts"
import { listenerConfigs } from "./assemble-listeners.ts"
import { RouteAssembler } from "./assemble-routes.ts"
import { assembleServers, namesWithin, nginxName } from "./assemble-servers.ts"
import { assembleTcp } from "./assemble-tcp.ts"
import type { HttpPlan } from "./listener-plan.ts"
import type { LivePlans } from "./live-plans.ts"

/** What resources come to, of a configuration. */
export interface Assembled extends Pick<Config, "listeners" | "servers" | "clusters" | "variables"> {
  readonly tcpServers: TcpServerConfig[]
  readonly tcpVariables: DeclaredVariable[]
  /** What does not go together, in sentences. */
  readonly problems: string[]
}

export interface AssembleOptions {
  /** Of routes, where resources say nothing. Default: those of an empty file. */
  readonly settings?: RouteSettings
  /** Where listeners that clients without a proxy read are served: a listener of the file. */
  readonly apiListeners?: ListenerConfig | null
}

/** One configuration of all plans. Pure: the same plans come to the same text. */
export function assemble(told: LivePlans, options: AssembleOptions = {}): Assembled {
  const { settings = defaultRouteSettings(), apiListeners = null } = options
  const clustersTold = asTheirFirst(told.clusters)
  const plans = { ...told, clusters: apiListeners === null ? clustersTold : asForGrpc(clustersTold) }
  const routes = new RouteAssembler(plans, settings)
  const listeners: ListenerConfig[] = []
  const servers: ServerConfig[] = []
  const tcp = assembleTcp(plans)
  const problems: string[] = []
  const used = new Set<string>()
  for (const plan of inOrder(plans.listeners)) {
    for (const config of listenerConfigs(plan, plans.secrets)) {
      if (typeof config === "string") {
        problems.push(config)
        continue
      }
      if (used.has(config.name) || listeners.some((other) => isSameAddress(other, config))) {
        problems.push(`listener ${plan.name}: another listener has the address ${config.name}`)
        continue
      }
      used.add(config.name)
      listeners.push(config)
      if (config.protocol === "tcp") tcp.add(plan, config.name)
      else servers.push(...assembleServers(plan, config.name, plans.routes, routes))
    }
  }
  if (apiListeners !== null) {
    listeners.push(apiListeners)
    servers.push(...targetServers(plans, apiListeners.name, routes))
  }
  const clusters = assembleClusters(plans, routes.hashKeys, { tcp: tcp.clusters, http: routes.clusters })
  return {
    listeners,
    servers,
    clusters: clusters.configs,
    variables: routes.variables,
    tcpServers: tcp.servers,
    tcpVariables: tcp.variables,
    problems: [...problems, ...clusters.problems],
  }
}

/** To clients without a proxy a cluster need not say that it speaks HTTP/2: gRPC has nothing else. */
function asForGrpc(clusters: LivePlans["clusters"]): LivePlans["clusters"] {
  return new Map([...clusters].map(([name, plan]) => [name, { ...plan, protocol: "h2" }]))
}

/** Each target by its own name; what no target has the name of finds nothing. */
function targetServers(plans: LivePlans, listener: string, routes: RouteAssembler): ServerConfig[] {
  const targets = [...inOrder(plans.listeners)].filter(({ addresses }) => addresses.length === 0)
  const servers = targets.flatMap(({ name, chains }): ServerConfig[] => {
    const to = chains[0]!.to as HttpPlan
    const plan = "hosts" in to.routes ? to.routes : plans.routes.get(to.routes.name)
    const own = nginxName(name)
    // The most exact of its virtual hosts, as clients choose theirs.
    const host = plan?.hosts.find(({ domains }) => namesWithin(domains, [own]).length > 0)
    if (plan === undefined || host === undefined) return []
    return [routes.server([own], listener, host.routes, to, plan.variables)]
  })
  return [...servers, { ...routes.server([], listener, [], null, null), defaultFor: [listener] }]
}

function inOrder<Plan extends { readonly name: string }>(plans: ReadonlyMap<string, Plan>): Plan[] {
  return [...plans.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

function isSameAddress(one: ListenerConfig, other: ListenerConfig): boolean {
  return one.host === other.host && one.port === other.port && one.unixPath === other.unixPath
}
