import { isDeepStrictEqual } from "node:util"
import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import {
  noResources,
  type ResourceKind,
  type Resources,
  resourceSchemas,
} from "../../config/gateway/resources.ts"
import type { Log } from "../../log/logger.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"
import { KubernetesList, type KubernetesObject } from "../discovery/kubernetes-list.ts"

const GATEWAY_API = "apis/gateway.networking.k8s.io"

interface KindAccess {
  readonly version: string
  readonly plural: string
  readonly isOfCluster?: true
  readonly query?: Readonly<Record<string, string>>
  /** So many in one answer: objects of up to a megabyte each have to fit. Default: 500. */
  readonly page?: number
  /** A cluster may not have it. */
  readonly isOptional?: true
}

/** Where each kind is. */
const KINDS: Readonly<Record<ResourceKind, KindAccess>> = {
  gatewayClasses: { version: `${GATEWAY_API}/v1`, plural: "gatewayclasses", isOfCluster: true },
  gateways: { version: `${GATEWAY_API}/v1`, plural: "gateways" },
  grpcRoutes: { version: `${GATEWAY_API}/v1`, plural: "grpcroutes", isOptional: true },
  httpRoutes: { version: `${GATEWAY_API}/v1`, plural: "httproutes", isOptional: true },
  referenceGrants: { version: `${GATEWAY_API}/v1beta1`, plural: "referencegrants", isOptional: true },
  backendTlsPolicies: { version: `${GATEWAY_API}/v1`, plural: "backendtlspolicies", isOptional: true },
  services: { version: "api/v1", plural: "services" },
  namespaces: { version: "api/v1", plural: "namespaces", isOfCluster: true },
  secrets: {
    version: "api/v1",
    plural: "secrets",
    query: { fieldSelector: "type=kubernetes.io/tls" },
    page: 40,
  },
  configMaps: { version: "api/v1", plural: "configmaps", page: 40 },
}

const ALL_KINDS = Object.keys(KINDS) as ResourceKind[]

/** The only entries of these that are kept: others may be large, and are never looked at. */
const DATA_KEPT: Partial<Record<ResourceKind, readonly string[]>> = {
  secrets: ["tls.crt", "tls.key"],
  configMaps: ["ca.crt"],
}

interface StoredObject {
  /** Null: it does not conform. */
  readonly resource: Resources[ResourceKind][number] | null
  readonly resourceVersion: string
  readonly namespace: string
  readonly name: string
  readonly status: unknown
  /** It is what it was before, but for its status and what is not looked at. */
  readonly isStatusOnly: boolean
}

export interface ResourceStoreOptions {
  readonly client: JsonClient
  /** Null: all. */
  readonly namespace: string | null
  readonly objectsMax: number
  /** There are more of a kind. */
  onTooMany(): void
  readonly clock: Clock
  readonly random: Random
  readonly log: Pick<Log, "info" | "warn">
  /** Something of what configurations are made of. */
  onChange(): void
  /** Nothing but what is said of a resource. */
  onStatus(): void
}

/** All resources that a configuration is made of, as the API server has them. */
export class ResourceStore {
  readonly #options: ResourceStoreOptions
  readonly #lists: ReadonlyMap<ResourceKind, KubernetesList<StoredObject>>
  /** Why a kind cannot be listed at present. */
  readonly #problems = new Map<ResourceKind, string>()
  readonly #missing = new Set<ResourceKind>()

  constructor(options: ResourceStoreOptions) {
    this.#options = options
    this.#lists = new Map(ALL_KINDS.map((kind) => [kind, this.#makeList(kind)]))
  }

