import { isUtf8 } from "node:buffer"
import { decodeToJson } from "../json/codec.ts"
import { MessageFault } from "../json/fault.ts"
import { OwnForm, type TypeNames } from "../json/message-type.ts"
import { readFields, readInner, readNumber, readText } from "../json/type-compiler.ts"
import { WireReader } from "../json/wire-reader.ts"

/** What one detail may become: more is shown as octets. A header's worth of octets is looked at in one go. */
const BOUNDS = { valuesMax: 10_000, depthMax: 100, octetsMax: 256 * 1024 }

/** Padding is not always there: gRPC, doc/PROTOCOL-HTTP2.md. */
const BASE64_VALUES = /^[A-Za-z0-9+/_-]*={0,2}$/

/** One detail of a google.rpc.Status: a google.protobuf.Any. */
export interface StatusDetail {
  /** Without `type.googleapis.com/`. */
  readonly typeName: string
  readonly value: Buffer
}

/** The details in `grpc-status-details-bin`; none where it cannot be read. Source: google/rpc/status.proto. */
export function readStatusDetails(header: string | undefined): StatusDetail[] {
  if (header === undefined) return []
  const details: StatusDetail[] = []
  try {
    readFields(new WireReader(Buffer.from(header, "base64")), {
      3: (reader) => details.push(readAny(readInner(reader))),
    })
    return details
  } catch (error) {
    if (error instanceof MessageFault) return []
    throw error
  }
}

/** Whether clients can read it that take an unreadable one for a call that broke, whatever `grpc-status` says. */
export function isReadableStatus(header: string): boolean {
  if (!BASE64_VALUES.test(header)) return false
  let isReadable = true
  const text = (reader: WireReader): void => {
    const { octets, at, end } = readInner(reader)
    isReadable &&= isUtf8(octets.subarray(at, end))
  }
  try {
    readFields(new WireReader(Buffer.from(header, "base64")), {
      1: readNumber,
      2: text,
      3: (reader) => readFields(readInner(reader), { 1: text, 2: readInner }),
    })
    return isReadable
  } catch (error) {
    if (error instanceof MessageFault) return false
    throw error
  }
}

function readAny(reader: WireReader): StatusDetail {
  let typeName = ""
  let value: Buffer = Buffer.alloc(0)
  readFields(reader, {
    1: (at) => (typeName = readText(at).replace(/^.*\//, "")),
    2: (at) => {
      const { octets, at: start, end } = readInner(at)
      value = octets.subarray(start, end)
    },
  })
  return { typeName, value }
}

/** What a detail says, parsed from its JSON; undefined where its type is not known, or it is none of it. */
export function valueToJson({ typeName, value }: StatusDetail, names: TypeNames | null): unknown {
  if (names === null) return undefined
  try {
    const type = names.message(typeName)
    return type === undefined
      ? undefined
      : (JSON.parse(decodeToJson(type, value, names, BOUNDS).toString()) as unknown)
  } catch (error) {
    if (error instanceof MessageFault) return undefined
    throw error
  }
}

/** The JSON of a detail: proto3's of an Any where its type is known, else the octets in base64. */
export function detailToJson(detail: StatusDetail, names: TypeNames | null): object {
  const { typeName, value } = detail
  const typeUrl = `type.googleapis.com/${typeName}`
  const json = valueToJson(detail, names)
  if (json === undefined) return { "@type": typeUrl, value: value.toString("base64") }
  const hasFields = names?.message(typeName)?.form === OwnForm.NONE
  return hasFields ? { "@type": typeUrl, ...(json as object) } : { "@type": typeUrl, value: json }
}
