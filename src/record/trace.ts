/**
 * The trace that a stream is part of, as W3C Trace Context has it: `traceparent` and `tracestate`.
 * Source: w3.org/TR/trace-context, §3.2 and §3.3.
 */
import type { Random } from "../base/random.ts"
import { HeaderList } from "../http2/header-list.ts"

/** Who called us, by its own span. */
export interface TraceParent {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly isSampled: boolean
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const ZERO = /^0+$/

/** What a request says; null: nothing, or nothing that is valid. Of several fields none counts. */
export function traceParentOf(list: HeaderList): TraceParent | null {
  const values = valuesOf(list, "traceparent")
  return values.length === 1 ? parseTraceparent(values[0]!) : null
}

function parseTraceparent(text: string): TraceParent | null {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text) ?? []
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return null
  if (ZERO.test(traceId!) || ZERO.test(spanId!)) return null
  return { traceId: traceId!, spanId: spanId!, isSampled: (Number.parseInt(flags!, 16) & 1) === 1 }
}

/** `tracestate`, its fields as one. */
export function traceStateOf(list: HeaderList): string {
  return valuesOf(list, "tracestate").join(",")
}

function valuesOf({ fields }: HeaderList, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1]!)
  return values
}

/** The trace of one stream, and its span. Only streams of routes that are traced have one. */
export class StreamTrace {
  readonly traceId: string
  readonly spanId: string
  /** Null: the trace begins here. */
  readonly parent: TraceParent | null
  readonly traceState: string
  isSampled = false
  readonly #random: Random
  /** The span of each leg. */
  readonly #legs = new Map<object, string>()

  constructor(parent: TraceParent | null, traceState: string, random: Random) {
    this.parent = parent
    this.traceState = traceState
    this.#random = random
    this.traceId = parent?.traceId ?? hexDigits(random, 32)
    this.spanId = hexDigits(random, 16)
  }

  /** The span of a leg. */
  legSpanId(leg: object): string {
    const known = this.#legs.get(leg) ?? hexDigits(this.#random, 16)
    this.#legs.set(leg, known)
    return known
  }

  /** Of these legs alone, which are those that the record keeps. */
  retain(legs: readonly object[]): void {
    for (const leg of this.#legs.keys()) if (!legs.includes(leg)) this.#legs.delete(leg)
  }

  /** The head that goes to an endpoint: it is told that `leg` calls it. */
  inject(list: HeaderList, leg: object): HeaderList {
    const flags = this.isSampled ? "01" : "00"
    const own = ["traceparent", `00-${this.traceId}-${this.legSpanId(leg)}-${flags}`]
    if (this.traceState !== "") own.push("tracestate", this.traceState)
    const fields: string[] = []
    const never = new Set<number>()
    for (let i = 0; i < list.fields.length; i += 2) {
      const name = list.fields[i]!
      if (name === "traceparent" || name === "tracestate") continue
      if (list.neverIndexed?.has(i / 2) === true) never.add(fields.length / 2)
      fields.push(name, list.fields[i + 1]!)
    }
    return new HeaderList([...fields, ...own], never.size === 0 ? null : never)
  }
}

/** A multiple of 8 digits, not all zero. */
export function hexDigits(random: Random, digits: number): string {
  for (;;) {
    const word = () =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0")
    // Joined it is one string, where a sum keeps its parts.
    const text = Array.from({ length: Math.ceil(digits / 8) }, word).join("")
    if (!ZERO.test(text)) return text
  }
}
