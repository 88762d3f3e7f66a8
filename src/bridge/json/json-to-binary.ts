import { WireType } from "../../grpc/wire-type.ts"
import { type MessageBounds, MessageFault, tooDeep, tooManyValues } from "./fault.ts"
import { JsonLevel, KEY_OCTETS_MAX, keyOf, Phase, pathOf, Within } from "./json-level.ts"
import { JsonScalars } from "./json-scalars.ts"
import { JsonScanner, positionOf, Token, unescaped } from "./json-scanner.ts"
import {
  FieldKind,
  type FieldType,
  type MessageType,
  OwnForm,
  type TypeNames,
  wireTypeOf,
} from "./message-type.ts"
import { firstNonUtf8 } from "./output.ts"
import { PrefixedOutput } from "./prefixed-output.ts"
import type { Translation } from "./translation.ts"
import { TypeUrlScan } from "./type-url-scan.ts"

const STRUCT_FIELDS = 1
const MAP_KEY = 1
const MAP_VALUE = 2
const ValueField = { NULL: 1, NUMBER: 2, STRING: 3, BOOL: 4, STRUCT: 5, LIST: 6 } as const

/**
 * Translates the JSON of one message to protobuf, value by value, in steps of bounded work: no object stands for a
 * value, so that what is held is the text, the translation and one level for each that is open.
 * Source: protobuf.dev/programming-guides/json.
 */
export class JsonToBinary implements Translation {
  /** What is not known is a fault here. */
  readonly unknownField = null
  readonly #scanner: JsonScanner
  readonly #type: MessageType
  readonly #names: TypeNames
  readonly #bounds: MessageBounds
  readonly #output: PrefixedOutput
  readonly #scalars: JsonScalars
  readonly #levels: JsonLevel[] = []
  /** How many of `#levels` are open. */
  #depth = 0
  #values = 0
  /** Messages that end with the value under way, and a group with it. */
  #closes = 0
  #group = 0
  #typeUrls: TypeUrlScan | null = null
  #isWhole = false

  constructor(type: MessageType, text: Buffer, names: TypeNames, bounds: MessageBounds) {
    this.#type = type
    this.#names = names
    this.#bounds = bounds
    this.#scanner = new JsonScanner(text)
    this.#output = new PrefixedOutput(bounds, text.length)
    this.#scalars = new JsonScalars(this.#scanner, this.#output, () => this.#countOne())
  }

  /** Octets held for it, the text left out. */
  get heldOctets(): number {
    return this.#output.heldOctets + (this.#typeUrls?.heldOctets ?? 0)
  }

  /** Goes on for about `octets` of the text; true once it is through. Errors: `MessageFault`. */
  step(octets: number): boolean {
    const scanner = this.#scanner
    if (this.#isWhole) return this.#output.assemble(octets)
    if (scanner.end === 0) this.#checkUtf8()
    scanner.left = octets
    try {
      while (scanner.left > 0) {
        if (this.#scalars.isCopying && !this.#goOnCopying()) return false
        const level = this.#depth === 0 ? null : this.#levels[this.#depth - 1]!
        if (level?.within === Within.ANY) {
          if (!this.#beginAny(level)) return false
          continue
        }
        const token = scanner.next()
        if (token === Token.PAUSED) return false
        if (level !== null) this.#inside(level, token)
        else if (this.#values === 0) this.#root(token)
        else if (token === Token.END) {
          this.#isWhole = true
          return this.#output.assemble(scanner.left)
        } else throw scanner.unexpected()
      }
      return false
    } catch (error) {
      throw error instanceof MessageFault ? this.#placed(error) : error
    }
  }

  /** The message. Call once, when `step` is through. */
  finish(): Buffer {
    return this.#output.finish()
  }

  #checkUtf8(): void {
    const { octets } = this.#scanner
    const at = firstNonUtf8(octets)
    if (at < 0) return
    throw new MessageFault(
      "malformed",
      `malformed JSON: octets that are no UTF-8 at position ${positionOf(octets, at)}`,
    )
  }

  /** False: the step's work is used up first. */
  #goOnCopying(): boolean {
    const isValue = this.#scalars.goOnCopying()
    if (isValue === null) return false
    if (isValue) this.#valueEnded()
    return true
  }

  // ---- Objects and arrays ---------------------------------------------------------------------------------------

  #root(token: number): void {
    this.#count(token)
    this.#message(this.#type, token)
  }

  #inside(level: JsonLevel, token: number): void {
    const isArray = level.within === Within.LIST || level.within === Within.LIST_VALUE
    const close = isArray ? Token.CLOSE_ARRAY : Token.CLOSE_OBJECT
    switch (level.phase) {
      case Phase.FIRST:
        if (token === close) return this.#close(level)
        if (isArray) return this.#element(level, token)
        return this.#key(level, token)
      case Phase.KEY:
        return this.#key(level, token)
      case Phase.COLON:
        if (token !== Token.COLON) throw this.#scanner.unexpected()
        level.phase = Phase.VALUE
        return
      case Phase.VALUE:
        if (isArray) return this.#element(level, token)
        return this.#member(level, token)
      default:
        if (token === close) return this.#close(level)
        if (token !== Token.COMMA) throw this.#scanner.unexpected()
        level.phase = isArray ? Phase.VALUE : Phase.KEY
    }
  }

