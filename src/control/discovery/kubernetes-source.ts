import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { KubernetesList } from "./kubernetes-list.ts"
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

export interface EndpointSlice {
  metadata?: {
    name?: string
    namespace?: string
    resourceVersion?: string
    labels?: Record<string, string>
  }
  addressType?: string
  ports?: { name?: string | null; port?: number | null; protocol?: string | null }[] | null
  endpoints?: {
    addresses?: string[]
    conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null }
    zone?: string | null
  }[]
}

/** Names the Service that a slice is of. */
export const SERVICE_LABEL = "kubernetes.io/service-name"

/**
 * The EndpointSlices of a Kubernetes Service. Endpoints that are ready take streams; those that end and still serve keep theirs and get no new ones.
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
      keep: (object) => object,
      onChange: () => this.#listener?.onEndpoints(endpointsOf([...this.#slices.objects], this.#port)),
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

/** Of all slices of a Service. An address may stand in two slices while it moves: the ready one counts. Pure. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  wanted: string | number | null,
): DiscoveredEndpoint[] {
  const byAddress = new Map<string, DiscoveredEndpoint>()
  for (const { addressType, ports, endpoints = [] } of slices) {
    const port = portOf(ports ?? [], wanted)
    if (port === null || addressType === "FQDN") continue
    for (const { addresses = [], conditions = {}, zone = null } of endpoints) {
      const isTerminating = conditions.terminating === true
      // Missing means ready: discovery.k8s.io/v1.
      const isReady = conditions.ready ?? !isTerminating
      const isServing = conditions.serving ?? isReady
      const isDraining = isTerminating && isServing
      if (!isReady && !isDraining) continue
      for (const host of addresses) {
        const { text } = hostAddress(host, port)
        if (byAddress.get(text)?.isDraining === false) continue
        byAddress.set(text, { ...plainEndpoint(text), zone, isDraining })
      }
    }
  }
  return [...byAddress.values()]
}

function portOf(ports: NonNullable<EndpointSlice["ports"]>, wanted: string | number | null): number | null {
  const tcp = ports.filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
  const found =
    wanted === null
      ? tcp.length === 1
        ? tcp[0]
        : undefined
      : tcp.find(({ name, port }) => name === wanted || port === wanted)
  return found?.port ?? null
}
