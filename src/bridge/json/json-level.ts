import { unescaped } from "./json-scanner.ts"
import type { FieldType, MessageType } from "./message-type.ts"

/** What an object or an array on the way down stands for. */
export const Within = { MESSAGE: 0, LIST: 1, MAP: 2, STRUCT: 3, LIST_VALUE: 4, ANY: 5, ANY_VALUE: 6 } as const
/** What comes next in it. */
export const Phase = { FIRST: 0, KEY: 1, COLON: 2, VALUE: 3, COMMA: 4 } as const

/** Longest key that may name a field. */
export const KEY_OCTETS_MAX = 4096
const PATH_MAX = 400

/** One object or array that is open. Used again for others at the same depth. */
export class JsonLevel {
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

/** What is under way in an object. */
export function keyOf(octets: Buffer, { keyStart, keyEnd, keyHasEscapes }: JsonLevel): string {
  if (keyEnd - keyStart > KEY_OCTETS_MAX) return "…"
  return unescaped(octets, keyStart, keyEnd, keyHasEscapes)
}

/** `a.b[2].c`, of what is open; empty for the message as a whole. */
export function pathOf(octets: Buffer, levels: readonly JsonLevel[]): string {
  let path = ""
  for (const level of levels) {
    const isArray = level.within === Within.LIST || level.within === Within.LIST_VALUE
    if (isArray) path += level.count > 0 ? `[${level.count - 1}]` : ""
    else if (level.phase >= Phase.COLON && level.within !== Within.ANY) path += `.${keyOf(octets, level)}`
  }
  return path.replace(/^\./, "").slice(0, PATH_MAX)
}