  /** Opens an object or array that ends what `#closes` and `#group` say. */
  #open(within: number): JsonLevel {
    const depth = this.#depth
    const level = (this.#levels[depth] ??= new JsonLevel()).begin(within)
    // Lists and maps of fields are no messages.
    const own = within === Within.LIST || within === Within.MAP ? 0 : 1
    level.messages = own + (depth === 0 ? 0 : this.#levels[depth - 1]!.messages)
    if (level.messages > this.#bounds.depthMax) throw tooDeep(this.#bounds)
    level.closes = this.#closes
    level.group = this.#group
    this.#depth++
    this.#closes = 0
    this.#group = 0
    return level
  }

  #close(level: JsonLevel): void {
    if (level.within === Within.ANY_VALUE && level.count === 0)
      throw new MessageFault("mistyped", `an Any of ${level.type!.name} has no value`)
    this.#depth--
    this.#closes = level.closes
    this.#group = level.group
    this.#valueEnded()
  }

  /** What began with the value under way is over with it. */
  #valueEnded(): void {
    for (; this.#closes > 0; this.#closes--) this.#output.end()
    if (this.#group > 0) this.#output.tag(this.#group, WireType.END_GROUP)
    this.#group = 0
    if (this.#depth > 0) this.#levels[this.#depth - 1]!.phase = Phase.COMMA
  }

  #count(token: number): void {
    if (token < Token.STRING && token !== Token.OPEN_OBJECT && token !== Token.OPEN_ARRAY)
      throw this.#scanner.unexpected()
    this.#countOne()
  }

  #countOne(): void {
    if (++this.#values > this.#bounds.valuesMax) throw tooManyValues(this.#bounds)
  }

  #key(level: JsonLevel, token: number): void {
    const scanner = this.#scanner
    if (token !== Token.STRING) throw scanner.unexpected()
    level.keyStart = scanner.start
    level.keyEnd = scanner.end
    level.keyHasEscapes = scanner.hasEscapes
    level.phase = Phase.COLON
    if (level.within === Within.MESSAGE || level.within === Within.ANY_VALUE) return this.#fieldKey(level)
    // Of a map the key is the first field of an entry.
    this.#output.tag(level.within === Within.STRUCT ? STRUCT_FIELDS : level.field!.number, WireType.LENGTH)
    this.#output.begin()
    const key = level.within === Within.STRUCT ? null : level.field!.message!.byNumber.get(MAP_KEY)!
    if (key === null || key.kind === FieldKind.STRING) {
      this.#output.tag(MAP_KEY, WireType.LENGTH)
      this.#scalars.string(false)
    } else this.#scalarKey(key)
  }

  #scalarKey(key: FieldType): void {
    const text = this.#scalars.shortText()
    if (key.kind !== FieldKind.BOOL) {
      this.#output.tag(MAP_KEY, wireTypeOf(key.kind))
      this.#scalars.integer(key.kind, text)
      return
    }
    if (text !== "true" && text !== "false") throw this.#scalars.expected("a key of true or false")
    this.#output.tag(MAP_KEY, WireType.VARINT)
    this.#output.octet(text === "true" ? 1 : 0)
  }

