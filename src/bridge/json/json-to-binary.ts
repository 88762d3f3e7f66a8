import { type MessageBounds, MessageFault, tooDeep, tooManyValues } from "./fault.ts"
import { pathFromJson } from "./field-mask-text.ts"
import { JsonScanner, positionOf, Token, unescaped } from "./json-scanner.ts"
import {
  FieldKind,
  type FieldType,
  type MessageType,
  OwnForm,
  type TypeNames,
  wireTypeOf,
} from "./message-type.ts"
import { floatOf, integerOf } from "./numbers.ts"
import { firstNonUtf8 } from "./output.ts"
import { PrefixedOutput } from "./prefixed-output.ts"
import { StringCopy } from "./string-copy.ts"
import { readDuration, readTimestamp } from "./time-text.ts"
import type { Translation } from "./translation.ts"
import { TypeUrlScan } from "./type-url-scan.ts"
import { WireType } from "./wire-reader.ts"

/** What an object or an array on the way down stands for. */
const Within = { MESSAGE: 0, LIST: 1, MAP: 2, STRUCT: 3, LIST_VALUE: 4, ANY: 5, ANY_VALUE: 6 } as const
/** What comes next in it. */
const Phase = { FIRST: 0, KEY: 1, COLON: 2, VALUE: 3, COMMA: 4 } as const

/** Longest key that may name a field, and longest text of a number, an enum value, a time. */
const SHORT_OCTETS_MAX = 4096

/** Longest FieldMask: it is read in one go. */
const MASK_OCTETS_MAX = 16_384

const PATH_MAX = 400
const STRUCT_FIELDS = 1
const MAP_KEY = 1
const MAP_VALUE = 2
const ValueField = { NULL: 1, NUMBER: 2, STRING: 3, BOOL: 4, STRUCT: 5, LIST: 6 } as const

/** One object or array that is open. Used again for others at the same depth. */
class Level {
  within: number = Within.MESSAGE
  phase: number = Phase.FIRST
  /** Of MESSAGE, ANY_VALUE: what it is. */
  type: MessageType | null = null
  /** Of MESSAGE the field under way, of LIST and MAP the one they are. */
  field: FieldType | null = null
  /** Messages that end with it. */
  closes = 0
  /** Of a group: the number that its end tag has; 0: it is none. */
  group = 0
  /** Values begun, of an array. */
  count = 0
  /** It is an Any's message, among whose fields stands `@type`. */
  isAny = false
  /** The key under way is `@type`. */
  isTypeUrl = false
  hasTypeUrl = false
  keyStart = 0
  keyEnd = 0
  keyHasEscapes = false
  /** Messages open, it counted if it is one. */
  messages = 0
  /** Fields that were named, and oneofs that were set. */
  readonly seen = new Set<FieldType>()
  readonly oneofs = new Set<number>()

