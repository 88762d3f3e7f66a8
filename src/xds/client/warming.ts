import type { ClusterPlan } from "../adapt/cluster-plan.ts"
import { clustersOf, type ListenerPlan, routeNamesOf } from "../adapt/listener-plan.ts"
import type { LivePlans } from "../adapt/live-plans.ts"
import type { RoutesPlan } from "../adapt/route-plan.ts"
import { type SecretPlan, secretsOf, type TlsPlan } from "../adapt/tls-plan.ts"
import { CLUSTER, type DataPlaneType, ENDPOINTS, LISTENER, ROUTES, SECRET } from "../type-urls.ts"

/** Everything that the control plane has said and that was accepted, by name. */
export interface AcceptedPlans {
  readonly listeners: ReadonlyMap<string, ListenerPlan>
  readonly routes: ReadonlyMap<string, RoutesPlan>
  readonly clusters: ReadonlyMap<string, ClusterPlan>
  readonly secrets: ReadonlyMap<string, SecretPlan>
  /** Those whose endpoints are known. */
  readonly services: Pick<ReadonlyMap<string, unknown>, "has">
}

/** Whether a resource that was asked for is waited for no longer. */
export type GivenUp = (type: DataPlaneType, name: string) => boolean

/**
 * Make before break: what is in use changes only once all that the new names has arrived. A listener waits for its routes,
 * routes for their clusters, clusters for their endpoints, and all of them for their secrets; until then the old version of
 * each goes on. What is gone leaves when nothing in use names it.
 */
export class Warming {
  #live: LivePlans = { listeners: new Map(), routes: new Map(), clusters: new Map(), secrets: new Map() }

  get live(): LivePlans {
    return this.#live
  }

  /** Takes over what is complete. Returns whether anything in use has changed. */
  advance(accepted: AcceptedPlans, isGivenUp: GivenUp): boolean {
    const before = this.#live
    const hasSecrets = (tls: TlsPlan | null): boolean =>
      tls === null || secretsOf(tls).every((name) => accepted.secrets.has(name) || isGivenUp(SECRET, name))
    const isClusterReady = ({ tls, endpoints }: ClusterPlan): boolean =>
      hasSecrets(tls) &&
      (endpoints.kind !== "service" ||
        accepted.services.has(endpoints.name) ||
        isGivenUp(ENDPOINTS, endpoints.name))
    const clusters = new Map(before.clusters)
    for (const [name, plan] of accepted.clusters) if (isClusterReady(plan)) clusters.set(name, plan)
    // A cluster that is not told of may come yet; once it is waited for no longer, calls to it are answered so.
    const isKnown = (name: string): boolean =>
      clusters.has(name) || (!accepted.clusters.has(name) && isGivenUp(CLUSTER, name))

    const routes = new Map(before.routes)
    for (const [name, plan] of accepted.routes) if ([...plan.clusters].every(isKnown)) routes.set(name, plan)

    const listeners = new Map<string, ListenerPlan>()
    for (const [name, plan] of accepted.listeners) {
      const isReady =
        plan.chains.every(({ tls }) => hasSecrets(tls)) &&
        clustersOf(plan).every(isKnown) &&
        routeNamesOf(plan).every((one) => routes.has(one) || isGivenUp(ROUTES, one))
      const used = isReady ? plan : before.listeners.get(name)
      if (used !== undefined) listeners.set(name, used)
    }
    const used = withoutUnused({ listeners, routes, clusters }, accepted)
    this.#live = { listeners, ...used, secrets: new Map(accepted.secrets) }
    return !isSame(before, this.#live)
  }
}

type Used = Pick<LivePlans, "listeners" | "routes" | "clusters">

/** What was taken away and is named by nothing in use is gone. */
function withoutUnused(
  { listeners, routes, clusters }: Used,
  accepted: AcceptedPlans,
): Pick<LivePlans, "routes" | "clusters"> {
  const plans = [...listeners.values()]
  const named = new Set(plans.flatMap(routeNamesOf))
  const keptRoutes = new Map([...routes].filter(([name]) => named.has(name)))
  const leading = new Set([
    ...plans.flatMap(clustersOf),
    ...[...keptRoutes.values()].flatMap((plan) => [...plan.clusters]),
  ])
  // Clusters of an aggregate are used with it.
  for (const name of leading) {
    const endpoints = clusters.get(name)?.endpoints
    if (endpoints?.kind === "aggregate") for (const inner of endpoints.clusters) leading.add(inner)
  }
  const keptClusters = new Map(
    [...clusters].filter(([name]) => accepted.clusters.has(name) || leading.has(name)),
  )
  return { routes: keptRoutes, clusters: keptClusters }
}

function isSame(one: LivePlans, other: LivePlans): boolean {
  return (["listeners", "routes", "clusters", "secrets"] as const).every((kind) => {
    const before: ReadonlyMap<string, unknown> = one[kind]
    const after: ReadonlyMap<string, unknown> = other[kind]
    return before.size === after.size && [...after].every(([name, plan]) => before.get(name) === plan)
  })
}

/** Clusters that something names and nothing has told of. */
export function unknownClusters({ listeners, routes, clusters }: AcceptedPlans): Set<string> {
  const named = [
    ...[...listeners.values()].flatMap(clustersOf),
    ...[...routes.values()].flatMap((plan) => [...plan.clusters]),
  ]
  return new Set(named.filter((name) => !clusters.has(name)))
}

/** What is to be asked for, by type; null: all that there are. */
export function wantedNames(
  accepted: AcceptedPlans,
  live: LivePlans,
): Map<DataPlaneType, Set<string> | null> {
  const clusters = [...accepted.clusters.values(), ...live.clusters.values()]
  const listeners = [...accepted.listeners.values(), ...live.listeners.values()]
  const tls = [
    ...clusters.map((plan) => plan.tls),
    ...listeners.flatMap(({ chains }) => chains.map((chain) => chain.tls)),
  ]
  return new Map<DataPlaneType, Set<string> | null>([
    [CLUSTER, null],
    [
      ENDPOINTS,
      new Set(clusters.flatMap(({ endpoints }) => (endpoints.kind === "service" ? [endpoints.name] : []))),
    ],
    [LISTENER, null],
    [ROUTES, new Set(listeners.flatMap(routeNamesOf))],
    [SECRET, new Set(tls.flatMap((one) => (one === null ? [] : secretsOf(one))))],
  ])
}