  #fieldKey(level: JsonLevel): void {
    const { keyStart, keyEnd, keyHasEscapes } = level
    const { octets } = this.#scanner
    const isShort = keyEnd - keyStart <= KEY_OCTETS_MAX
    const key = isShort ? unescaped(octets, keyStart, keyEnd, keyHasEscapes) : null
    level.isTypeUrl = level.isAny && key === "@type"
    if (level.isTypeUrl && level.hasTypeUrl) throw new MessageFault("mistyped", "it is set twice")
    if (level.isTypeUrl) level.hasTypeUrl = true
    level.field =
      key === null || level.within === Within.ANY_VALUE ? null : (level.type!.byKey.get(key) ?? null)
  }

  #member(level: JsonLevel, token: number): void {
    this.#count(token)
    switch (level.within) {
      case Within.MESSAGE:
        return this.#fieldValue(level, token)
      case Within.MAP: {
        const field = level.field!.message!.byNumber.get(MAP_VALUE)!
        this.#closes = 1
        return this.#single(field, token)
      }
      case Within.STRUCT:
        this.#closes = 1
        this.#output.tag(MAP_VALUE, WireType.LENGTH)
        this.#begin()
        return this.#value(token)
      default:
        if (level.isTypeUrl) return this.#valueEnded()
        if (keyOf(this.#scanner.octets, level) !== "value") throw this.#unknownField(level)
        if (level.count++ > 0) throw new MessageFault("mistyped", "it is set twice")
        return this.#anyValue(level, token)
    }
  }

  #element(level: JsonLevel, token: number): void {
    this.#count(token)
    level.count++
    if (level.within === Within.LIST_VALUE) {
      this.#output.tag(1, WireType.LENGTH)
      this.#begin()
      return this.#value(token)
    }
    const field = level.field!
    if (!field.isPacked) return this.#single(field, token)
    if (level.count === 1) {
      this.#output.tag(field.number, WireType.LENGTH)
      this.#output.begin()
      level.closes++
    }
    this.#scalars.write(field, token)
    this.#valueEnded()
  }

  // ---- Fields ---------------------------------------------------------------------------------------------------

  #fieldValue(level: JsonLevel, token: number): void {
    if (level.isTypeUrl) return this.#valueEnded()
    const { field } = level
    if (field === null) throw this.#unknownField(level)
    if (level.seen.has(field)) throw new MessageFault("mistyped", "it is set twice")
    level.seen.add(field)
    if (token === Token.NULL && !takesNull(field)) return this.#valueEnded()
    if (field.oneof >= 0) {
      if (level.oneofs.has(field.oneof))
        throw new MessageFault("mistyped", "another field of its oneof is set too")
      level.oneofs.add(field.oneof)
    }
    if (field.isRepeated) {
      if (token !== (field.isMap ? Token.OPEN_OBJECT : Token.OPEN_ARRAY))
        throw this.#scalars.expected(field.isMap ? "an object" : "an array")
      this.#open(field.isMap ? Within.MAP : Within.LIST).field = field
      return
    }
    this.#single(field, token)
  }

  /** One value with its tag. */
  #single(field: FieldType, token: number): void {
    const output = this.#output
    const { message, kind } = field
    if (message !== null) {
      if (token === Token.NULL && message.form !== OwnForm.VALUE) throw this.#scalars.expected(message.name)
      output.tag(field.number, wireTypeOf(kind))
      if (kind === FieldKind.GROUP) this.#group = field.number
      else this.#begin()
      return this.#message(message, token)
    }
    const mark = output.length
    output.tag(field.number, wireTypeOf(kind))
    const isDefault = this.#scalars.write(field, token)
    // Not in a list, not in a map, and not told from its absence.
    if (isDefault && !field.hasPresence && !field.isRepeated) output.cutTo(mark)
    if (!this.#scalars.isCopying) this.#valueEnded()
  }

  #begin(): void {
    this.#output.begin()
    this.#closes++
  }

  /** The value of a message, whose tag and beginning are written. */
  #message(type: MessageType, token: number): void {
    switch (type.form) {
      case OwnForm.NONE:
        if (token !== Token.OPEN_OBJECT) throw this.#scalars.expected(type.name)
        if (type.isMessageSet) throw new MessageFault("mistyped", `${type.name} has no JSON`)
        this.#open(Within.MESSAGE).type = type
        return
      case OwnForm.STRUCT:
        if (token !== Token.OPEN_OBJECT) throw this.#scalars.expected("an object")
        this.#open(Within.STRUCT)
        return
      case OwnForm.LIST_VALUE:
        if (token !== Token.OPEN_ARRAY) throw this.#scalars.expected("an array")
        this.#open(Within.LIST_VALUE)
        return
      case OwnForm.VALUE:
        return this.#value(token)
      case OwnForm.ANY:
        if (token !== Token.OPEN_OBJECT) throw this.#scalars.expected("an object")
        this.#open(Within.ANY).keyStart = this.#scanner.start
        return
      case OwnForm.WRAPPER:
        if (token !== Token.NULL || this.#depth > 0) return this.#single(type.fields[0]!, token)
        return this.#valueEnded()
      default:
        if (token !== Token.STRING) throw this.#scalars.expected("string")
        this.#scalars.textForm(type)
        this.#valueEnded()
    }
  }

  /** A google.protobuf.Value. */
  #value(token: number): void {
    const output = this.#output
    switch (token) {
      case Token.NULL:
        output.tag(ValueField.NULL, WireType.VARINT)
        output.octet(0)
        break
      case Token.TRUE:
      case Token.FALSE:
        output.tag(ValueField.BOOL, WireType.VARINT)
        output.octet(token === Token.TRUE ? 1 : 0)
        break
      case Token.NUMBER:
        output.tag(ValueField.NUMBER, WireType.FIXED64)
        output.double(this.#scalars.float(false))
        break
      case Token.STRING:
        output.tag(ValueField.STRING, WireType.LENGTH)
        this.#scalars.string(true)
        if (this.#scalars.isCopying) return
        break
      case Token.OPEN_OBJECT:
        output.tag(ValueField.STRUCT, WireType.LENGTH)
        this.#begin()
        this.#open(Within.STRUCT)
        return
      default:
        output.tag(ValueField.LIST, WireType.LENGTH)
        this.#begin()
        this.#open(Within.LIST_VALUE)
        return
    }
    this.#valueEnded()
  }

  // ---- google.protobuf.Any --------------------------------------------------------------------------------------

  /** Finds the type of an Any whose object was opened; false: there is more to look through first. */
  #beginAny(level: JsonLevel): boolean {
    const scanner = this.#scanner
    this.#typeUrls ??= new TypeUrlScan(scanner.octets, this.#bounds)
    const found = this.#typeUrls.find(level.keyStart, scanner)
    if (found === undefined) return false
    const { closes, group } = level
    if (found === "empty") {
      level.begin(Within.MESSAGE).type = EMPTY
      level.closes = closes
      level.group = group
      return true
    }
    if (found === null) throw new MessageFault("mistyped", "an Any has no @type")
    const { octets } = scanner
    if (found.end - found.start > KEY_OCTETS_MAX) throw new MessageFault("mistyped", "@type is too long")
    const url = unescaped(octets, found.start, found.end, found.hasEscapes)
    const name = url.slice(url.lastIndexOf("/") + 1)
    const type = this.#names.message(name)
    if (type === undefined) throw new MessageFault("unknown", `type ${name.slice(0, 200)} is not known`)
    const output = this.#output
    output.tag(1, WireType.LENGTH)
    output.begin()
    output.utf8(url)
    output.end()
    level.begin(type.form === OwnForm.NONE ? Within.MESSAGE : Within.ANY_VALUE)
    level.type = type
    level.isAny = true
    level.group = group
    level.closes = closes
    if (type.form !== OwnForm.NONE) return true
    output.tag(2, WireType.LENGTH)
    output.begin()
    level.closes++
    return true
  }

  #anyValue(level: JsonLevel, token: number): void {
    this.#output.tag(2, WireType.LENGTH)
    this.#begin()
    this.#message(level.type!, token)
  }

  // ---- Faults ---------------------------------------------------------------------------------------------------

  #unknownField(level: JsonLevel): MessageFault {
    return new MessageFault("unknown", `${level.type!.name} has no such field`)
  }

  /** Says where it is: the field as its path, the position in characters. */
  #placed({ kind, message, limit }: MessageFault): MessageFault {
    if (kind === "malformed") return new MessageFault(kind, `malformed JSON: ${message}`)
    const { name } = this.#type
    if (kind === "limit") return new MessageFault(kind, `the JSON of ${name}: ${message}`, limit)
    const path = pathOf(this.#scanner.octets, this.#levels.slice(0, this.#depth))
    const field = path === "" ? name : `field ${path} of ${name}`
    const { octets, start } = this.#scanner
    return new MessageFault(kind, `${field}, position ${positionOf(octets, start)}: ${message}`)
  }
}

/** An Any that says nothing. */
const EMPTY: MessageType = {
  name: "google.protobuf.Any",
  form: OwnForm.NONE,
  fields: [],
  byNumber: new Map(),
  byKey: new Map(),
  isMessageSet: false,
}

function takesNull({ isRepeated, message, enum: enumType }: FieldType): boolean {
  return !isRepeated && (message?.form === OwnForm.VALUE || enumType?.isNull === true)
}
