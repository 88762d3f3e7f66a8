import {
  create,
  createRegistry,
  type DescMessage,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf"
import { type Any, AnySchema, anyPack, anyUnpack, StructSchema } from "@bufbuild/protobuf/wkt"
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.ts"
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.ts"
import { ClusterConfigSchema } from "../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts"
import { RouterSchema } from "../gen/envoy/extensions/filters/http/router/v3/router_pb.ts"
import { TlsInspectorSchema } from "../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts"
import { HttpConnectionManagerSchema } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts"
import { TcpProxySchema } from "../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts"
import { ClientSideWeightedRoundRobinSchema } from "../gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts"
import { LeastRequestSchema } from "../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts"
import { MaglevSchema } from "../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts"
import { RandomSchema } from "../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts"
import { RingHashSchema } from "../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts"
import { RoundRobinSchema } from "../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts"
import { WrrLocalitySchema } from "../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts"
import { SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts"
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts"
import { HttpProtocolOptionsSchema } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts"

/** Every message that may stand in an Any. */
export const MESSAGES = createRegistry(
  ListenerSchema,
  RouteConfigurationSchema,
  ClusterSchema,
  ClusterLoadAssignmentSchema,
  SecretSchema,
  HttpConnectionManagerSchema,
  TcpProxySchema,
  RouterSchema,
  TlsInspectorSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  ClusterConfigSchema,
  ClientSideWeightedRoundRobinSchema,
  LeastRequestSchema,
  MaglevSchema,
  RandomSchema,
  RingHashSchema,
  RoundRobinSchema,
  WrrLocalitySchema,
)

/** For people: the last part of a type URL. */
export const typeNameOf = ({ typeUrl }: Any): string => typeUrl.slice(typeUrl.lastIndexOf("/") + 1)

/** The message in it; null: of a type that is not known. Errors: throws on octets that are none. */
export function unpack(any: Any): { readonly desc: DescMessage; readonly message: Message } | null {
  const desc = MESSAGES.getMessage(typeNameOf(any))
  if (desc === undefined) return null
  const message = anyUnpack(any, desc)
  return message === undefined ? null : { desc, message }
}

const SHOWN = createRegistry(MESSAGES, StructSchema)

/** A resource as JSON, as protobuf has it; of extensions that are not known here only the name is shown. */
export function shownAsJson(desc: DescMessage, message: Message): JsonObject {
  const known = withKnownAnys(message) as Message
  return toJson(desc, known, { registry: SHOWN, useProtoFieldName: true }) as JsonObject
}

/** A copy; what is no message stays as it is. */
function withKnownAnys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withKnownAnys)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if ((value as Message).$typeName === AnySchema.typeName) return knownAny(value as Any)
  const entries = Object.entries(value).map(([key, each]) => [key, withKnownAnys(each)] as const)
  return Object.assign(Object.create(Object.getPrototypeOf(value) as object), Object.fromEntries(entries))
}

function knownAny(any: Any): Any {
  const found = unpack(any)
  if (found !== null) return anyPack(found.desc, withKnownAnys(found.message) as Message)
  return anyPack(StructSchema, create(StructSchema, { fields: { type: textValue(typeNameOf(any)) } }))
}

const textValue = (text: string) => ({ kind: { case: "stringValue" as const, value: text } })
