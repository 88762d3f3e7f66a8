import { defaultProxy, defaultRoute } from "../../config/defaults.ts"
import type { RouteAction, RouteConfig, RouteSettings, ServerConfig } from "../../config/model.ts"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import type { ClusterPlan } from "./cluster-plan.ts"
import type { HttpPlan } from "./listener-plan.ts"
import type { LivePlans } from "./live-plans.ts"
import { DOLLAR_VARIABLE, literal, type Variables } from "./names.ts"
import type { RoutePlan } from "./route-plan.ts"
import { upstreamTlsOf } from "./tls-plan.ts"

type Plans = Pick<LivePlans, "clusters" | "secrets">

/** Makes routes of their plans and of the clusters that they lead to. */
export class RouteAssembler {
  /** By cluster: what its routes hash. */
  readonly hashKeys = new Map<string, Set<string>>()
  /** Clusters that routes lead to. */
  readonly clusters = new Set<string>()
  readonly #plans: Plans
  readonly #base: RouteSettings
  /** Routes with the same settings share them: thousands go to each data thread. */
  readonly #settings = new Map<string, RouteSettings>()
  readonly #actions = new Map<string, RouteAction>()
  readonly #variables = new Map<string, DeclaredVariable>([[DOLLAR_VARIABLE.name, DOLLAR_VARIABLE]])

  constructor(plans: Plans, base: RouteSettings) {
    this.#plans = plans
    this.#base = base
  }

  get variables(): DeclaredVariable[] {
    return [...this.#variables.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  /** A server of a listener. `variables`: those that its routes name. */
  server(
    names: string[],
    listener: string,
    routes: readonly RoutePlan[],
    manager: HttpPlan | null,
    variables: Variables | null,
  ): ServerConfig {
    for (const variable of variables?.all ?? []) this.#variables.set(variable.name, variable)
    return {
      names,
      listeners: [listener],
      defaultFor: [],
      order: "written",
      underscoresInHeaders: false,
      mergeSlashes: true,
      routes: routes.flatMap((route) => this.#routes(route, manager)),
      rewrite: [],
      fallback: this.#settingsOf(manager, null, {}),
    }
  }

  #routes(plan: RoutePlan, manager: HttpPlan | null): RouteConfig[] {
    const { match, when, rewrite, settings, target, hashKey } = plan
    const route = (
      action: RouteAction,
      cluster: ClusterPlan | null,
      more: RouteConfig["when"],
    ): RouteConfig => ({
      ...defaultRoute(),
      match,
      when: more.length === 0 ? (when as RouteConfig["when"]) : [...when, ...more],
      rewrite,
      action,
      settings: this.#settingsOf(manager, cluster, settings),
    })
    if (target.kind === "answer") return [route(target.action, null, [])]
    if (target.kind === "cluster") {
      this.#leadsTo(target.name, hashKey)
      return [route(this.#actionTo(target.name), this.#plans.clusters.get(target.name) ?? null, [])]
    }
    // A header names one of the clusters that there are.
    const all = [...this.#plans.clusters.values()].map((cluster) => {
      this.#leadsTo(cluster.name, hashKey)
      const test = { operator: "=" as const, value: target.template, text: literal(cluster.name) }
      return route(this.#actionTo(cluster.name), cluster, [test])
    })
    return [...all, route(NO_CLUSTER, null, [])]
  }

  #leadsTo(cluster: string, hashKey: string | null): void {
    this.clusters.add(cluster)
    if (hashKey === null) return
    const keys = this.hashKeys.get(cluster) ?? new Set()
    this.hashKeys.set(cluster, keys.add(hashKey))
  }

  #actionTo(name: string): RouteAction {
    const known = this.#actions.get(name)
    if (known !== undefined) return known
    const action = this.#makeAction(name)
    this.#actions.set(name, action)
    return action
  }

  #makeAction(name: string): RouteAction {
    const cluster = this.#plans.clusters.get(name)
    // There is none: calls are told so.
    if (cluster === undefined) return { kind: "cluster", cluster: name, tls: null }
    const tls = cluster.tls === null ? null : upstreamTlsOf(cluster.tls, this.#plans.secrets)
    if (cluster.tls !== null && tls === null) return NO_CLUSTER
    if (cluster.protocol === "h2") return { kind: "cluster", cluster: name, tls }
    return defaultProxy(name, tls)
  }

  #settingsOf(
    manager: HttpPlan | null,
    cluster: ClusterPlan | null,
    own: Partial<RouteSettings>,
  ): RouteSettings {
    const ofCluster = cluster === null ? {} : clusterSettings(cluster)
    const isHttp1 = cluster?.protocol === "http/1.1"
    const { settings = {}, grpcWeb = false } = manager ?? {}
    const key = JSON.stringify([settings, grpcWeb, ofCluster, isHttp1, own])
    const known = this.#settings.get(key)
    if (known !== undefined) return known
    const made: RouteSettings = { ...this.#base, ...settings, ...ofCluster, ...own }
    if (grpcWeb) made.bridge = { ...made.bridge, grpcWeb }
    const hasHost = made.setHeaders.some(([name]) => name === "host")
    // The client's authority, as in Envoy.
    if (isHttp1 && !hasHost) made.setHeaders = [...made.setHeaders, ["host", "$http_host"]]
    this.#settings.set(key, made)
    return made
  }
}

const UNAVAILABLE = 14
const NO_CLUSTER: RouteAction = {
  kind: "return",
  status: 503,
  template: "there is no such cluster",
  contentType: "text/plain",
  grpcStatus: UNAVAILABLE,
  grpcMessage: null,
}

function clusterSettings(cluster: ClusterPlan): Partial<RouteSettings> {
  const { connectTimeoutMs, bindAddress, socketKeepalive, maxStreamDurationMs } = cluster
  return {
    ...(connectTimeoutMs !== undefined && connectTimeoutMs > 0 && { connectTimeoutMs }),
    ...(bindAddress !== null && { bindAddress }),
    ...(socketKeepalive && { socketKeepalive }),
    ...(maxStreamDurationMs !== null && { maxCallMs: maxStreamDurationMs }),
  }
}
