import { WireType } from "../../grpc/wire-type.ts"
import { MessageFault } from "./fault.ts"
import {
  EnumOpenness,
  type Features,
  MessageEncoding,
  mergeFeatures,
  Presence,
  RepeatedEncoding,
  Utf8Validation,
} from "./features.ts"
import {
  type EnumType,
  FieldKind,
  type FieldType,
  isPackable,
  type MessageType,
  OwnForm,
} from "./message-type.ts"
import { jsonName } from "./names.ts"
import { WireReader } from "./wire-reader.ts"

/** Where a descriptor stands: its file's octets, and what it inherits. */
export interface DescriptorScope {
  readonly octets: Buffer
  readonly features: Features
}

/** Where types that a descriptor names are found. */
export interface TypeResolver {
  message(name: string): MessageType | undefined
  enum(name: string): EnumType | undefined
  extensionsOf(typeName: string): FieldType[]
}

/** What of a descriptor is wanted, by field number: called with the reader at the value. Others are skipped. */
type FieldReaders = Readonly<Record<number, (reader: WireReader) => void>>

export function readFields(reader: WireReader, readers: FieldReaders): void {
  while (!reader.isAtEnd) {
    const read = readers[reader.tag()]
    if (read === undefined || reader.wireType === WireType.END_GROUP) {
      if (reader.wireType === WireType.START_GROUP)
        throw new MessageFault("malformed", "a group in a descriptor")
      reader.skip()
    } else read(reader)
  }
}

export function readText(reader: WireReader): string {
  const end = lengthOf(reader)
  const text = reader.octets.toString("utf8", reader.at, end)
  reader.at = end
  return text
}

export function readNumber(reader: WireReader): number {
  if (reader.wireType !== WireType.VARINT)
    throw new MessageFault("malformed", "a descriptor's number is none")
  reader.varint()
  return reader.low | 0
}

/** A reader of the message that comes next, which `reader` then has behind it. */
export function readInner(reader: WireReader): WireReader {
  const end = lengthOf(reader)
  const inner = new WireReader(reader.octets, reader.at, end)
  reader.at = end
  return inner
}

function lengthOf(reader: WireReader): number {
  if (reader.wireType !== WireType.LENGTH) throw new MessageFault("malformed", "a descriptor's field is none")
  return reader.length()
}

/** The features that options of a kind set, over those inherited. */
export function featuresOf(options: WireReader | null, field: number, inherited: Features): Features {
  if (options === null) return inherited
  let features = inherited
  readFields(options, { [field]: (reader) => (features = mergeFeatures(features, readInner(reader))) })
  return features
}

const LABEL_REPEATED = 3
const LABEL_REQUIRED = 2

/** A FieldDescriptorProto as it stands. */
interface FieldDescriptor {
  name: string
  number: number
  label: number
  kind: number
  typeName: string
  jsonName: string
  oneof: number
  isProto3Optional: boolean
  packed: boolean | null
  features: Features
}

function readField(reader: WireReader, inherited: Features): FieldDescriptor {
  const field: FieldDescriptor = {
    name: "",
    number: 0,
    label: 1,
    kind: 0,
    typeName: "",
    jsonName: "",
    oneof: -1,
    isProto3Optional: false,
    packed: null,
    features: inherited,
  }
  readFields(reader, {
    1: (at) => (field.name = readText(at)),
    3: (at) => (field.number = readNumber(at)),
    4: (at) => (field.label = readNumber(at)),
    5: (at) => (field.kind = readNumber(at)),
    6: (at) => (field.typeName = readText(at).replace(/^\./, "")),
    8: (at) => {
      readFields(readInner(at), {
        2: (options) => (field.packed = readNumber(options) !== 0),
        21: (options) => (field.features = mergeFeatures(field.features, readInner(options))),
      })
    },
    9: (at) => (field.oneof = readNumber(at)),
    10: (at) => (field.jsonName = readText(at)),
    17: (at) => (field.isProto3Optional = readNumber(at) !== 0),
  })
  return field
}

/** The FieldDescriptorProto of an extension, by its full name. Errors: `MessageFault`. */
export function compileExtension(
  name: string,
  { octets, features }: DescriptorScope,
  start: number,
  end: number,
  types: TypeResolver,
): FieldType {
  return fieldType(readField(new WireReader(octets, start, end), features), types, name)
}