  begin(within: number): this {
    this.within = within
    this.phase = Phase.FIRST
    this.type = null
    this.field = null
    this.closes = 0
    this.group = 0
    this.count = 0
    this.isAny = false
    this.isTypeUrl = false
    this.hasTypeUrl = false
    if (this.seen.size > 0) this.seen.clear()
    if (this.oneofs.size > 0) this.oneofs.clear()
    return this
  }
}

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
  readonly #levels: Level[] = []
  /** How many of `#levels` are open. */
  #depth = 0
  #values = 0
  /** Messages that end with the value under way, and a group with it. */
  #closes = 0
  #group = 0
  #copy: StringCopy | null = null
  #typeUrls: TypeUrlScan | null = null
  #isWhole = false

  constructor(type: MessageType, text: Buffer, names: TypeNames, bounds: MessageBounds) {
    this.#type = type
    this.#names = names
    this.#bounds = bounds
    this.#scanner = new JsonScanner(text)
    this.#output = new PrefixedOutput(bounds, text.length)
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
        if (this.#copy !== null && !this.#goOnCopying()) return false
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

  // ---- Objects and arrays ---------------------------------------------------------------------------------------

  #root(token: number): void {
    this.#count(token)
    this.#message(this.#type, token)
  }

  #inside(level: Level, token: number): void {
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
  #open(within: number): Level {
    const depth = this.#depth
    const level = (this.#levels[depth] ??= new Level()).begin(within)
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

  #close(level: Level): void {
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
    if (++this.#values > this.#bounds.valuesMax) throw tooManyValues(this.#bounds)
  }

  #key(level: Level, token: number): void {
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
      this.#string(false)
    } else this.#scalarKey(key)
  }

  #scalarKey(key: FieldType): void {
    const text = this.#shortText()
    if (key.kind !== FieldKind.BOOL) {
      this.#output.tag(MAP_KEY, wireTypeOf(key.kind))
      this.#integer(key.kind, text)
      return
    }
    if (text !== "true" && text !== "false") throw this.#expected("a key of true or false")
    this.#output.tag(MAP_KEY, WireType.VARINT)
    this.#output.octet(text === "true" ? 1 : 0)
  }

  #fieldKey(level: Level): void {
    const { keyStart, keyEnd, keyHasEscapes } = level
    const { octets } = this.#scanner
    const isShort = keyEnd - keyStart <= SHORT_OCTETS_MAX
    const key = isShort ? unescaped(octets, keyStart, keyEnd, keyHasEscapes) : null
    level.isTypeUrl = level.isAny && key === "@type"
    if (level.isTypeUrl && level.hasTypeUrl) throw new MessageFault("mistyped", "it is set twice")
    if (level.isTypeUrl) level.hasTypeUrl = true
    level.field =
      key === null || level.within === Within.ANY_VALUE ? null : (level.type!.byKey.get(key) ?? null)
  }

  #member(level: Level, token: number): void {
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

  #element(level: Level, token: number): void {
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
    this.#scalar(field, token)
    this.#valueEnded()
  }

  // ---- Fields ---------------------------------------------------------------------------------------------------

  #fieldValue(level: Level, token: number): void {
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
        throw this.#expected(field.isMap ? "an object" : "an array")
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
      if (token === Token.NULL && message.form !== OwnForm.VALUE) throw this.#expected(message.name)
      output.tag(field.number, wireTypeOf(kind))
      if (kind === FieldKind.GROUP) this.#group = field.number
      else this.#begin()
      return this.#message(message, token)
    }
    const mark = output.length
    output.tag(field.number, wireTypeOf(kind))
    const isDefault = this.#scalar(field, token)
    // Not in a list, not in a map, and not told from its absence.
    if (isDefault && !field.hasPresence && !field.isRepeated) output.cutTo(mark)
    if (this.#copy === null) this.#valueEnded()
  }

  #begin(): void {
    this.#output.begin()
    this.#closes++
  }

  /** The value of a message, whose tag and beginning are written. */
  #message(type: MessageType, token: number): void {
    switch (type.form) {
      case OwnForm.NONE:
        if (token !== Token.OPEN_OBJECT) throw this.#expected(type.name)
        if (type.isMessageSet) throw new MessageFault("mistyped", `${type.name} has no JSON`)
        this.#open(Within.MESSAGE).type = type
        return
      case OwnForm.STRUCT:
        if (token !== Token.OPEN_OBJECT) throw this.#expected("an object")
        this.#open(Within.STRUCT)
        return
      case OwnForm.LIST_VALUE:
        if (token !== Token.OPEN_ARRAY) throw this.#expected("an array")
        this.#open(Within.LIST_VALUE)
        return
      case OwnForm.VALUE:
        return this.#value(token)
      case OwnForm.ANY:
        if (token !== Token.OPEN_OBJECT) throw this.#expected("an object")
        this.#open(Within.ANY).keyStart = this.#scanner.start
        return
      case OwnForm.WRAPPER:
        if (token !== Token.NULL || this.#depth > 0) return this.#single(type.fields[0]!, token)
        return this.#valueEnded()
      default:
        if (token !== Token.STRING) throw this.#expected("string")
        this.#textForm(type)
        this.#valueEnded()
    }
  }

  /** A Timestamp, a Duration, a FieldMask. */
  #textForm(type: MessageType): void {
    if (type.form === OwnForm.FIELD_MASK) return this.#fieldMask()
    const text = this.#shortText()
    const time = type.form === OwnForm.TIMESTAMP ? readTimestamp(text) : readDuration(text)
    if (time === null) throw this.#expected(type.name)
    const output = this.#output
    if (time.seconds !== 0) {
      output.tag(1, WireType.VARINT)
      this.#bigVarint(BigInt(time.seconds))
    }
    if (time.nanos === 0) return
    output.tag(2, WireType.VARINT)
    output.varint64(time.nanos >>> 0, time.nanos < 0 ? 0xffffffff : 0)
  }

  #fieldMask(): void {
    if (this.#scanner.end - this.#scanner.start > MASK_OCTETS_MAX)
      throw this.#expected(`a FieldMask of at most ${MASK_OCTETS_MAX} octets`)
    const { text } = this.#scanner
    if (text === "") return
    for (const each of text.split(",")) {
      const path = pathFromJson(each)
      if (path === null) throw this.#expected("paths in lowerCamelCase")
      if (++this.#values > this.#bounds.valuesMax) throw tooManyValues(this.#bounds)
      this.#output.tag(1, WireType.LENGTH)
      this.#output.begin()
      this.#output.ascii(path)
      this.#output.end()
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
        output.double(this.#float(false))
        break
      case Token.STRING:
        output.tag(ValueField.STRING, WireType.LENGTH)
        this.#string(true)
        if (this.#copy !== null) return
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
  #beginAny(level: Level): boolean {
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
    if (found.end - found.start > SHORT_OCTETS_MAX) throw new MessageFault("mistyped", "@type is too long")
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

  #anyValue(level: Level, token: number): void {
    this.#output.tag(2, WireType.LENGTH)
    this.#begin()
    this.#message(level.type!, token)
  }

  // ---- Scalars --------------------------------------------------------------------------------------------------

  /** Returns whether it is the default. */
  #scalar(field: FieldType, token: number): boolean {
    const output = this.#output
    switch (field.kind) {
      case FieldKind.STRING:
        if (token !== Token.STRING) throw this.#expected("string")
        return this.#string(true)
      case FieldKind.BYTES:
        if (token !== Token.STRING) throw this.#expected("base64")
        return this.#bytes()
      case FieldKind.BOOL:
        if (token !== Token.TRUE && token !== Token.FALSE) throw this.#expected("true or false")
        output.octet(token === Token.TRUE ? 1 : 0)
        return token === Token.FALSE
      case FieldKind.FLOAT:
      case FieldKind.DOUBLE: {
        if (token !== Token.NUMBER && token !== Token.STRING) throw this.#expected("a number")
        const value = this.#float(field.kind === FieldKind.FLOAT, token === Token.STRING)
        if (field.kind === FieldKind.FLOAT) output.float(value)
        else output.double(value)
        return Object.is(value, 0)
      }
      case FieldKind.ENUM:
        return this.#enum(field, token)
      default:
        if (token === Token.NUMBER) return this.#shortInteger(field.kind)
        if (token !== Token.STRING) throw this.#expected(intName(field.kind))
        return this.#integer(field.kind, this.#shortText())
    }
  }

  #enum(field: FieldType, token: number): boolean {
    const type = field.enum!
    let number: number | undefined
    if (token === Token.STRING) {
      const name = this.#shortText()
      number = type.numbers.get(name)
      if (number === undefined)
        throw new MessageFault("unknown", `${type.name} has no value ${JSON.stringify(name.slice(0, 100))}`)
    } else if (token === Token.NUMBER) return this.#shortInteger(FieldKind.ENUM)
    else if (token === Token.NULL && type.isNull) number = 0
    if (number === undefined) throw this.#expected(type.name)
    this.#output.varint64(number >>> 0, number < 0 ? 0xffffffff : 0)
    return number === 0
  }

  /** Digits as nearly every number has them; others go the long way. */
  #shortInteger(kind: number): boolean {
    const { octets, start, end } = this.#scanner
    const isNegative = octets[start] === 0x2d
    let at = isNegative ? start + 1 : start
    let value = 0
    if (end - at <= 9)
      for (; at < end; at++) {
        const digit = octets[at]! - 0x30
        if (digit < 0 || digit > 9) break
        value = value * 10 + digit
      }
    if (at < end || (isNegative && isUnsigned(kind)))
      return this.#integer(kind, octets.toString("latin1", start, end))
    this.#writeInteger(kind, isNegative ? -value : value, isNegative && value > 0 ? 0xffffffff : 0)
    return value === 0
  }

  #integer(kind: number, text: string): boolean {
    const value = integerOf(text)
    if (value === null) throw this.#expected(intName(kind))
    const [min, max] = rangeOf(kind)
    if (value < min || value > max)
      throw new MessageFault("mistyped", `${intName(kind)} ${this.#scanner.excerpt} is out of range`)
    const bits = BigInt.asUintN(64, value)
    this.#writeInteger(kind, Number(bits & 0xffffffffn), Number(bits >> 32n))
    return value === 0n
  }

  /** Two's complement of 64 bits: `high` says all that is not in `low`. */
  #writeInteger(kind: number, low: number, high: number): void {
    const output = this.#output
    switch (kind) {
      case FieldKind.FIXED32:
      case FieldKind.SFIXED32:
        return output.fixed32(low)
      case FieldKind.FIXED64:
      case FieldKind.SFIXED64:
        output.fixed32(low)
        return output.fixed32(high)
      case FieldKind.SINT32:
        return output.varint32((low << 1) ^ (low >> 31))
      case FieldKind.SINT64: {
        const sign = (high | 0) >> 31
        return output.varint64(((low << 1) ^ sign) >>> 0, (((high << 1) | (low >>> 31)) ^ sign) >>> 0)
      }
      default:
        return output.varint64(low >>> 0, high >>> 0)
    }
  }

  #bigVarint(value: bigint): void {
    const bits = BigInt.asUintN(64, value)
    this.#output.varint64(Number(bits & 0xffffffffn), Number(bits >> 32n))
  }

  #float(isSingle: boolean, isQuoted = false): number {
    const { octets, start, end } = this.#scanner
    const text = isQuoted ? this.#shortText() : octets.toString("latin1", start, end)
    const value = floatOf(text, isQuoted, isSingle)
    if (value === null) throw this.#expected(isSingle ? "a float" : "a double")
    return value
  }

  // ---- Text -----------------------------------------------------------------------------------------------------

  /** Writes the last string with its length; what has escapes and is long, in steps. Returns whether it is empty. */
  #string(isValue: boolean): boolean {
    const { octets, start, end, hasEscapes } = this.#scanner
    const output = this.#output
    if (!hasEscapes) {
      output.lengthAnd(octets, start + 1, end - 1)
      return end - start === 2
    }
    output.begin()
    this.#copy = new StringCopy(octets, start + 1, end - 1, output, isValue ? "value" : "key")
    return false
  }

  /** Returns whether they are none. */
  #bytes(): boolean {
    const { octets, start, end, hasEscapes } = this.#scanner
    const output = this.#output
    if (hasEscapes) {
      output.begin()
      this.#copy = new StringCopy(octets, start + 1, end - 1, output, "base64")
      return false
    }
    const decoded = decodedBase64(octets.toString("latin1", start + 1, end - 1))
    if (decoded === null) throw this.#expected("base64")
    output.lengthAnd(decoded, 0, decoded.length)
    return decoded.length === 0
  }

  /** False: the step's work is used up first. */
  #goOnCopying(): boolean {
    const copy = this.#copy!
    this.#scanner.left -= copy.step(this.#scanner.left)
    if (!copy.isThrough) return false
    if (copy.use === "base64") {
      const text = this.#output.octets.toString("latin1", copy.outputStart, this.#output.length)
      const decoded = decodedBase64(text)
      if (decoded === null) throw this.#expected("base64")
      this.#output.cutTo(copy.outputStart)
      this.#output.copy(decoded, 0, decoded.length)
    }
    this.#copy = null
    this.#output.end()
    if (copy.use !== "key") this.#valueEnded()
    return true
  }

  /** The last string, where what is wanted is never long. */
  #shortText(): string {
    const scanner = this.#scanner
    if (scanner.end - scanner.start > SHORT_OCTETS_MAX) throw this.#expected("a short text")
    return scanner.text
  }

  // ---- Faults ---------------------------------------------------------------------------------------------------

  #expected(what: string): MessageFault {
    return new MessageFault("mistyped", `expected ${what}, got ${this.#scanner.excerpt}`)
  }

  #unknownField(level: Level): MessageFault {
    return new MessageFault("unknown", `${level.type!.name} has no such field`)
  }

  /** Says where it is: the field as its path, the position in characters. */
  #placed({ kind, message, limit }: MessageFault): MessageFault {
    if (kind === "malformed") return new MessageFault(kind, `malformed JSON: ${message}`)
    const { name } = this.#type
    if (kind === "limit") return new MessageFault(kind, `the JSON of ${name}: ${message}`, limit)
    const path = this.#path()
    const field = path === "" ? name : `field ${path} of ${name}`
    const { octets, start } = this.#scanner
    return new MessageFault(kind, `${field}, position ${positionOf(octets, start)}: ${message}`)
  }

  /** `a.b[2].c`; empty for the message as a whole. */
  #path(): string {
    let path = ""
    for (const level of this.#levels.slice(0, this.#depth)) {
      const isArray = level.within === Within.LIST || level.within === Within.LIST_VALUE
      if (isArray) path += level.count > 0 ? `[${level.count - 1}]` : ""
      else if (level.phase >= Phase.COLON && level.within !== Within.ANY)
        path += `.${keyOf(this.#scanner.octets, level)}`
    }
    return path.replace(/^\./, "").slice(0, PATH_MAX)
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

