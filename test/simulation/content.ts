import { seededRandom } from "../../src/base/random.ts"
import { HeaderList } from "../../src/http2/header-list.ts"

/** A prime, so that no frame, window or buffer size falls into step with it. */
const PERIOD = 32_749

/** Two periods in a row, so that any piece of up to one period lies whole. */
const pattern = ((): Buffer => {
  const random = seededRandom(20_261_123)
  const once = Buffer.alloc(PERIOD)
  for (let at = 0; at < PERIOD; at++) once[at] = random() * 256
  return Buffer.concat([once, once])
})()

/**
 * What a body holds: octets that tell the call, the direction and the place, so that one lost, doubled or moved shows.
 * `attempt` is 0 for a request and counts the attempts for responses.
 */
export interface Body {
  readonly call: number
  readonly attempt: number
}

function startOf({ call, attempt }: Body, offset: number): number {
  return (call * 7919 + attempt * 10_007 + offset) % PERIOD
}

/** `octets` of a body from `offset` on. Do not change them. */
export function bodyOctets(body: Body, offset: number, octets: number): Buffer {
  const start = startOf(body, offset)
  if (octets <= PERIOD) return pattern.subarray(start, start + octets)
  const whole = Buffer.allocUnsafe(octets)
  for (let at = 0; at < octets; at += PERIOD) {
    pattern.copy(whole, at, start, start + Math.min(PERIOD, octets - at))
  }
  return whole
}

/** True when `start..end` of `octets` are what stands at `offset` of the body. */
export function isBody(body: Body, offset: number, octets: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += PERIOD) {
    const length = Math.min(PERIOD, end - at)
    const from = startOf(body, offset + at - start)
    if (octets.compare(pattern, from, from + length, at, at + length) !== 0) return false
  }
  return true
}

/** `count` fields of a call's own, the first of them never to be indexed; values of many lengths. */
export function metadata(call: number, count: number): string[] {
  const fields: string[] = []
  for (let at = 0; at < count; at++) {
    const value = pattern.toString("hex", call % 1000, (call % 1000) + ((call * 31 + at * 17) % 60))
    fields.push(at === 0 ? "authorization" : `x-meta-${at}`, at % 3 === 2 ? `shared-${at}` : value)
  }
  return fields
}

/** A head with `fields`, its authorization never indexed. */
export function headOf(fields: string[]): HeaderList {
  const at = fields.indexOf("authorization")
  return new HeaderList(fields, at < 0 ? null : new Set([at / 2]))
}

/** The same fields, with blanks at the ends of their values, and of an answer's with LF where it may stand. */
export function untidy({ fields, neverIndexed }: HeaderList, isAnswer: boolean): HeaderList {
  const values = fields.map((text, at) => {
    const name = fields[at - 1]
    if (at % 2 === 0 || name!.startsWith(":")) return text
    return `${at % 4 === 1 ? " " : ""}${text}${isAnswer && name !== "grpc-message" ? " \n" : "\t "}`
  })
  return new HeaderList(values, neverIndexed)
}

/** Null when both lists say the same, or what differs first. */
export function difference(expected: HeaderList, actual: HeaderList): string | null {
  const length = Math.max(expected.fields.length, actual.fields.length)
  for (let at = 0; at < length; at++)
    if (expected.fields[at] !== actual.fields[at])
      return `field ${at >> 1} is ${actual.fields[at] ?? "missing"}, not ${expected.fields[at] ?? "there"}`
  const wanted = [...(expected.neverIndexed ?? [])].join()
  const got = [...(actual.neverIndexed ?? [])].join()
  return wanted === got ? null : `never-indexed fields are ${got || "none"}, not ${wanted || "none"}`
}
