import { isUtf8 } from "node:buffer"
import { WireType } from "../../grpc/wire-type.ts"
import { BinaryLevel, isObject, NO_PLACES, Role } from "./binary-level.ts"
import { defaultText, isDefault, scalarText, timeText } from "./binary-scalars.ts"
import { type MessageBounds, MessageFault, tooDeep, tooManyValues } from "./fault.ts"
import { pathToJson } from "./field-mask-text.ts"
import { JsonTextCopy } from "./json-text-copy.ts"
import {
  type EnumType,
  FieldKind,
  type FieldType,
  isPackable,
  type MessageType,
  OwnForm,
  type TypeNames,
  wireTypeOf,
} from "./message-type.ts"
import { Output } from "./output.ts"
import type { Translation } from "./translation.ts"
import { WireReader } from "./wire-reader.ts"

/** What one field of a message costs, in octets gone through. */
const PER_FIELD = 16
/** What one place of a field takes. */
const PER_PLACE_OCTETS = 24
/** JSON is about so many times as long. */
const EXPECTED_GROWTH = 2

/** Longest name of an Any's type, and path of a FieldMask. */
const TYPE_URL_MAX = 4096
const PATH_OCTETS_MAX = 4096

/**
 * Translates one message of protobuf to JSON, in steps of bounded work: what is held is the octets, the translation and,
 * for each message that is open, where the values of its fields are.
 * Source: protobuf.dev/programming-guides/json.
 */
export class BinaryToJson implements Translation {
  /** The first that the types do not have. It is not shown. */
  unknownField: string | null = null
  readonly #octets: Buffer
  readonly #reader: WireReader
  readonly #type: MessageType
  readonly #names: TypeNames
  readonly #bounds: MessageBounds
  readonly #output: Output
  readonly #levels: BinaryLevel[] = []
  #depth = 0
  #values = 0
  #placesHeld = 0
  #left = 0
  #copy: JsonTextCopy | null = null

  constructor(type: MessageType, octets: Buffer, names: TypeNames, bounds: MessageBounds) {
    this.#type = type
    this.#octets = octets
    this.#names = names
    this.#bounds = bounds
    this.#reader = new WireReader(octets)
    this.#output = new Output(bounds, EXPECTED_GROWTH * octets.length)
    this.#open(type, [0, octets.length], Role.MESSAGE)
  }

  /** Octets held for it, the message left out. */
  get heldOctets(): number {
    return this.#output.octets.length + PER_PLACE_OCTETS * this.#placesHeld
  }

  /** Goes on for about `octets` of work; true once it is through. Errors: `MessageFault`. */
  step(octets: number): boolean {
    this.#left = octets
    try {
      while (this.#depth > 0) {
        if (this.#left <= 0) return false
        if (this.#copy !== null) {
          this.#goOnCopying(this.#copy)
          continue
        }
        const level = this.#levels[this.#depth - 1]!
        if (level.scanAt >= 0) this.#scan(level)
        else this.#show(level)
      }
      return true
    } catch (error) {
      if (!(error instanceof MessageFault)) throw error
      throw new MessageFault(error.kind, `${this.#type.name}: ${error.message}`, error.limit)
    }
  }

  /** The JSON. Call once, when `step` is through. */
  finish(): Buffer {
    return this.#output.finish()
  }

  // ---- Messages -------------------------------------------------------------------------------------------------

  #open(type: MessageType, ranges: readonly number[], role: number, isInAny = false): BinaryLevel {
    const above = this.#depth === 0 ? null : this.#levels[this.#depth - 1]!
    const level = (this.#levels[this.#depth] ??= new BinaryLevel()).begin(type, ranges, role)
    // Its fields stand beside the `@type`.
    level.hasShown = isInAny
    level.messages = (above?.messages ?? 0) + (isObject(level) ? 1 : 0)
    if (level.messages > this.#bounds.depthMax) throw tooDeep(this.#bounds)
    this.#depth++
    if (ranges.length === 0) this.#scanned(level)
    return level
  }

  #close(level: BinaryLevel): void {
    if (level.suffix !== "") this.#output.ascii(level.suffix)
    this.#placesHeld -= level.placesHeld
    this.#depth--
  }

  /** Looks where the values of a message's fields are. */
  #scan(level: BinaryLevel): void {
    const { ranges, type } = level
    const reader = this.#reader.within(level.scanAt, ranges[level.range + 1]!)
    while (!reader.isAtEnd && this.#left > 0) {
      this.#left -= PER_FIELD
      this.#count(1)
      const number = reader.tag()
      const field = type.byNumber.get(number)
      const expected = field === undefined ? -1 : wireTypeOf(field.kind)
      const isPacked =
        reader.wireType === WireType.LENGTH && field?.isRepeated === true && isPackable(field.kind)
      if (field === undefined || (reader.wireType !== expected && !isPacked)) this.#skip(number, type)
      else this.#addPlace(level, field)
    }
    if (!reader.isAtEnd) level.scanAt = reader.at
    else if (level.range + 2 < ranges.length) {
      level.range += 2
      level.scanAt = ranges[level.range]!
    } else this.#scanned(level)
  }

