import { WireType } from "../../grpc/wire-type.ts"
import type { BinaryLevel } from "./binary-level.ts"
import { MessageFault } from "./fault.ts"
import { FieldKind, type FieldType, OwnForm, wireTypeOf } from "./message-type.ts"
import { doubleText, floatText, int64Number, int64Text, uint64Text } from "./numbers.ts"
import { durationText, timestampText } from "./time-text.ts"
import type { WireReader } from "./wire-reader.ts"

/** Whether a scalar's value, at such a place, is its default. */
export function isDefault(reader: WireReader, { kind }: FieldType, [start, end]: readonly number[]): boolean {
  if (end! >= 0) return start === end
  reader.within(start!, reader.octets.length)
  switch (wireTypeOf(kind)) {
    case WireType.FIXED32:
      reader.fixed32()
      break
    case WireType.FIXED64:
      reader.fixed64()
      break
    default:
      reader.varint()
  }
  const isWide =
    kind === FieldKind.INT64 || kind === FieldKind.UINT64 || wireTypeOf(kind) === WireType.FIXED64
  return (
    reader.low === 0 &&
    (reader.high === 0 || !(isWide || kind === FieldKind.SINT64 || kind === FieldKind.BOOL))
  )
}

/** The JSON of a scalar that has no length. */
export function scalarText(reader: WireReader, field: FieldType, start: number): string {
  reader.within(start, reader.octets.length)
  switch (field.kind) {
    case FieldKind.DOUBLE:
      return doubleText(reader.double())
    case FieldKind.FLOAT:
      return floatText(reader.float())
    case FieldKind.FIXED32:
      reader.fixed32()
      return String(reader.low)
    case FieldKind.SFIXED32:
      reader.fixed32()
      return String(reader.low | 0)
    case FieldKind.FIXED64:
      reader.fixed64()
      return `"${uint64Text(reader.low, reader.high)}"`
    case FieldKind.SFIXED64:
      reader.fixed64()
      return `"${int64Text(reader.low, reader.high)}"`
    default:
      reader.varint()
      return varintText(field, reader.low, reader.high)
  }
}

/** The JSON of a Timestamp or a Duration. Errors: `MessageFault`. */
export function timeText(reader: WireReader, level: BinaryLevel): string {
  const [secondsField, nanosField] = level.type.fields as [FieldType, FieldType]
  const read = (field: FieldType): { low: number; high: number } => {
    const place = level.places.get(field)
    if (place === undefined) return { low: 0, high: 0 }
    reader.within(place[0]!, reader.octets.length).varint()
    const { low, high } = reader
    return { low, high }
  }
  const { low, high } = read(secondsField)
  const time = { seconds: int64Number(low, high), nanos: read(nanosField).low | 0 }
  const text = level.type.form === OwnForm.TIMESTAMP ? timestampText(time) : durationText(time)
  if (text === null) throw new MessageFault("mistyped", `a ${level.type.name} that is out of range`)
  return `"${text}"`
}

function varintText(field: FieldType, low: number, high: number): string {
  switch (field.kind) {
    case FieldKind.BOOL:
      return low !== 0 || high !== 0 ? "true" : "false"
    case FieldKind.UINT32:
      return String(low)
    case FieldKind.SINT32:
      return String((low >>> 1) ^ -(low & 1))
    case FieldKind.UINT64:
      return `"${uint64Text(low, high)}"`
    case FieldKind.INT64:
      return `"${int64Text(low, high)}"`
    case FieldKind.SINT64: {
      const half = { low: ((low >>> 1) | (high << 31)) >>> 0, high: high >>> 1 }
      if ((low & 1) === 0) return `"${int64Text(half.low, half.high)}"`
      return `"${int64Text(~half.low >>> 0, ~half.high >>> 0)}"`
    }
    case FieldKind.ENUM: {
      const { isNull, names } = field.enum!
      if (isNull) return "null"
      const name = names.get(low | 0)
      return name === undefined ? String(low | 0) : JSON.stringify(name)
    }
    default:
      return String(low | 0)
  }
}

/** The JSON of a scalar that is not there. */
export function defaultText(field: FieldType): string {
  switch (field.kind) {
    case FieldKind.STRING:
    case FieldKind.BYTES:
      return '""'
    case FieldKind.DOUBLE:
    case FieldKind.FLOAT:
      return "0"
    case FieldKind.FIXED64:
    case FieldKind.SFIXED64:
      return '"0"'
    case FieldKind.ENUM: {
      const [first = 0] = field.enum!.names.keys()
      return varintText(field, first >>> 0, 0)
    }
    default:
      return varintText(field, 0, 0)
  }
}
