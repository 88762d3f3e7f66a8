import type { FieldPath, FieldValue } from "./field-path.ts"
import { FieldReader } from "./field-reader.ts"
import { WireType } from "./wire-type.ts"

/**
 * The message with a field set to `value`, whatever it has been: written behind what stands there, since the last one
 * counts. `null`: it is no message. Cost: linear; longer by the value and some octets for each number of the path.
 */
export function withField(message: Buffer, path: FieldPath, value: FieldValue): Buffer | null {
  const reader = new FieldReader(path, message.length)
  reader.begin(message.length)
  reader.push(message, 0, message.length)
  if (reader.finish() === undefined) return null
  const { levels } = reader
  const at = levels.at(-1)?.end ?? message.length
  let middle = encode(path.slice(levels.length), value)
  let from = at
  // Each message around it is longer, and its length may be too.
  for (const { lengthAt, contentAt, end } of levels.toReversed()) {
    const length = end - contentAt + (middle.length - (at - from))
    middle = Buffer.concat([varint(length), message.subarray(contentAt, from), middle])
    from = lengthAt
  }
  return Buffer.concat([message.subarray(0, from), middle, message.subarray(at)])
}

/** The field, within those around it that are not there yet. */
function encode(path: FieldPath, { wireType, octets }: FieldValue): Buffer {
  const isSized = wireType === WireType.LENGTH
  const tag = varint(path.at(-1)! * 8 + wireType)
  let field = Buffer.concat(isSized ? [tag, varint(octets.length), octets] : [tag, octets])
  for (const number of path.slice(0, -1).toReversed())
    field = Buffer.concat([varint(number * 8 + WireType.LENGTH), varint(field.length), field])
  return field
}

/** A number below 2^53 as protobuf writes it. */
export function varint(value: number): Buffer {
  const octets: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80)
  octets.push(rest)
  return Buffer.from(octets)
}
