import { cutPercentEncoded } from "../../base/octet-text.ts"
import { HeaderList } from "../../http2/header-list.ts"

/** What a field adds to its name and value: RFC 9113 §6.5.2. */
const FIELD_OCTETS = 32
/** Of a message that is cut, where there is room for more. */
const MESSAGE_OCTETS = 1024

const octetsOf = (name: string, value: string): number => name.length + value.length + FIELD_OCTETS

/**
 * Trailers, or a head that is all, in at most `mostOctets`: for a client that takes no more, and would lose its
 * connection, or the status, for the rest. The grpc-status and pseudo-headers stay, of the message as much as fits, and
 * then of the other fields the small before the large; status details are usually what is too large.
 */
export function fitTrailers(list: HeaderList, mostOctets: number): HeaderList {
  if (list.octets <= mostOctets) return list
  const { fields } = list
  const values = new Map<number, string>()
  let room = mostOctets
  const keep = (at: number, value: string): void => {
    values.set(at, value)
    room -= octetsOf(fields[at]!, value)
  }
  const others: number[] = []
  let message = -1
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!
    if (name === "grpc-status" || name.charCodeAt(0) === 0x3a) keep(at, fields[at + 1]!)
    else if (name === "grpc-message" && message < 0) message = at
    else others.push(at)
  }
  if (message >= 0) {
    const left = Math.min(room - octetsOf("grpc-message", ""), MESSAGE_OCTETS)
    if (left > 0) keep(message, cutPercentEncoded(fields[message + 1]!, left))
  }
  const sizeOf = (at: number): number => octetsOf(fields[at]!, fields[at + 1]!)
  for (const at of others.sort((a, b) => sizeOf(a) - sizeOf(b))) {
    if (sizeOf(at) > room) break
    keep(at, fields[at + 1]!)
  }
  return gathered(list, values)
}

/** The fields that have a value, in the order of `list`. */
function gathered({ fields, neverIndexed }: HeaderList, values: ReadonlyMap<number, string>): HeaderList {
  const kept: string[] = []
  const never = new Set<number>()
  for (let at = 0; at < fields.length; at += 2) {
    const value = values.get(at)
    if (value === undefined) continue
    if (neverIndexed?.has(at / 2)) never.add(kept.length / 2)
    kept.push(fields[at]!, value)
  }
  return new HeaderList(kept, never.size > 0 ? never : null)
}
