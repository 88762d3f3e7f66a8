import { type FieldType, type MessageType, OwnForm } from "./message-type.ts"

/** Of nothing. */
export const NO_PLACES: readonly number[] = []

/** What a message is to the one above it. */
export const Role = { MESSAGE: 0, ENTRY_KEY: 1, ENTRY: 2 } as const

/** One message that is open. Used again for others at the same depth. */
export class BinaryLevel {
  type: MessageType = undefined as never
  role: number = Role.MESSAGE
  /** Where its octets are, as pairs: a field that comes twice is one message in two pieces. */
  ranges: readonly number[] = NO_PLACES
  range = 0
  /** How far the scan has come; -1: it is over. */
  scanAt = 0
  /** Where the values of each field are, as pairs; the second is -1 for one without a length. */
  readonly places = new Map<FieldType, number[]>()
  /** The field that is set, of each oneof. */
  readonly oneofs = new Map<number, FieldType>()
  /** A value of a closed enum was none of it. */
  hasUnknownEnum = false
  /** The fields to show, by number. */
  fields: FieldType[] = []
  field = 0
  /** Of a repeated field: the next place, how many values were shown, and what is left of a packed one. */
  place = 0
  shown = 0
  packedAt = -1
  packedEnd = -1
  /** Fields were shown, or an `@type`. */
  hasShown = false
  /** How far the showing has come. */
  stage = 0
  /** Entries of a map by key, then those that count, in order. */
  keys: Map<string, number> | null = null
  kept: number[] | null = null
  /** What stands behind it. */
  suffix = ""
  messages = 0
  placesHeld = 0

  begin(type: MessageType, ranges: readonly number[], role: number): this {
    this.type = type
    this.role = role
    this.ranges = ranges
    this.range = 0
    this.scanAt = ranges[0] ?? -1
    if (this.places.size > 0) this.places.clear()
    if (this.oneofs.size > 0) this.oneofs.clear()
    this.hasUnknownEnum = false
    this.field = 0
    this.beginField()
    this.hasShown = false
    this.stage = 0
    this.suffix = ""
    this.placesHeld = 0
    return this
  }

  beginField(): void {
    this.place = 0
    this.shown = 0
    this.packedAt = -1
    this.keys = null
    this.kept = null
  }
}

/** It is one of those whose depth is bounded: an object or an array in JSON. */
export function isObject({ type, role, hasShown }: BinaryLevel): boolean {
  switch (type.form) {
    case OwnForm.NONE:
      return role === Role.MESSAGE && !hasShown
    case OwnForm.STRUCT:
    case OwnForm.LIST_VALUE:
    case OwnForm.ANY:
      return true
    default:
      return false
  }
}
