import type { DescMessage, Message } from "@bufbuild/protobuf"
import type { Any } from "@bufbuild/protobuf/wkt"
import { anyUnpack } from "@bufbuild/protobuf/wkt"
import type { Steps } from "../../base/steps.ts"
import { inlineService } from "../adapt/assemble-clusters.ts"
import { checkFields, type Note } from "../adapt/check-fields.ts"
import { type ClusterPlan, planCluster } from "../adapt/cluster-plan.ts"
import { type AssignedEndpoint, planEndpoints } from "../adapt/endpoints-plan.ts"
import { type ListenerPlan, planListener } from "../adapt/listener-plan.ts"
import { Refusal } from "../adapt/refusal.ts"
import { planRoutes, type RoutesPlan } from "../adapt/route-plan.ts"
import { planSecret, type SecretPlan } from "../adapt/tls-plan.ts"
import { type Cluster, ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import { type Listener, ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.ts"
import { type RouteConfiguration, RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.ts"
import { type Secret, SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts"
import { ResourceSchema } from "../gen/envoy/service/discovery/v3/discovery_pb.ts"
import { CLUSTER, type DataPlaneType, ENDPOINTS, LISTENER, ROUTES, SECRET, shortName } from "../type-urls.ts"
import type { AdsUpdate } from "./protocol.ts"
import type { AcceptedPlans } from "./warming.ts"

/** How the resources of a type are read. */
interface Kind {
  readonly desc: DescMessage
  nameOf(message: Message): string
  /** Errors: throws a `Refusal`. */
  plan(message: Message): unknown
}

const kind = <M extends Message>(
  desc: DescMessage,
  nameOf: (message: M) => string,
  plan: (message: M) => unknown,
): Kind => ({ desc, nameOf: (message) => nameOf(message as M), plan: (message) => plan(message as M) })

const KINDS: Readonly<Record<DataPlaneType, Kind>> = {
  [CLUSTER]: kind<Cluster>(ClusterSchema, ({ name }) => name, planCluster),
  [ENDPOINTS]: kind<ClusterLoadAssignment>(
    ClusterLoadAssignmentSchema,
    ({ clusterName }) => clusterName,
    planEndpoints,
  ),
  [LISTENER]: kind<Listener>(ListenerSchema, ({ name }) => name, planListener),
  [ROUTES]: kind<RouteConfiguration>(RouteConfigurationSchema, ({ name }) => name, planRoutes),
  [SECRET]: kind<Secret>(SecretSchema, ({ name }) => name, planSecret),
}

/** One resource that is held. */
export interface HeldResource {
  readonly version: string
  readonly octets: Uint8Array
  readonly plan: unknown
  readonly updatedMs: number
}

/** What became of a response. */
export interface Outcome {
  /** By name, why. */
  readonly refused: ReadonlyMap<string, string>
  /** Why none of it can be taken; null: each was looked at. */
  readonly problem: string | null
  readonly notes: readonly Note[]
  /** What was thrown and is no `Refusal`; those resources are refused. */
  readonly bugs: readonly unknown[]
  /** Of those that came, were changed or have left. */
  readonly changed: ReadonlySet<string>
}

const DETAIL_MAX = 4096

/** For `error_detail`, where it is a bug that refuses. */
export const UNEXPECTED = "an unexpected error of the client"

/** For `error_detail` and the log; null: nothing was refused. */
export function detailOf({ refused, problem }: Outcome, type: DataPlaneType): string | null {
  if (problem !== null) return problem
  if (refused.size === 0) return null
  const parts = [...refused].map(([name, why]) => `${shortName(type)} ${JSON.stringify(name)}: ${why}`)
  const text = parts.join("; ")
  return text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX)}…` : text
}

/** All resources that were taken, by type and name, each with what was made of it. */
export class Accepted implements AcceptedPlans {
  readonly listeners = new Map<string, ListenerPlan>()
  readonly routes = new Map<string, RoutesPlan>()
  readonly clusters = new Map<string, ClusterPlan>()
  readonly secrets = new Map<string, SecretPlan>()
  /** Endpoints by service, and of clusters that have them within themselves. */
  readonly services = new Map<string, readonly AssignedEndpoint[]>()
  readonly #held: Readonly<Record<DataPlaneType, Map<string, HeldResource>>> = {
    [CLUSTER]: new Map(),
    [ENDPOINTS]: new Map(),
    [LISTENER]: new Map(),
    [ROUTES]: new Map(),
    [SECRET]: new Map(),
  }
  readonly #plans: Readonly<Record<DataPlaneType, Map<string, unknown>>> = {
    [CLUSTER]: this.clusters,
    [ENDPOINTS]: this.services,
    [LISTENER]: this.listeners,
    [ROUTES]: this.routes,
    [SECRET]: this.secrets,
  }
  readonly #resourcesMax: number

  constructor(resourcesMax: number) {
    this.#resourcesMax = resourcesMax
  }

  held(type: DataPlaneType): ReadonlyMap<string, HeldResource> {
    return this.#held[type]
  }

  #hold(type: DataPlaneType, name: string, resource: HeldResource): void {
    this.#held[type].set(name, resource)
    this.#plans[type].set(name, resource.plan)
    if (type !== CLUSTER) return
    const { endpoints } = resource.plan as ClusterPlan
    if (endpoints.kind === "inline") this.services.set(inlineService(name), endpoints.endpoints)
    else this.services.delete(inlineService(name))
  }

  #drop(type: DataPlaneType, name: string): boolean {
    this.#plans[type].delete(name)
    if (type === CLUSTER) this.services.delete(inlineService(name))
    return this.#held[type].delete(name)
  }

  /**
   * Takes what of a response can be taken; of what cannot, the version before stays. A resource a step: there may be
   * thousands.
   */
  *apply(update: AdsUpdate, nowMs: number): Steps<Outcome> {
    const { type, resources, removed, isWhole } = update
    const held = this.#held[type]
    const refused = new Map<string, string>()
    const notes = new Map<string, Note>()
    const bugs: unknown[] = []
    const changed = new Set<string>()
    const seen = new Set<string>()
    const most = isWhole ? resources.length : held.size + resources.length
    if (most > this.#resourcesMax && resources.some(({ name }) => !held.has(name))) {
      const problem = `${most} resources of ${shortName(type)}, more than controlPlaneResourcesMax (${this.#resourcesMax})`
      return { refused, problem, notes: [], bugs: [], changed }
    }
    for (const resource of resources) {
      yield
      const { name, octets } = resource
      // A heartbeat: it lives on.
      if (octets === null) {
        seen.add(name)
        continue
      }
      const any = unwrapped(octets)
      const fallback = name === "" ? `#${seen.size + refused.size + 1}` : name
      const read = readResource(KINDS[type], type, any, held)
      if ("problem" in read) {
        refused.set(read.name ?? fallback, read.problem)
        if (read.name !== null) seen.add(read.name)
        if (read.bug !== undefined) bugs.push(read.bug)
        continue
      }
      if (seen.has(read.name)) {
        refused.set(read.name, "it is named twice")
        continue
      }
      seen.add(read.name)
      const before = held.get(read.name)
      for (const note of read.notes) notes.set(note.field, note)
      if (before !== undefined && before.plan === read.plan) {
        this.#hold(type, read.name, { ...before, version: resource.version })
        continue
      }
      changed.add(read.name)
      const updatedMs = nowMs
      this.#hold(type, read.name, {
        version: resource.version,
        octets: any.value,
        plan: read.plan,
        updatedMs,
      })
    }
    const gone = isWhole ? [...held.keys()].filter((name) => !seen.has(name)) : removed
    for (const name of gone) if (this.#drop(type, name)) changed.add(name)
    return { refused, problem: null, notes: [...notes.values()], bugs, changed }
  }

  /** What is not asked for any more need not be held. */
  keepOnly(type: DataPlaneType, names: ReadonlySet<string>): void {
    for (const name of this.#held[type].keys()) if (!names.has(name)) this.#drop(type, name)
  }
}

type Read =
  | { readonly name: string; readonly plan: unknown; readonly notes: readonly Note[] }
  | { readonly name: string | null; readonly problem: string; readonly bug?: unknown }

function readResource(
  { desc, nameOf, plan }: Kind,
  type: DataPlaneType,
  any: Any,
  held: ReadonlyMap<string, HeldResource>,
): Read {
  if (any.typeUrl !== type) return { name: null, problem: `it is a ${shortName(any.typeUrl)}` }
  let message: Message | undefined
  try {
    message = anyUnpack(any, desc)
  } catch {
    return { name: null, problem: `it is no ${shortName(type)} that can be read` }
  }
  const name = nameOf(message!)
  if (name === "") return { name: null, problem: "it has no name" }
  const before = held.get(name)
  // The very same: nothing is made anew of it.
  if (before !== undefined && Buffer.compare(before.octets, any.value) === 0)
    return { name, plan: before.plan, notes: [] }
  try {
    const notes = checkFields(desc, message!)
    return { name, plan: plan(message!), notes }
  } catch (error) {
    if (error instanceof Refusal) return { name, problem: error.message }
    return { name, problem: UNEXPECTED, bug: error }
  }
}

const WRAPPER = "type.googleapis.com/envoy.service.discovery.v3.Resource"

/** State of the world may have resources in an envelope too. */
function unwrapped(any: Any): Any {
  if (any.typeUrl !== WRAPPER) return any
  try {
    return anyUnpack(any, ResourceSchema)?.resource ?? any
  } catch {
    return any
  }
}
