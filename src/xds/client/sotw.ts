import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import type { Node } from "../gen/envoy/config/core/v3/base_pb.ts"
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.ts"
import { DATA_PLANE_TYPES, type DataPlaneType } from "../type-urls.ts"
import { type AdsProtocol, type AdsUpdate, INVALID_ARGUMENT, WHOLE } from "./protocol.ts"

interface Subscription {
  /** Null: all that there are. */
  names: ReadonlySet<string> | null
  /** The last that was taken, over all streams. */
  version: string
  /** Of the last response on this stream. */
  nonce: string
  isAsked: boolean
}

/** State of the world: a response has all that was asked for of its type. (xDS protocol, "Variants") */
export class SotwProtocol implements AdsProtocol {
  readonly method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
  readonly #node: Node
  readonly #subscriptions = new Map<DataPlaneType, Subscription>()
  #isNodeSaid = false

  constructor(node: Node) {
    this.#node = node
  }

  reopen(): Uint8Array[] {
    this.#isNodeSaid = false
    for (const subscription of this.#subscriptions.values()) {
      subscription.nonce = ""
      subscription.isAsked = false
    }
    return DATA_PLANE_TYPES.flatMap((type) => this.#ask(type))
  }

  want(type: DataPlaneType, names: ReadonlySet<string> | null): Uint8Array[] {
    const before = this.#subscriptions.get(type)
    if (before === undefined) {
      this.#subscriptions.set(type, { names, version: "", nonce: "", isAsked: false })
      return this.#ask(type)
    }
    if (isSame(before.names, names)) return []
    before.names = names
    before.isAsked = false
    return this.#ask(type)
  }

  receive(octets: Uint8Array): AdsUpdate | null {
    const response = fromBinary(DiscoveryResponseSchema, octets)
    const type = response.typeUrl as DataPlaneType
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined) return null
    subscription.nonce = response.nonce
    return {
      type,
      version: response.versionInfo,
      nonce: response.nonce,
      resources: response.resources.map((resource) => ({
        name: "",
        version: response.versionInfo,
        octets: resource,
      })),
      removed: [],
      isWhole: WHOLE.has(type),
      from: response.controlPlane?.identifier ?? "",
    }
  }

  ack({ type, version }: AdsUpdate): Uint8Array[] {
    const subscription = this.#subscriptions.get(type)!
    subscription.version = version
    return [this.#request(type, subscription, null)]
  }

  nack({ type }: AdsUpdate, detail: string): Uint8Array[] {
    return [this.#request(type, this.#subscriptions.get(type)!, detail)]
  }

  /** A request is due where something is wanted: a list without names would be one for everything. */
  #ask(type: DataPlaneType): Uint8Array[] {
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined || subscription.isAsked || subscription.names?.size === 0) return []
    return [this.#request(type, subscription, null)]
  }

  #request(type: DataPlaneType, subscription: Subscription, error: string | null): Uint8Array {
    subscription.isAsked = true
    const request = create(DiscoveryRequestSchema, {
      typeUrl: type,
      versionInfo: subscription.version,
      responseNonce: subscription.nonce,
      resourceNames: [...(subscription.names ?? [])],
      ...(error !== null && { errorDetail: { code: INVALID_ARGUMENT, message: error } }),
    })
    // In the first message of a stream alone.
    if (!this.#isNodeSaid) request.node = this.#node
    this.#isNodeSaid = true
    return toBinary(DiscoveryRequestSchema, request)
  }
}

function isSame(one: ReadonlySet<string> | null, other: ReadonlySet<string> | null): boolean {
  if (one === null || other === null) return one === other
  return one.size === other.size && [...one].every((name) => other.has(name))
}
