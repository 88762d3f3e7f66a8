import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf"
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js"

/**
 * The RPC path and codecs of one generated method, as grpc-js wants them. The same shape serves both sides.
 * Serializing takes plain initializers (`{ output: "…" }`) as well as whole messages.
 */
export function toMethodDefinition(method: DescMethod): MethodDefinition<object, object> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: deserializer(method.input),
    responseSerialize: serializer(method.output),
    responseDeserialize: deserializer(method.output),
  }
}

/** All methods of a generated service, keyed by their name in the .proto file. */
export function toServiceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, toMethodDefinition(method)]))
}

function serializer(schema: DescMessage) {
  return (message: object) =>
    Buffer.from(toBinary(schema, create(schema, message as Record<string, unknown>)))
}

function deserializer(schema: DescMessage) {
  return (octets: Buffer): object => fromBinary(schema, octets)
}
