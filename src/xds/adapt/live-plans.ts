import type { ClusterPlan } from "./cluster-plan.ts"
import type { ListenerPlan } from "./listener-plan.ts"
import type { RoutesPlan } from "./route-plan.ts"
import type { Secrets } from "./tls-plan.ts"

/** All that is in use, each apart from the others. */
export interface LivePlans {
  readonly listeners: ReadonlyMap<string, ListenerPlan>
  readonly routes: ReadonlyMap<string, RoutesPlan>
  readonly clusters: ReadonlyMap<string, ClusterPlan>
  readonly secrets: Secrets
}
