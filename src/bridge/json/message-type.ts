import { WireType } from "../../grpc/wire-type.ts"

/** Of a field's value: FieldDescriptorProto.Type in descriptor.proto. */
export const FieldKind = {
  DOUBLE: 1,
  FLOAT: 2,
  INT64: 3,
  UINT64: 4,
  INT32: 5,
  FIXED64: 6,
  FIXED32: 7,
  BOOL: 8,
  STRING: 9,
  GROUP: 10,
  MESSAGE: 11,
  BYTES: 12,
  UINT32: 13,
  ENUM: 14,
  SFIXED32: 15,
  SFIXED64: 16,
  SINT32: 17,
  SINT64: 18,
} as const

/** Types whose JSON is not an object of their fields: protobuf.dev/programming-guides/json. */
export const OwnForm = {
  NONE: 0,
  ANY: 1,
  TIMESTAMP: 2,
  DURATION: 3,
  FIELD_MASK: 4,
  STRUCT: 5,
  VALUE: 6,
  LIST_VALUE: 7,
  WRAPPER: 8,
} as const

export interface FieldType {
  readonly name: string
  readonly jsonName: string
  /** `"jsonName":`, as the translation has it. */
  readonly jsonKey: Buffer
  readonly number: number
  /** One of `FieldKind`. GROUP for all that stands between a start and an end tag. */
  readonly kind: number
  readonly isRepeated: boolean
  readonly isMap: boolean
  /** How it is written. Both ways are read. */
  readonly isPacked: boolean
  /** Whether its default is told from its absence. */
  readonly hasPresence: boolean
  /** -1: in none. */
  readonly oneof: number
  /** Null for a scalar. Errors: `MessageFault` where the descriptors lack it. */
  readonly message: MessageType | null
  readonly enum: EnumType | null
  /** Octets that are no UTF-8 are refused. */
  readonly isUtf8Checked: boolean
}

export interface EnumType {
  readonly name: string
  readonly numbers: ReadonlyMap<string, number>
  /** Of aliases the first. In the order of the descriptor: the first is the default. */
  readonly names: ReadonlyMap<number, string>
  /** A number without a name is an unknown field. */
  readonly isClosed: boolean
  /** google.protobuf.NullValue. */
  readonly isNull: boolean
}

export interface MessageType {
  readonly name: string
  /** One of `OwnForm`. */
  readonly form: number
  /** By number, extensions left out. */
  readonly fields: readonly FieldType[]
  /** Extensions too. */
  readonly byNumber: ReadonlyMap<number, FieldType>
  /** By JSON name and by the name of the descriptor; extensions as `[package.name]`. */
  readonly byKey: ReadonlyMap<string, FieldType>
  /** google.protobuf.bridge.MessageSet and the like, which have no JSON. */
  readonly isMessageSet: boolean
}

/** Where types are found by name. */
export interface TypeNames {
  message(name: string): MessageType | undefined
}

export function isPackable(kind: number): boolean {
  return (
    kind !== FieldKind.STRING &&
    kind !== FieldKind.BYTES &&
    kind !== FieldKind.MESSAGE &&
    kind !== FieldKind.GROUP
  )
}

/** How a value of a kind is written, packed ones left out. */
export function wireTypeOf(kind: number): number {
  switch (kind) {
    case FieldKind.STRING:
    case FieldKind.BYTES:
    case FieldKind.MESSAGE:
      return WireType.LENGTH
    case FieldKind.GROUP:
      return WireType.START_GROUP
    case FieldKind.DOUBLE:
    case FieldKind.FIXED64:
    case FieldKind.SFIXED64:
      return WireType.FIXED64
    case FieldKind.FLOAT:
    case FieldKind.FIXED32:
    case FieldKind.SFIXED32:
      return WireType.FIXED32
    default:
      return WireType.VARINT
  }
}
