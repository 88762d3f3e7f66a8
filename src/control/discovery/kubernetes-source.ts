import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { asObject, flagAt, listAt, numberAt, objectAt, textAt } from "./json-reader.ts"
import { KubernetesList, type KubernetesObject } from "./kubernetes-list.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

export interface KubernetesSourceOptions {
  readonly client: JsonClient
  readonly namespace: string
  readonly service: string
  /** Of the Service's ports: a name or a number; null: its only one. */
  readonly port: string | number | null
  readonly clock: Clock
  readonly random: Random
}

/** discovery.k8s.io/v1, as far as it is read. */
export interface EndpointSlice {
  metadata?: {
    name?: string
    namespace?: string
    resourceVersion?: string
    labels?: Record<string, string>
  }
  addressType?: string
  ports?: readonly SlicePort[] | null
  endpoints?:
    | readonly {
        addresses?: readonly string[] | null
        conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null } | null
        zone?: string | null
      }[]
    | null
}

interface SlicePort {
  name?: string | null
  port?: number | null
  protocol?: string | null
}

/** Names the Service that a slice is of. */
export const SERVICE_LABEL = "kubernetes.io/service-name"

/**
 * The EndpointSlices of a Kubernetes Service. Endpoints that are ready take streams; those that end and still
 * serve keep theirs and get no new ones.
 * Source: discovery.k8s.io/v1.
 */
export class KubernetesSource implements DiscoverySource {
  readonly name: string
  readonly #port: KubernetesSourceOptions["port"]
  readonly #slices: KubernetesList<EndpointSlice>
  #listener: DiscoveryListener | null = null

  constructor({ client, namespace, service, port, clock, random }: KubernetesSourceOptions) {
    this.name = `kubernetes ${namespace}/${service}`
    this.#port = port
    this.#slices = new KubernetesList({
      client,
      path: `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`,
      query: { labelSelector: `${SERVICE_LABEL}=${service}` },
      clock,
      random,
      keep: readSlice,
      onChange: () => {
        if (this.#listener !== null) tellSlices(this.#listener, [...this.#slices.objects], this.#port)
      },
      onFailure: (error) => this.#listener?.onFailure(error.message),
    })
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener
    this.#slices.start()
  }

  refresh(): void {}

  stop(): void {
    this.#listener = null
    this.#slices.stop()
  }
}

/** What is kept of a slice. Errors: throws what is not as documented. */
export function readSlice(object: KubernetesObject): EndpointSlice {
  const slice = asObject(object, "an EndpointSlice")
  return {
    ...(object.metadata !== undefined && { metadata: object.metadata }),
    addressType: textAt(slice, "addressType") ?? "IPv4",
    ports: listAt(slice, "ports").map((one) => {
      const port = asObject(one, "a port")
      return { name: textAt(port, "name"), port: numberAt(port, "port"), protocol: textAt(port, "protocol") }
    }),
    endpoints: listAt(slice, "endpoints").map((one) => {
      const endpoint = asObject(one, "an endpoint")
      const conditions = objectAt(endpoint, "conditions")
      const addresses = listAt(endpoint, "addresses")
      if (!addresses.every((address) => typeof address === "string"))
        throw new Error("not as documented: an address is not a string")
      return {
        addresses,
        conditions: {
          ready: flagAt(conditions, "ready"),
          serving: flagAt(conditions, "serving"),
          terminating: flagAt(conditions, "terminating"),
        },
        zone: textAt(endpoint, "zone"),
      }
    }),
  }
}

/** Tells the endpoints of a Service, or why none of them can be: the last answer stays then. */
export function tellSlices(
  listener: DiscoveryListener,
  slices: readonly EndpointSlice[],
  port: string | number | null,
): void {
  const problem = portProblem(slices, port)
  if (problem === null) listener.onEndpoints(endpointsOf(slices, port))
  else listener.onFailure(problem)
}

/** Endpoints there are, and none of them at a port that is wanted: for people to set right. Null: nothing is wrong. */
function portProblem(slices: readonly EndpointSlice[], wanted: string | number | null): string | null {
  const filled = slices.filter(
    ({ addressType, endpoints }) => addressType !== "FQDN" && (endpoints ?? []).length > 0,
  )
  if (filled.length === 0 || filled.some(({ ports }) => portOf(ports ?? [], wanted) !== null)) return null
  const names = tcpOf(filled[0]!.ports ?? []).map(({ name, port }) => name || String(port))
  if (names.length === 0) return "the Service has no TCP port"
  const which = `its ports are ${names.join(", ")}`
  return wanted === null
    ? `the Service has several ports and none is chosen: ${which}`
    : `no port ${wanted}: ${which}`
}

/** Of all slices of a Service. An address may stand in two slices while it moves: the ready one counts. Pure. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  wanted: string | number | null,
): DiscoveredEndpoint[] {
  const byAddress = new Map<string, DiscoveredEndpoint>()
  for (const { addressType, ports, endpoints } of slices) {
    const port = portOf(ports ?? [], wanted)
    if (port === null || addressType === "FQDN") continue
    for (const { addresses, conditions: given, zone = null } of endpoints ?? []) {
      const conditions = given ?? {}
      const isTerminating = conditions.terminating === true
      // Missing means ready: discovery.k8s.io/v1.
      const isReady = conditions.ready ?? !isTerminating
      const isServing = conditions.serving ?? isReady
      const isDraining = isTerminating && isServing
      if (!isReady && !isDraining) continue
      for (const host of addresses ?? []) {
        const { text } = hostAddress(host, port)
        if (byAddress.get(text)?.isDraining === false) continue
        byAddress.set(text, { ...plainEndpoint(text), zone, isDraining })
      }
    }
  }
  return [...byAddress.values()]
}

function portOf(ports: readonly SlicePort[], wanted: string | number | null): number | null {
  const tcp = tcpOf(ports)
  const found =
    wanted === null
      ? tcp.length === 1
        ? tcp[0]
        : undefined
      : tcp.find(({ name, port }) => name === wanted || port === wanted)
  return found?.port ?? null
}

function tcpOf(ports: readonly SlicePort[]): SlicePort[] {
  return ports.filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
}
