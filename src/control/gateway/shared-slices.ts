import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { ClusterConfig } from "../../config/model.ts"
import type { JsonClient } from "../../net/json-client.ts"
import type { SourceSpec } from "../discovery/dns-spec.ts"
import { KubernetesList } from "../discovery/kubernetes-list.ts"
import { type EndpointSlice, readSlice, SERVICE_LABEL, tellSlices } from "../discovery/kubernetes-source.ts"
import { sourceSpecs } from "../discovery/make-source.ts"
import type { DiscoveryListener, DiscoverySource } from "../discovery/source.ts"

export interface SharedSlicesOptions {
  readonly client: JsonClient
  /** Null: all. */
  readonly namespace: string | null
  readonly objectsMax: number
  /** There are more of a kind. */
  onTooMany(): void
  readonly clock: Clock
  readonly random: Random
}

/** The EndpointSlices of all Services by one watch, handed to the clusters that are theirs. */
export class SharedSlices {
  readonly #list: KubernetesList<EndpointSlice>
  readonly #sources = new Map<string, Set<SliceSource>>()
  /** Of Services, by name. */
  #byService = new Map<string, Map<string, EndpointSlice>>()
  /** The Service of each slice. */
  readonly #serviceOf = new Map<string, string>()

  constructor({ client, namespace, objectsMax, onTooMany, clock, random }: SharedSlicesOptions) {
    const within = namespace === null ? "" : `namespaces/${encodeURIComponent(namespace)}/`
    this.#list = new KubernetesList<EndpointSlice>({
      client,
      path: `/apis/discovery.k8s.io/v1/${within}endpointslices`,
      objectsMax,
      onTooMany,
      clock,
      random,
      keep: (object) => ({ ...readSlice(object), metadata: keptMetadata(object.metadata) }),
      onChange: (changed) => this.#changed(changed),
      onFailure: ({ message }) => {
        for (const sources of this.#sources.values()) for (const source of sources) source.fail(message)
      },
    })
  }

  start(): void {
    this.#list.start()
  }

  stop(): void {
    this.#list.stop()
  }

  /** Sources of a cluster: those that the configuration says, but for Services, which are known here. */
  specs(config: ClusterConfig): (SourceSpec | null)[] {
    const usual = sourceSpecs(config)
    return usual.map((spec, at) => {
      const source = config.discovery[at - config.endpoints.length]
      if (spec === null || source?.kind !== "kubernetes") return spec
      const { service, namespace, port } = source
      return {
        key: spec.key,
        make: () => new SliceSource(`${namespace}/${service}`, port, this.#sources, this),
      }
    })
  }

  /** Null: they are not listed yet. */
  slicesOf(service: string): EndpointSlice[] | null {
    return this.#list.isListed ? [...(this.#byService.get(service)?.values() ?? [])] : null
  }

  #changed(changed: EndpointSlice | null): void {
    if (changed === null) {
      this.#byService = new Map()
      this.#serviceOf.clear()
      for (const slice of this.#list.objects) this.#place(slice)
      for (const sources of this.#sources.values()) for (const source of sources) source.tell()
      return
    }
    for (const service of this.#place(changed))
      for (const source of this.#sources.get(service) ?? []) source.tell()
  }

  /** Where the list has it now, if it has. Returns the Services that it was of and is of. */
  #place(slice: EndpointSlice): Set<string> {
    const { name = "", namespace = "", labels = {} } = slice.metadata ?? {}
    const key = `${namespace}/${name}`
    const service = `${namespace}/${labels[SERVICE_LABEL] ?? ""}`
    const before = this.#serviceOf.get(key) ?? service
    this.#byService.get(before)?.delete(name)
    if (this.#byService.get(before)?.size === 0) this.#byService.delete(before)
    if (this.#list.get(namespace, name) === undefined) this.#serviceOf.delete(key)
    else {
      const slices = this.#byService.get(service) ?? new Map<string, EndpointSlice>()
      this.#byService.set(service, slices.set(name, slice))
      this.#serviceOf.set(key, service)
    }
    return new Set([before, service])
  }
}

function keptMetadata({ name, namespace, labels }: NonNullable<EndpointSlice["metadata"]> = {}) {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    labels: { [SERVICE_LABEL]: labels?.[SERVICE_LABEL] ?? "" },
  }
}

/** One Service's port. */
class SliceSource implements DiscoverySource {
  readonly name: string
  readonly #service: string
  readonly #port: string | number | null
  readonly #sources: Map<string, Set<SliceSource>>
  readonly #slices: Pick<SharedSlices, "slicesOf">
  #listener: DiscoveryListener | null = null

  constructor(
    service: string,
    port: string | number | null,
    sources: Map<string, Set<SliceSource>>,
    slices: Pick<SharedSlices, "slicesOf">,
  ) {
    this.name = `kubernetes ${service}`
    this.#service = service
    this.#port = port
    this.#sources = sources
    this.#slices = slices
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener
    const others = this.#sources.get(this.#service) ?? new Set()
    this.#sources.set(this.#service, others.add(this))
    this.tell()
  }

  refresh(): void {}

  stop(): void {
    this.#listener = null
    const others = this.#sources.get(this.#service)
    others?.delete(this)
    if (others?.size === 0) this.#sources.delete(this.#service)
  }

  tell(): void {
    const slices = this.#slices.slicesOf(this.#service)
    if (slices !== null && this.#listener !== null) tellSlices(this.#listener, slices, this.#port)
  }

  fail(reason: string): void {
    this.#listener?.onFailure(reason)
  }
}