  #skip(number: number, { name, form }: MessageType): void {
    const reader = this.#reader
    // Of protobuf's own types no newer descriptors come.
    if (form === OwnForm.NONE) this.unknownField ??= `field ${number} of ${name}`
    if (reader.wireType === WireType.START_GROUP) this.#skipGroup(number)
    else reader.skip()
  }

  /** Returns where its fields end. */
  #skipGroup(number: number): number {
    const { fields, end } = this.#reader.skipGroup(number, this.#bounds.depthMax)
    this.#left -= PER_FIELD * fields
    this.#count(fields)
    return end
  }

  #addPlace(level: BinaryLevel, field: FieldType): void {
    const reader = this.#reader
    let start = reader.at
    let end = -1
    if (reader.wireType === WireType.LENGTH) {
      end = reader.length()
      start = reader.at
      reader.at = end
    } else if (reader.wireType === WireType.START_GROUP) end = this.#skipGroup(field.number)
    else reader.skip()
    if (field.kind === FieldKind.ENUM && !field.isRepeated && this.#isUnknownEnum(field.enum!)) {
      level.hasUnknownEnum = true
      return
    }
    if (field.oneof >= 0) {
      const other = level.oneofs.get(field.oneof)
      if (other !== field) {
        level.oneofs.set(field.oneof, field)
        if (other !== undefined) level.places.delete(other)
      }
    }
    const known = level.places.get(field)
    if (known === undefined) level.places.set(field, [start, end])
    else if (field.isRepeated || field.message !== null) known.push(start, end)
    else {
      known[0] = start
      known[1] = end
      return
    }
    level.placesHeld++
    this.#placesHeld++
  }

  /** Of a closed enum: what was read last is none of its values. */
  #isUnknownEnum(type: EnumType): boolean {
    return type.isClosed && !type.names.has(this.#reader.low | 0)
  }

  #scanned(level: BinaryLevel): void {
    level.scanAt = -1
    const fields = [...level.places.keys()]
    if (fields.length > 1) fields.sort((a, b) => a.number - b.number)
    level.fields = fields
  }

  #count(values: number): void {
    this.#values += values
    if (this.#values > this.#bounds.valuesMax) throw tooManyValues(this.#bounds)
  }

  // ---- Forms ----------------------------------------------------------------------------------------------------

  /** Goes on showing a message whose fields have been found. */
  #show(level: BinaryLevel): void {
    this.#left -= PER_FIELD
    if (level.role === Role.ENTRY_KEY) return this.#entryKey(level)
    if (level.role === Role.ENTRY) return this.#entry(level)
    const { type } = level
    switch (type.form) {
      case OwnForm.NONE:
        return this.#object(level)
      case OwnForm.STRUCT:
        if (this.#map(level, type.fields[0]!)) this.#close(level)
        return
      case OwnForm.LIST_VALUE:
        if (level.stage++ === 0) this.#output.octet(0x5b)
        if (!this.#items(level, type.fields[0]!)) return
        this.#output.octet(0x5d)
        return this.#close(level)
      case OwnForm.VALUE:
        return this.#value(level)
      case OwnForm.ANY:
        return this.#any(level)
      case OwnForm.FIELD_MASK:
        return this.#fieldMask(level)
      case OwnForm.WRAPPER:
        if (level.stage++ === 0) this.#scalarOrDefault(level, type.fields[0]!)
        else this.#close(level)
        return
      default:
        this.#output.ascii(timeText(this.#reader, level))
        return this.#close(level)
    }
  }

  #object(level: BinaryLevel): void {
    const output = this.#output
    if (level.stage++ === 0) {
      if (level.type.isMessageSet) throw new MessageFault("mistyped", `${level.type.name} has no JSON`)
      if (!level.hasShown) output.octet(0x7b)
    }
    while (level.field < level.fields.length) {
      const field = level.fields[level.field]!
      const depth = this.#depth
      const isShown = this.#field(level, field)
      if (!isShown) return
      level.field++
      level.beginField()
      // A message or a long text comes first. Each step does something, however little it was given.
      if (this.#depth !== depth || this.#copy !== null || this.#left <= 0) return
    }
    output.octet(0x7d)
    this.#close(level)
  }

  /** Shows a field, or goes on; false: not to its end. What was opened counts as shown. */
  #field(level: BinaryLevel, field: FieldType): boolean {
    this.#left -= PER_FIELD
    const places = level.places.get(field)!
    if (field.isMap) return this.#map(level, field)
    if (field.isRepeated) {
      if (!this.#items(level, field)) return false
      if (level.shown > 0) this.#output.octet(0x5d)
      return true
    }
    if (field.message !== null) {
      this.#fieldKey(level, field)
      this.#open(field.message, places, Role.MESSAGE)
      return true
    }
    if (!field.hasPresence && isDefault(this.#reader, field, places)) return true
    this.#fieldKey(level, field)
    this.#scalar(field, places[0]!, places[1]!)
    return true
  }

  #fieldKey(level: BinaryLevel, { jsonKey }: FieldType): void {
    if (level.hasShown) this.#output.octet(0x2c)
    level.hasShown = true
    this.#output.copy(jsonKey, 0, jsonKey.length)
  }

  /** The values of a repeated field; false: not to its end. A field of an object is begun with its first value. */
  #items(level: BinaryLevel, field: FieldType): boolean {
    const places = level.places.get(field) ?? NO_PLACES
    while (level.packedAt >= 0 || level.place < places.length) {
      this.#left -= PER_FIELD
      if (level.packedAt >= 0) this.#packedItem(level, field)
      else {
        const start = places[level.place]!
        const end = places[level.place + 1]!
        level.place += 2
        if (end >= 0 && isPackable(field.kind)) {
          level.packedAt = start
          level.packedEnd = end
        } else if (!this.#item(level, field, start, end)) return false
      }
      if (this.#left <= 0) return false
    }
    return true
  }

  #packedItem(level: BinaryLevel, field: FieldType): void {
    const start = level.packedAt
    if (start >= level.packedEnd) {
      level.packedAt = -1
      return
    }
    this.#count(1)
    const reader = this.#reader.within(start, level.packedEnd)
    reader.wireType = wireTypeOf(field.kind)
    reader.skip()
    level.packedAt = reader.at
    if (field.enum !== null && this.#isUnknownEnum(field.enum)) return
    this.#beforeItem(level, field)
    this.#scalar(field, start, -1)
  }

  /** False: the others wait for a message, or a long text. */
  #item(level: BinaryLevel, field: FieldType, start: number, end: number): boolean {
    if (field.enum !== null) {
      this.#reader.within(start, this.#octets.length).varint()
      if (this.#isUnknownEnum(field.enum)) return true
    }
    this.#beforeItem(level, field)
    if (field.message !== null) {
      this.#open(field.message, [start, end], Role.MESSAGE)
      return false
    }
    this.#scalar(field, start, end)
    return this.#copy === null
  }

  #beforeItem(level: BinaryLevel, field: FieldType): void {
    if (level.shown++ > 0) this.#output.octet(0x2c)
    else if (level.type.form === OwnForm.NONE) {
      this.#fieldKey(level, field)
      this.#output.octet(0x5b)
    }
  }

  // ---- Maps -----------------------------------------------------------------------------------------------------

  /** The entries of a map; false: not to its end. Where a key comes twice, the later entry counts. */
  #map(level: BinaryLevel, field: FieldType): boolean {
    const places = level.places.get(field) ?? NO_PLACES
    if (level.kept === null) {
      const keys = (level.keys ??= new Map())
      // Of a closed enum some entries are as if they were not there.
      const isLookedAt = places.length > 2 || field.message!.byNumber.get(2)?.enum?.isClosed === true
      if (isLookedAt && level.place < places.length) {
        const { place } = level
        level.place += 2
        this.#open(field.message!, places.slice(place, place + 2), Role.ENTRY_KEY)
        return false
      }
      level.kept = isLookedAt ? [...keys.values()] : places.length > 0 ? [0] : []
      level.place = 0
      const isField = level.type.form === OwnForm.NONE
      if (isField && level.kept.length === 0) return true
      if (isField) this.#fieldKey(level, field)
      this.#output.octet(0x7b)
    }
    if (level.place < level.kept.length) {
      const at = level.kept[level.place++]!
      this.#open(field.message!, places.slice(at, at + 2), Role.ENTRY)
      return false
    }
    this.#output.octet(0x7d)
    return true
  }

  /** Only looks for the key, for the level above. */
  #entryKey(level: BinaryLevel): void {
    const above = this.#levels[this.#depth - 2]!
    const key = this.#keyText(level)
    const keys = above.keys!
    if (!level.hasUnknownEnum) {
      keys.delete(key)
      keys.set(key, above.place - 2)
    }
    this.#close(level)
  }

  /** Of an entry, without quotes. */
  #keyText(level: BinaryLevel): string {
    const key = level.type.byNumber.get(1)
    if (key === undefined) throw new MessageFault("malformed", "a map without keys")
    const [start = -1, end = -1] = level.places.get(key) ?? []
    if (key.kind !== FieldKind.STRING)
      return (start < 0 ? defaultText(key) : scalarText(this.#reader, key, start)).replaceAll('"', "")
    if (start < 0) return ""
    return this.#octets.toString("utf8", start, end)
  }

  #entry(level: BinaryLevel): void {
    const output = this.#output
    const key = level.type.byNumber.get(1)
    const value = level.type.byNumber.get(2)
    if (key === undefined || value === undefined) throw new MessageFault("malformed", "a map that is none")
    switch (level.stage++) {
      case 0: {
        const above = this.#levels[this.#depth - 2]!
        if (above.shown++ > 0) output.octet(0x2c)
        const place = key.kind === FieldKind.STRING ? level.places.get(key) : undefined
        if (place !== undefined) return this.#text(place[0]!, place[1]!, true)
        output.ascii(`"${this.#keyText(level)}"`)
        return
      }
      case 1:
        output.octet(0x3a)
        if (value.message === null) return this.#scalarOrDefault(level, value)
        this.#open(value.message, level.places.get(value) ?? NO_PLACES, Role.MESSAGE)
        return
      default:
        this.#close(level)
    }
  }

  // ---- Forms of their own ---------------------------------------------------------------------------------------

  #value(level: BinaryLevel): void {
    if (level.stage++ > 0) return this.#close(level)
    const field = level.fields[0]
    if (field === undefined) throw new MessageFault("mistyped", "a google.protobuf.Value that says nothing")
    const places = level.places.get(field)!
    if (field.message !== null) return void this.#open(field.message, places, Role.MESSAGE)
    if (field.kind === FieldKind.INT32) return this.#output.ascii("null")
    if (field.kind === FieldKind.DOUBLE) {
      const number = this.#reader.within(places[0]!, this.#octets.length).double()
      if (!Number.isFinite(number))
        throw new MessageFault(
          "mistyped",
          `a google.protobuf.Value of ${number}, which JSON has no number for`,
        )
    }
    this.#scalar(field, places[0]!, places[1]!)
  }

  #any(level: BinaryLevel): void {
    if (level.stage++ > 0) return this.#close(level)
    const output = this.#output
    const [urlField, valueField] = level.type.fields as [FieldType, FieldType]
    const [start = 0, end = 0] = level.places.get(urlField) ?? []
    const value = level.places.get(valueField) ?? NO_PLACES
    if (end === start) {
      if (value.length > 0) throw new MessageFault("mistyped", "an Any without a type")
      return output.ascii("{}")
    }
    if (end - start > TYPE_URL_MAX) throw new MessageFault("mistyped", "the type of an Any is too long")
    this.#checkUtf8(start, end)
    const url = this.#octets.toString("utf8", start, end)
    const name = url.slice(url.lastIndexOf("/") + 1)
    const type = this.#names.message(name)
    if (type === undefined)
      throw new MessageFault("unknown", `type ${name.slice(0, 200)} of an Any is not known`)
    output.ascii('{"@type":')
    output.utf8(JSON.stringify(url))
    if (type.form !== OwnForm.NONE) output.ascii(',"value":')
    const inner = this.#open(type, value, Role.MESSAGE, type.form === OwnForm.NONE)
    if (type.form !== OwnForm.NONE) inner.suffix = "}"
  }

  #fieldMask(level: BinaryLevel): void {
    const output = this.#output
    const places = level.places.get(level.type.fields[0]!) ?? NO_PLACES
    if (level.place === 0) output.octet(0x22)
    while (level.place < places.length) {
      const start = places[level.place]!
      const end = places[level.place + 1]!
      const path =
        end - start > PATH_OCTETS_MAX ? null : pathToJson(this.#octets.toString("latin1", start, end))
      if (path === null) throw new MessageFault("mistyped", "a path of a FieldMask that JSON cannot hold")
      if (level.place > 0) output.octet(0x2c)
      output.utf8(JSON.stringify(Buffer.from(path, "latin1").toString("utf8")).slice(1, -1))
      level.place += 2
      this.#left -= PER_FIELD + end - start
      if (this.#left <= 0) return
    }
    output.octet(0x22)
    this.#close(level)
  }

  // ---- Scalars --------------------------------------------------------------------------------------------------

  #scalarOrDefault(level: BinaryLevel, field: FieldType): void {
    const places = level.places.get(field)
    if (places === undefined) this.#output.ascii(defaultText(field))
    else this.#scalar(field, places[0]!, places[1]!)
  }

  /** `end`: of what has a length. A long text goes on after this. */
  #scalar(field: FieldType, start: number, end: number): void {
    if (field.kind === FieldKind.STRING || field.kind === FieldKind.BYTES)
      this.#text(start, end, field.kind === FieldKind.STRING, field.isUtf8Checked)
    else if (field.kind === FieldKind.ENUM) this.#output.utf8(scalarText(this.#reader, field, start))
    else this.#output.ascii(scalarText(this.#reader, field, start))
  }

  /** A string or octets, with quotes. What is long goes on after this. */
  #text(start: number, end: number, isText: boolean, isChecked = true): void {
    let [octets, from, to] = [this.#octets, start, end]
    if (isText && !isUtf8(octets.subarray(from, to))) {
      if (isChecked) throw new MessageFault("malformed", "a string that is no UTF-8")
      octets = Buffer.from(octets.toString("utf8", from, to))
      from = 0
      to = octets.length
    }
    this.#output.octet(0x22)
    this.#copy = new JsonTextCopy(octets, from, to, !isText)
    this.#goOnCopying(this.#copy)
  }

  #goOnCopying(copy: JsonTextCopy): void {
    this.#left -= copy.step(this.#output, Math.max(this.#left, PER_FIELD))
    if (!copy.isThrough) return
    this.#copy = null
    this.#output.octet(0x22)
  }

  #checkUtf8(start: number, end: number): void {
    if (!isUtf8(this.#octets.subarray(start, end)))
      throw new MessageFault("malformed", "a string that is no UTF-8")
  }
}
