import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import type { Node } from "../gen/envoy/config/core/v3/base_pb.ts"
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.ts"
import { DATA_PLANE_TYPES, type DataPlaneType } from "../type-urls.ts"
import { type AdsProtocol, type AdsUpdate, INVALID_ARGUMENT } from "./protocol.ts"

interface Subscription {
  /** Null: all that there are. */
  names: ReadonlySet<string> | null
  /** What the server was told on this stream. */
  asked: ReadonlySet<string>
  isAsked: boolean
  /** Of each resource that is held, over all streams. */
  readonly versions: Map<string, string>
}

type Request = MessageInitShape<typeof DeltaDiscoveryRequestSchema>

/** Deltas: a response has what changed and names what is gone. (xDS protocol, "Incremental xDS") */
export class DeltaProtocol implements AdsProtocol {
  readonly method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
  readonly #node: Node
  readonly #subscriptions = new Map<DataPlaneType, Subscription>()
  #isNodeSaid = false

  constructor(node: Node) {
    this.#node = node
  }

  reopen(): Uint8Array[] {
    this.#isNodeSaid = false
    for (const subscription of this.#subscriptions.values()) {
      subscription.asked = new Set()
      subscription.isAsked = false
    }
    return DATA_PLANE_TYPES.flatMap((type) => this.#ask(type))
  }

  want(type: DataPlaneType, names: ReadonlySet<string> | null): Uint8Array[] {
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined)
      this.#subscriptions.set(type, { names, asked: new Set(), isAsked: false, versions: new Map() })
    else {
      subscription.names = names
      if (names !== null)
        for (const name of subscription.versions.keys())
          if (!names.has(name)) subscription.versions.delete(name)
    }
    return this.#ask(type)
  }

  receive(octets: Uint8Array): AdsUpdate | null {
    const response = fromBinary(DeltaDiscoveryResponseSchema, octets)
    const type = response.typeUrl as DataPlaneType
    if (!this.#subscriptions.has(type)) return null
    return {
      type,
      version: response.systemVersionInfo,
      nonce: response.nonce,
      resources: response.resources.map(({ name, version, resource }) => ({
        name,
        version,
        octets: resource ?? null,
      })),
      removed: [...response.removedResources, ...response.removedResourceNames.map(({ name }) => name)],
      isWhole: false,
      from: response.controlPlane?.identifier ?? "",
    }
  }

  ack(update: AdsUpdate): Uint8Array[] {
    this.#hold(update, new Set())
    return [this.#request({ typeUrl: update.type, responseNonce: update.nonce })]
  }

  nack(update: AdsUpdate, detail: string, refused: ReadonlySet<string>): Uint8Array[] {
    this.#hold(update, refused)
    const errorDetail = { code: INVALID_ARGUMENT, message: detail }
    return [this.#request({ typeUrl: update.type, responseNonce: update.nonce, errorDetail })]
  }

  /** What is held is told on the next stream; of what was refused the version before. */
  #hold({ type, resources, removed }: AdsUpdate, refused: ReadonlySet<string>): void {
    const { versions } = this.#subscriptions.get(type)!
    for (const { name, version } of resources) if (!refused.has(name)) versions.set(name, version)
    for (const name of removed) versions.delete(name)
  }

  /** What is new and what is no longer wanted, of what this stream has been told. */
  #ask(type: DataPlaneType): Uint8Array[] {
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined) return []
    const { names, asked, isAsked, versions } = subscription
    if (names === null) {
      if (isAsked) return []
      subscription.isAsked = true
      // The first request of a type, without names: all that there are.
      return [this.#request({ typeUrl: type, initialResourceVersions: Object.fromEntries(versions) })]
    }
    const more = [...names].filter((name) => !asked.has(name))
    const less = [...asked].filter((name) => !names.has(name))
    if (more.length + less.length === 0) return []
    subscription.asked = new Set(names)
    const isFirst = !isAsked
    subscription.isAsked = true
    return [
      this.#request({
        typeUrl: type,
        resourceNamesSubscribe: more,
        resourceNamesUnsubscribe: less,
        ...(isFirst && { initialResourceVersions: Object.fromEntries(versions) }),
      }),
    ]
  }

  #request(fields: Request): Uint8Array {
    const request = create(DeltaDiscoveryRequestSchema, fields)
    // In the first message of a stream alone.
    if (!this.#isNodeSaid) request.node = this.#node
    this.#isNodeSaid = true
    return toBinary(DeltaDiscoveryRequestSchema, request)
  }
}
