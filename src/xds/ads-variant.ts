import { fromBinary } from "@bufbuild/protobuf"
import { AdsClient, type Nack, type SubscriptionView } from "./ads-client.ts"
import { DeltaAdsClient } from "./delta-ads-client.ts"
import type { ResponseEncoder } from "./encode.ts"
import type { Node } from "./gen/envoy/config/core/v3/base_pb.ts"
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from "./gen/envoy/service/discovery/v3/discovery_pb.ts"
import type { ResourceStore } from "./store.ts"

export type AdsApi = "ads" | "delta-ads"

/** What a request said, beside what it asks for. */
export interface Received {
  /** Undefined: who it is was said before. */
  readonly node: Node | undefined
  readonly typeUrl: string
  readonly nack: Nack | null
}

/** One client's stream in one of the protocol's variants, in octets. */
export interface AdsVariant {
  /** Errors: throws, in a sentence, on what is no request or asks for too much. */
  receive(octets: Uint8Array, nowMs: number): Received
  /** What is to be sent now; null: nothing. */
  next(): Buffer | null
  readonly subscriptions: readonly SubscriptionView[]
}

/** Of a client that has just begun its stream. */
export function adsVariant(api: AdsApi, store: ResourceStore, encoder: ResponseEncoder): AdsVariant {
  return api === "ads"
    ? stateOfTheWorld(new AdsClient(store), encoder)
    : delta(new DeltaAdsClient(store), encoder)
}

function stateOfTheWorld(client: AdsClient, encoder: ResponseEncoder): AdsVariant {
  return {
    receive(octets, nowMs) {
      const { node, typeUrl, resourceNames, responseNonce, errorDetail } = fromBinary(
        DiscoveryRequestSchema,
        octets,
      )
      const error = errorDetail === undefined ? null : errorDetail.message
      const nack = client.receive({ typeUrl, resourceNames, responseNonce, error }, nowMs)
      return { node, typeUrl, nack }
    },
    next() {
      const response = client.next()
      return response === null ? null : encoder.encode(response)
    },
    get subscriptions() {
      return client.subscriptions
    },
  }
}

function delta(client: DeltaAdsClient, encoder: ResponseEncoder): AdsVariant {
  return {
    receive(octets, nowMs) {
      const request = fromBinary(DeltaDiscoveryRequestSchema, octets)
      const { node, typeUrl, responseNonce, errorDetail } = request
      const nack = client.receive(
        {
          typeUrl,
          subscribe: request.resourceNamesSubscribe,
          unsubscribe: request.resourceNamesUnsubscribe,
          held: new Map(Object.entries(request.initialResourceVersions)),
          responseNonce,
          error: errorDetail === undefined ? null : errorDetail.message,
        },
        nowMs,
      )
      return { node, typeUrl, nack }
    },
    next() {
      const response = client.next()
      return response === null ? null : encoder.encodeDelta(response)
    },
    get subscriptions() {
      return client.subscriptions
    },
  }
}
