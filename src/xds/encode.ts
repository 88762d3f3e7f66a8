import { create, toBinary } from "@bufbuild/protobuf"
import type { AdsResponse } from "./ads-client.ts"
import type { DeltaAdsResponse } from "./delta-ads-client.ts"
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from "./gen/envoy/service/discovery/v3/discovery_pb.ts"
import type { ResourceStore } from "./store.ts"

/** `nonce = 5` of DiscoveryResponse and DeltaDiscoveryResponse, a string. */
const NONCE_TAG = (5 << 3) | 2
/** `resources = 2` of both: each an Any that is encoded already, or a Resource, of which that is the field `resource = 2`. */
const RESOURCE_TAG = (2 << 3) | 2

/** Of responses that are kept for the next client: as many clients as there are may ask for as many things. */
const KNOWN_OCTETS_MAX = 32 * 1024 * 1024

/** Responses on the wire. What many clients are sent is put together once: only the nonce differs. */
export class ResponseEncoder {
  readonly #store: ResourceStore
  #known = new Map<string, Uint8Array>()
  #octets = 0

  constructor(store: ResourceStore) {
    this.#store = store
  }

  encode(response: AdsResponse): Buffer {
    const { type, version, names, nonce } = response
    return this.#withNonce(nonce, JSON.stringify([version, type, names]), () => this.#bodyOf(response))
  }

  encodeDelta(response: DeltaAdsResponse): Buffer {
    const { type, version, resources, removed, nonce } = response
    const key = JSON.stringify([version, type, resources, removed])
    return this.#withNonce(nonce, key, () => this.#deltaBodyOf(response))
  }

  #withNonce(nonce: string, key: string, bodyOf: () => Uint8Array): Buffer {
    let body = this.#known.get(key)
    if (body === undefined) {
      body = bodyOf()
      this.#octets += body.length + key.length
      if (this.#octets > KNOWN_OCTETS_MAX) this.changed()
      this.#known.set(key, body)
    }
    const text = Buffer.from(nonce)
    return Buffer.concat([body, Buffer.of(NONCE_TAG, text.length), text])
  }

  /** Resources have changed: what was kept is of no more use. */
  changed(): void {
    this.#known = new Map()
    this.#octets = 0
  }

  /** Fields of a message may stand in any order, and one message after the other is the two merged. */
  #bodyOf({ type, version, names }: AdsResponse): Uint8Array {
    const head = toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, { typeUrl: type, versionInfo: version }),
    )
    const resources = names.flatMap((name) => {
      const octets = this.#store.get(type, name)
      return octets === null ? [] : [resourceTag(octets.length), octets]
    })
    return Buffer.concat([head, ...resources])
  }

  #deltaBodyOf({ type, version, resources, removed }: DeltaAdsResponse): Uint8Array {
    const head = create(DeltaDiscoveryResponseSchema, {
      typeUrl: type,
      systemVersionInfo: version,
      removedResources: [...removed],
    })
    const changed = resources.flatMap(([name, its]) => {
      const octets = this.#store.get(type, name)
      if (octets === null) return []
      const named = toBinary(ResourceSchema, create(ResourceSchema, { name, version: its }))
      const tag = resourceTag(octets.length)
      return [resourceTag(named.length + tag.length + octets.length), named, tag, octets]
    })
    return Buffer.concat([toBinary(DeltaDiscoveryResponseSchema, head), ...changed])
  }
}

const resourceTag = (length: number): Buffer => Buffer.of(RESOURCE_TAG, ...varint(length))

function varint(value: number): number[] {
  const octets: number[] = []
  let rest = value
  while (rest > 0x7f) {
    octets.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  octets.push(rest)
  return octets
}