  start(): void {
    for (const list of this.#lists.values()) list.start()
  }

  stop(): void {
    for (const list of this.#lists.values()) list.stop()
  }

  /** Every kind is listed, or the cluster does not have it. */
  get isComplete(): boolean {
    return [...this.#lists].every(([kind, list]) => list.isListed || this.#missing.has(kind))
  }

  /** What cannot be listed at present, and why. */
  get problems(): string[] {
    return [...this.#problems].map(([kind, problem]) => `${KINDS[kind].plural}: ${problem}`)
  }

  get resources(): Resources {
    const found: Partial<Record<ResourceKind, unknown[]>> = {}
    for (const [kind, list] of this.#lists)
      found[kind] = [...list.objects].map(({ resource }) => resource).filter((one) => one !== null)
    return { ...noResources, ...(found as Partial<Resources>) }
  }

  /** What the API server has of a resource; undefined: it is gone. */
  stored(kind: ResourceKind, namespace: string, name: string): StoredObject | undefined {
    return this.#lists.get(kind)!.get(namespace, name)
  }

  #makeList(kind: ResourceKind): KubernetesList<StoredObject> {
    const { client, objectsMax, onTooMany, clock, random, namespace, onChange, onStatus } = this.#options
    const { isOfCluster, query = {}, page } = KINDS[kind]
    return new KubernetesList<StoredObject>({
      client,
      path: pathOf(kind, isOfCluster ? null : namespace),
      query,
      ...(page !== undefined && { page }),
      objectsMax,
      onTooMany,
      clock,
      random,
      keep: (object) => this.#keep(kind, object),
      onChange: (changed) => {
        const isHere = (one: StoredObject): boolean => this.stored(kind, one.namespace, one.name) === one
        if (changed?.isStatusOnly === true && isHere(changed)) return onStatus()
        this.#missing.delete(kind)
        if (this.#problems.delete(kind)) this.#options.log.info("listed again", { kind: KINDS[kind].plural })
        onChange()
      },
      onFailure: (error) => this.#failed(kind, error),
    })
  }

  #failed(kind: ResourceKind, error: Error): void {
    const { plural, isOptional } = KINDS[kind]
    if (isOptional && error instanceof JsonError && error.status === 404) {
      if (this.#missing.has(kind)) return
      this.#missing.add(kind)
      this.#options.log.info("the cluster does not have this kind", { kind: plural })
      this.#options.onChange()
      return
    }
    if (this.#problems.get(kind) === error.message) return
    this.#problems.set(kind, error.message)
    this.#options.log.warn("cannot list; what is known stays", { kind: plural, reason: error.message })
  }

  #keep(kind: ResourceKind, object: KubernetesObject & { data?: unknown; status?: unknown }): StoredObject {
    const kept = DATA_KEPT[kind]
    const trimmed = kept === undefined ? object : { ...object, data: entriesOf(object.data, kept) }
    const { success, data, error } = resourceSchemas[kind].safeParse(trimmed)
    const { name = "", namespace = "", resourceVersion = "" } = object.metadata ?? {}
    if (!success) {
      const [issue] = error.issues
      this.#options.log.warn("a resource cannot be read, and is left out", {
        kind: KINDS[kind].plural,
        name: `${namespace}/${name}`,
        reason: `${issue?.path.join(".")}: ${issue?.message}`,
      })
    }
    const before = this.#lists.get(kind)!.get(namespace, name)?.resource
    const isStatusOnly = success && before != null && isDeepStrictEqual(before, data)
    const resource = !success ? null : isStatusOnly ? before : data
    return { namespace, name, resource, resourceVersion, status: object.status, isStatusOnly }
  }
}

function entriesOf(data: unknown, names: readonly string[]): Record<string, unknown> {
  const all = (data ?? {}) as Record<string, unknown>
  return Object.fromEntries(names.filter((name) => name in all).map((name) => [name, all[name]]))
}

/** `/apis/GROUP/VERSION[/namespaces/NAMESPACE]/PLURAL`. `namespace`: null, all or none. */
export function pathOf(kind: ResourceKind, namespace: string | null): string {
  const { version, plural } = KINDS[kind]
  const within = namespace === null || namespace === "" ? "" : `namespaces/${encodeURIComponent(namespace)}/`
  return `/${version}/${within}${plural}`
}