function keyOf(octets: Buffer, { keyStart, keyEnd, keyHasEscapes }: Level): string {
  if (keyEnd - keyStart > SHORT_OCTETS_MAX) return "…"
  return unescaped(octets, keyStart, keyEnd, keyHasEscapes)
}

function takesNull({ isRepeated, message, enum: enumType }: FieldType): boolean {
  return !isRepeated && (message?.form === OwnForm.VALUE || enumType?.isNull === true)
}

/** Null: it is none. Either alphabet, with padding or without. */
function decodedBase64(text: string): Buffer | null {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const characters = text.length - padding
  if (characters % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return null
  const decoded = Buffer.from(text, "base64")
  // Node leaves out what is no base64.
  return decoded.length === Math.floor((characters * 3) / 4) ? decoded : null
}

const RANGES = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const

function intName(kind: number): keyof typeof RANGES {
  switch (kind) {
    case FieldKind.UINT32:
    case FieldKind.FIXED32:
      return "uint32"
    case FieldKind.INT64:
    case FieldKind.SINT64:
    case FieldKind.SFIXED64:
      return "int64"
    case FieldKind.UINT64:
    case FieldKind.FIXED64:
      return "uint64"
    default:
      return "int32"
  }
}

function rangeOf(kind: number): readonly [min: bigint, max: bigint] {
  return RANGES[intName(kind)]
}

function isUnsigned(kind: number): boolean {
  return intName(kind).startsWith("u")
}
