import { WireType } from "../../grpc/wire-type.ts"
import { MessageFault } from "./fault.ts"
import { pathFromJson } from "./field-mask-text.ts"
import { type JsonScanner, Token } from "./json-scanner.ts"
import { FieldKind, type FieldType, type MessageType, OwnForm } from "./message-type.ts"
import { floatOf, integerOf } from "./numbers.ts"
import type { PrefixedOutput } from "./prefixed-output.ts"
import { StringCopy } from "./string-copy.ts"
import { readDuration, readTimestamp } from "./time-text.ts"

/** Longest text of a number, an enum value, a time. */
const SHORT_OCTETS_MAX = 4096
/** Longest FieldMask: it is read in one go. */
const MASK_OCTETS_MAX = 16_384

/** Writes values of JSON that are neither object nor array, as a field's value in protobuf. Errors: `MessageFault`. */
export class JsonScalars {
  readonly #scanner: JsonScanner
  readonly #output: PrefixedOutput
  /** Of what is one text in JSON, and several values. */
  readonly #countOne: () => void
  #copy: StringCopy | null = null

  constructor(scanner: JsonScanner, output: PrefixedOutput, countOne: () => void) {
    this.#scanner = scanner
    this.#output = output
    this.#countOne = countOne
  }

  /** A long text is under way. */
  get isCopying(): boolean {
    return this.#copy !== null
  }

  /** What a fault says of the last token. */
  expected(what: string): MessageFault {
    return new MessageFault("mistyped", `expected ${what}, got ${this.#scanner.excerpt}`)
  }

  // ---- Scalars --------------------------------------------------------------------------------------------------

  /** Returns whether it is the default. */
  write(field: FieldType, token: number): boolean {
    const output = this.#output
    switch (field.kind) {
      case FieldKind.STRING:
        if (token !== Token.STRING) throw this.expected("string")
        return this.string(true)
      case FieldKind.BYTES:
        if (token !== Token.STRING) throw this.expected("base64")
        return this.#bytes()
      case FieldKind.BOOL:
        if (token !== Token.TRUE && token !== Token.FALSE) throw this.expected("true or false")
        output.octet(token === Token.TRUE ? 1 : 0)
        return token === Token.FALSE
      case FieldKind.FLOAT:
      case FieldKind.DOUBLE: {
        if (token !== Token.NUMBER && token !== Token.STRING) throw this.expected("a number")
        const value = this.float(field.kind === FieldKind.FLOAT, token === Token.STRING)
        if (field.kind === FieldKind.FLOAT) output.float(value)
        else output.double(value)
        return Object.is(value, 0)
      }
      case FieldKind.ENUM:
        return this.#enum(field, token)
      default:
        if (token === Token.NUMBER) return this.#shortInteger(field.kind)
        if (token !== Token.STRING) throw this.expected(intName(field.kind))
        return this.integer(field.kind, this.shortText())
    }
  }

  #enum(field: FieldType, token: number): boolean {
    const type = field.enum!
    let number: number | undefined
    if (token === Token.STRING) {
      const name = this.shortText()
      number = type.numbers.get(name)
      if (number === undefined)
        throw new MessageFault("unknown", `${type.name} has no value ${JSON.stringify(name.slice(0, 100))}`)
    } else if (token === Token.NUMBER) return this.#shortInteger(FieldKind.ENUM)
    else if (token === Token.NULL && type.isNull) number = 0
    if (number === undefined) throw this.expected(type.name)
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
      return this.integer(kind, octets.toString("latin1", start, end))
    this.#writeInteger(kind, isNegative ? -value : value, isNegative && value > 0 ? 0xffffffff : 0)
    return value === 0
  }

  integer(kind: number, text: string): boolean {
    const value = integerOf(text)
    if (value === null) throw this.expected(intName(kind))
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

  float(isSingle: boolean, isQuoted = false): number {
    const { octets, start, end } = this.#scanner
    const text = isQuoted ? this.shortText() : octets.toString("latin1", start, end)
    const value = floatOf(text, isQuoted, isSingle)
    if (value === null) throw this.expected(isSingle ? "a float" : "a double")
    return value
  }

  // ---- Text -----------------------------------------------------------------------------------------------------

  /** Writes the last string with its length; what has escapes and is long, in steps. Returns whether it is empty. */
  string(isValue: boolean): boolean {
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
    if (decoded === null) throw this.expected("base64")
    output.lengthAnd(decoded, 0, decoded.length)
    return decoded.length === 0
  }

  /** Goes on with a long text. Null: the step's work is used up first; else whether it was a value. */
  goOnCopying(): boolean | null {
    const copy = this.#copy!
    this.#scanner.left -= copy.step(this.#scanner.left)
    if (!copy.isThrough) return null
    if (copy.use === "base64") {
      const text = this.#output.octets.toString("latin1", copy.outputStart, this.#output.length)
      const decoded = decodedBase64(text)
      if (decoded === null) throw this.expected("base64")
      this.#output.cutTo(copy.outputStart)
      this.#output.copy(decoded, 0, decoded.length)
    }
    this.#copy = null
    this.#output.end()
    return copy.use !== "key"
  }

  /** The last string, where what is wanted is never long. */
  shortText(): string {
    const scanner = this.#scanner
    if (scanner.end - scanner.start > SHORT_OCTETS_MAX) throw this.expected("a short text")
    return scanner.text
  }

  /** A Timestamp, a Duration, a FieldMask. */
  textForm(type: MessageType): void {
    if (type.form === OwnForm.FIELD_MASK) return this.#fieldMask()
    const text = this.shortText()
    const time = type.form === OwnForm.TIMESTAMP ? readTimestamp(text) : readDuration(text)
    if (time === null) throw this.expected(type.name)
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
      throw this.expected(`a FieldMask of at most ${MASK_OCTETS_MAX} octets`)
    const { text } = this.#scanner
    if (text === "") return
    for (const each of text.split(",")) {
      const path = pathFromJson(each)
      if (path === null) throw this.expected("paths in lowerCamelCase")
      this.#countOne()
      this.#output.tag(1, WireType.LENGTH)
      this.#output.begin()
      this.#output.ascii(path)
      this.#output.end()
    }
  }
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
