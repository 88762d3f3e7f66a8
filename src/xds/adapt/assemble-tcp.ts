import { defaultTcpSettings } from "../../config/defaults.ts"
import type { TcpAction, TcpServerConfig, TcpSettings } from "../../config/tcp-model.ts"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import { nginxName } from "./assemble-servers.ts"
import type { ListenerPlan, TcpPlan } from "./listener-plan.ts"
import type { LivePlans } from "./live-plans.ts"
import { sharesOf } from "./route-plan.ts"
import { upstreamTlsOf } from "./tls-plan.ts"

export interface TcpAssembly {
  readonly servers: TcpServerConfig[]
  readonly variables: DeclaredVariable[]
  /** Clusters that sessions go to, and whether by the client's address. */
  readonly clusters: Map<string, boolean>
  /** The filter chains of a listener. */
  add(plan: ListenerPlan, listener: string): void
}

export function assembleTcp(plans: Pick<LivePlans, "clusters" | "secrets">): TcpAssembly {
  const servers: TcpServerConfig[] = []
  const variables = new Map<string, DeclaredVariable>()
  const clusters = new Map<string, boolean>()
  return {
    servers,
    clusters,
    get variables() {
      return [...variables.values()]
    },
    add({ chains, readsHello }, listener) {
      const isAny = chains.some(({ names }) => names.length === 0)
      for (const { names, tls, to } of chains) {
        const tcp = to as TcpPlan
        for (const { name } of tcp.clusters)
          clusters.set(name, tcp.hashesAddress || clusters.get(name) === true)
        servers.push({
          names: names.map(nginxName),
          listeners: [listener],
          defaultFor: names.length === 0 ? [listener] : [],
          action: actionOf(tcp, plans, variables),
          settings: { ...settingsOf(tcp), readHello: tls === null && readsHello && chains.length > 1 },
        })
      }
      // A connection that no filter chain is for ends.
      if (!isAny)
        servers.push({
          names: [],
          listeners: [listener],
          defaultFor: [listener],
          action: { kind: "none" },
          settings: { ...defaultTcpSettings(), readHello: readsHello },
        })
    },
  }
}

function settingsOf({ idleTimeoutMs, tries }: TcpPlan): TcpSettings {
  const base = defaultTcpSettings()
  return {
    ...base,
    idleTimeoutMs: idleTimeoutMs ?? base.idleTimeoutMs,
    retry: { ...base.retry, isOn: tries > 1, tries },
  }
}

function actionOf(
  { clusters }: TcpPlan,
  plans: Pick<LivePlans, "clusters" | "secrets">,
  variables: Map<string, DeclaredVariable>,
): TcpAction {
  const [first] = clusters
  // Where there are several, the first says how all are spoken to.
  const plan = plans.clusters.get(first!.name)?.tls ?? null
  const tls = plan === null ? null : upstreamTlsOf(plan, plans.secrets)
  if (plan !== null && tls === null) return { kind: "none" }
  if (clusters.length === 1) return { kind: "cluster", cluster: first!.name, tls }
  const shares = sharesOf(clusters.map(({ weight }) => weight))
  const name = `xds_shares_${variables.size}`
  variables.set(name, {
    kind: "split",
    name,
    // A session has no number of its own that is drawn by chance: its client's port is as good.
    source: "$remote_addr $remote_port",
    parts: clusters.map((cluster, at) => [shares[at]!, cluster.name]),
  })
  return { kind: "variable", template: `$${name}`, resolve: false, tls }
}