function fieldType(
  descriptor: FieldDescriptor,
  types: TypeResolver,
  extension: string | null = null,
  isMap = false,
): FieldType {
  const { name, number, label, typeName, features } = descriptor
  const isRepeated = label === LABEL_REPEATED
  const isMessage = descriptor.kind === FieldKind.MESSAGE || descriptor.kind === FieldKind.GROUP
  // The entries of a map are never delimited.
  const isDelimited =
    !isMap && (descriptor.kind === FieldKind.GROUP || features.messageEncoding === MessageEncoding.DELIMITED)
  const key = extension === null ? descriptor.jsonName || jsonName(name) : `[${extension}]`
  const kind = isMessage ? (isDelimited ? FieldKind.GROUP : FieldKind.MESSAGE) : descriptor.kind
  if (kind < FieldKind.DOUBLE || kind > FieldKind.SINT64)
    throw new MessageFault("malformed", `the descriptor of field ${name} has no type`)
  let message: MessageType | null = null
  let enumType: EnumType | null = null
  const unresolved = (): MessageFault =>
    new MessageFault("unknown", `type ${typeName} of field ${name} is not in the descriptors`)
  return {
    name,
    jsonName: key,
    jsonKey: Buffer.from(`${JSON.stringify(key)}:`),
    number,
    kind,
    isRepeated,
    isMap,
    isPacked:
      isRepeated &&
      isPackable(kind) &&
      (descriptor.packed ?? features.repeatedEncoding === RepeatedEncoding.PACKED),
    hasPresence:
      !isRepeated &&
      (isMessage ||
        extension !== null ||
        descriptor.oneof >= 0 ||
        descriptor.isProto3Optional ||
        label === LABEL_REQUIRED ||
        features.presence !== Presence.IMPLICIT),
    // A proto3 `optional` is written as a oneof of its own.
    oneof: descriptor.isProto3Optional ? -1 : descriptor.oneof,
    isUtf8Checked: features.utf8Validation === Utf8Validation.VERIFY,
    get message(): MessageType | null {
      if (!isMessage) return null
      message ??= types.message(typeName) ?? null
      if (message === null) throw unresolved()
      return message
    },
    get enum(): EnumType | null {
      if (kind !== FieldKind.ENUM) return null
      enumType ??= types.enum(typeName) ?? null
      if (enumType === null) throw unresolved()
      return enumType
    },
  }
}

/** A DescriptorProto. Errors: `MessageFault`. */
export function compileMessage(
  name: string,
  { octets, features: inherited }: DescriptorScope,
  start: number,
  end: number,
  types: TypeResolver,
): MessageType {
  const descriptors: { start: number; end: number }[] = []
  const mapEntries = new Set<string>()
  let options: WireReader | null = null
  let isMessageSet = false
  readFields(new WireReader(octets, start, end), {
    2: (at) => {
      const inner = readInner(at)
      descriptors.push({ start: inner.at, end: inner.end })
    },
    3: (at) => {
      const nested = nameIfMapEntry(readInner(at))
      if (nested !== null) mapEntries.add(`${name}.${nested}`)
    },
    7: (at) => (options = readInner(at)),
  })
  if (options !== null) {
    const { octets: all, at, end: last } = options as WireReader
    readFields(new WireReader(all, at, last), { 1: (reader) => (isMessageSet = readNumber(reader) !== 0) })
  }
  const features = featuresOf(options, 12, inherited)
  const read = descriptors.map((one) => readField(new WireReader(octets, one.start, one.end), features))
  read.sort((a, b) => a.number - b.number)
  const fields = read.map((descriptor): FieldType => {
    return fieldType(descriptor, types, null, mapEntries.has(descriptor.typeName))
  })
  const byKey = new Map<string, FieldType>()
  for (const field of fields) byKey.set(field.name, field)
  for (const field of fields) byKey.set(field.jsonName, field)
  const extensions = types.extensionsOf(name)
  return {
    name,
    form: OwnForm.NONE,
    fields,
    byNumber: new Map([...extensions, ...fields].map((field) => [field.number, field])),
    byKey: new Map([...extensions.map((field): [string, FieldType] => [field.jsonName, field]), ...byKey]),
    isMessageSet,
  }
}

function nameIfMapEntry(reader: WireReader): string | null {
  let name = ""
  let isMapEntry = false
  readFields(reader, {
    1: (at) => (name = readText(at)),
    7: (at) => readFields(readInner(at), { 7: (options) => (isMapEntry = readNumber(options) !== 0) }),
  })
  return isMapEntry ? name : null
}

/** An EnumDescriptorProto. Errors: `MessageFault`. */
export function compileEnum(
  name: string,
  { octets, features: inherited }: DescriptorScope,
  start: number,
  end: number,
): EnumType {
  const numbers = new Map<string, number>()
  const names = new Map<number, string>()
  let features = inherited
  readFields(new WireReader(octets, start, end), {
    2: (at) => {
      let value = ""
      let number = 0
      readFields(readInner(at), {
        1: (inner) => (value = readText(inner)),
        2: (inner) => (number = readNumber(inner)),
      })
      numbers.set(value, number)
      // Of aliases the first is the name.
      if (!names.has(number)) names.set(number, value)
    },
    3: (at) => (features = featuresOf(readInner(at), 7, features)),
  })
  return {
    name,
    numbers,
    names,
    isClosed: features.enumType === EnumOpenness.CLOSED,
    isNull: name === "google.protobuf.NullValue",
  }
}
