import { WireType } from "../../grpc/wire-type.ts"
import { MessageFault } from "./fault.ts"

const FIELD_MAX = 2 ** 29 - 1
const VARINT_OCTETS_MAX = 10

/** Reads protobuf's wire format in place. Errors: `MessageFault`. */
export class WireReader {
  readonly octets: Buffer
  at: number
  end: number
  /** Of the last `varint` or `fixed64`. */
  low = 0
  high = 0
  /** Of the last `tag`. */
  wireType = 0

  constructor(octets: Buffer, at = 0, end = octets.length) {
    this.octets = octets
    this.at = at
    this.end = end
  }

  get isAtEnd(): boolean {
    return this.at >= this.end
  }

  within(at: number, end: number): this {
    this.at = at
    this.end = end
    return this
  }

  /** The number of the next field. */
  tag(): number {
    const first = this.octets[this.at]!
    let value = first
    if (first < 0x80 && this.at < this.end) this.at++
    else {
      this.varint()
      if (this.high !== 0) throw new MessageFault("malformed", "illegal tag")
      value = this.low
    }
    const field = value >>> 3
    this.wireType = value & 7
    if (field === 0 || field > FIELD_MAX || this.wireType > WireType.FIXED32)
      throw new MessageFault("malformed", `illegal tag: field ${field}, wire type ${this.wireType}`)
    return field
  }

  /** Leaves its 64 bits in `low` and `high`, both unsigned. */
  varint(): void {
    const { octets, end } = this
    let low = 0
    let high = 0
    for (let i = 0; i < VARINT_OCTETS_MAX; i++) {
      if (this.at >= end) throw ended()
      const octet = octets[this.at++]!
      const bits = octet & 0x7f
      if (i < 4) low |= bits << (7 * i)
      else if (i === 4) {
        low |= bits << 28
        high |= bits >> 4
      } else high |= bits << (7 * i - 32)
      if (octet < 0x80) {
        this.low = low >>> 0
        this.high = high >>> 0
        return
      }
    }
    throw new MessageFault("malformed", "a varint of more than 10 octets")
  }

  fixed32(): void {
    if (this.end - this.at < 4) throw ended()
    this.low = this.octets.readUInt32LE(this.at)
    this.high = 0
    this.at += 4
  }

  fixed64(): void {
    if (this.end - this.at < 8) throw ended()
    this.low = this.octets.readUInt32LE(this.at)
    this.high = this.octets.readUInt32LE(this.at + 4)
    this.at += 8
  }

  float(): number {
    if (this.end - this.at < 4) throw ended()
    this.at += 4
    return this.octets.readFloatLE(this.at - 4)
  }

  double(): number {
    if (this.end - this.at < 8) throw ended()
    this.at += 8
    return this.octets.readDoubleLE(this.at - 8)
  }

  /** Reads a length. Returns where what has it ends. */
  length(): number {
    this.varint()
    const end = this.at + this.low
    if (this.high !== 0 || end > this.end) throw ended()
    return end
  }

  /** Skips a value that is no group. */
  skip(): void {
    switch (this.wireType) {
      case WireType.VARINT:
        return this.varint()
      case WireType.FIXED64:
        if (this.end - this.at < 8) throw ended()
        this.at += 8
        return
      case WireType.LENGTH:
        this.at = this.length()
        return
      case WireType.FIXED32:
        if (this.end - this.at < 4) throw ended()
        this.at += 4
        return
      default:
        throw new MessageFault("malformed", "a group that ends where none began")
    }
  }

  /** Skips the fields of a group whose tag was read, up to its end. Returns how many those were, and where they end. */
  skipGroup(number: number, depthMax: number): { fields: number; end: number } {
    const open = [number]
    for (let fields = 0; ; fields++) {
      if (this.at >= this.end) throw ended()
      const begin = this.at
      const field = this.tag()
      if (this.wireType === WireType.START_GROUP) {
        if (open.length >= depthMax) throw new MessageFault("malformed", "groups within groups without end")
        open.push(field)
      } else if (this.wireType === WireType.END_GROUP) {
        if (open.pop() !== field) throw new MessageFault("malformed", "a group that ends where another began")
        if (open.length === 0) return { fields, end: begin }
      } else this.skip()
    }
  }
}

function ended(): MessageFault {
  return new MessageFault("malformed", "the message ends within a field")
}
