import { create, type JsonValue, type Registry, toJson } from "@bufbuild/protobuf"
import { BinaryReader } from "@bufbuild/protobuf/wire"
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt"

/** One detail of a google.rpc.Status: a google.protobuf.Any. */
export interface StatusDetail {
  /** Without `type.googleapis.com/`. */
  readonly typeName: string
  readonly value: Uint8Array
}

/** The details in `grpc-status-details-bin`; none where it cannot be read. Source: google/rpc/status.proto. */
export function readStatusDetails(header: string | undefined): StatusDetail[] {
  if (header === undefined) return []
  try {
    const reader = new BinaryReader(Buffer.from(header, "base64"))
    const details: StatusDetail[] = []
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      if (field === 3) details.push(readAny(reader.bytes()))
      else reader.skip(wireType)
    }
    return details
  } catch {
    return []
  }
}

function readAny(octets: Uint8Array): StatusDetail {
  const reader = new BinaryReader(octets)
  let typeName = ""
  let value: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === 1) typeName = reader.string().replace(/^.*\//, "")
    else if (field === 2) value = reader.bytes()
    else reader.skip(wireType)
  }
  return { typeName, value }
}

/** The JSON of a detail: proto3's of an Any where its type is known, else the octets in base64. */
export function detailToJson({ typeName, value }: StatusDetail, registry: Registry): JsonValue {
  const typeUrl = `type.googleapis.com/${typeName}`
  const any = create(AnySchema, { typeUrl, value })
  try {
    if (anyUnpack(any, registry) !== undefined) return toJson(AnySchema, any, { registry })
  } catch {
    // Shown as octets.
  }
  return { "@type": typeUrl, value: Buffer.from(value).toString("base64") }
}
