import { type AddressRange, addressOctets, isWithin, parseNetwork, parseRange } from "../networks.ts"
import { clientBehind } from "../real-client.ts"
import type { Template } from "../template.ts"
import type { Variable } from "../variables.ts"

/** `$name` of nginx's `geo`. */
export function geoVariable(
  config: {
    source: string
    entries: readonly [network: string, value: string][]
    default: string
    proxies: readonly string[]
    proxyRecursive: boolean
  },
  template: (source: string) => Template,
): Variable {
  const source = template(config.source)
  const fallback = octetsOf(config.default)
  const entries = config.entries.map(([text, value]) => {
    const isRange = text.includes("-")
    const range = isRange ? parseRange(text) : parseNetwork(text)
    if (range === null) throw new Error(`geo: invalid network "${text}"`)
    return { range, isRange, value: octetsOf(value) }
  })
  const byLength = Map.groupBy(inOrder(entries), ({ range }) => range.first.length)
  const pieces = new Map([...byLength].map(([length, some]) => [length, new Pieces(some)]))
  const find = (octets: string) => pieces.get(octets.length)?.find(octets) ?? fallback
  const proxies = config.proxies.map((text) => parseNetwork(text)!)
  return (record, env) => {
    const written = source.render(record, env)
    const octets = addressOctets(written)
    if (octets === null) return fallback
    if (proxies.length === 0 || !proxies.some((proxy) => isWithin(proxy, octets))) return find(octets)
    const forwarded = record.requestHeaders.get("x-forwarded-for")
    const client =
      forwarded === undefined
        ? null
        : clientBehind(
            forwarded,
            (one) => proxies.some((proxy) => isWithin(proxy, one)),
            config.proxyRecursive,
          )
    return find(client === null ? octets : (addressOctets(client.address) ?? octets))
  }
}

function octetsOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

interface Entry {
  readonly range: AddressRange
  readonly isRange: boolean
  readonly value: string
}

/** Addresses of one length, cut into pieces wherever an entry begins or ends. */
class Pieces {
  readonly #starts: readonly string[]
  readonly #values: (string | undefined)[]

  /** @param entries those that count before others first */
  constructor(entries: readonly Entry[]) {
    const points = new Set(entries.flatMap(({ range }) => [range.first, successor(range.last) ?? []].flat()))
    this.#starts = [...points].sort((one, other) => (one < other ? -1 : 1))
    const places = new Map(this.#starts.map((start, index) => [start, index]))
    this.#values = new Array<string | undefined>(this.#starts.length).fill(undefined)
    // The next piece from each that has no value yet, or a way to it.
    const free = Array.from({ length: this.#starts.length + 1 }, (_, index) => index)
    const nextFree = (from: number): number => {
      let at = from
      while (free[at] !== at) at = free[at] = free[free[at]!]!
      return at
    }
    for (const { range, value } of entries) {
      const after = successor(range.last)
      const end = after === null ? this.#starts.length : places.get(after)!
      for (let at = nextFree(places.get(range.first)!); at < end; at = nextFree(at)) {
        this.#values[at] = value
        free[at] = at + 1
      }
    }
  }

  find(octets: string): string | undefined {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! > octets) high = middle
      else low = middle + 1
    }
    return low === 0 ? undefined : this.#values[low - 1]
  }
}

/** Those that count before others first: the narrowest network, the range that was written last. */
function inOrder(entries: readonly Entry[]): Entry[] {
  const bits = ({ range: { first, last } }: Entry): number => {
    let same = 0
    while (same < first.length && first[same] === last[same]) same++
    const difference =
      same === first.length ? 0 : 32 - Math.clz32(first.charCodeAt(same) ^ last.charCodeAt(same))
    return (first.length - same) * 8 + difference
  }
  const isOfRanges = entries.some(({ isRange }) => isRange)
  const newestFirst = entries.toReversed()
  return isOfRanges ? newestFirst : newestFirst.sort((one, other) => bits(one) - bits(other))
}

/** The address after; null: there is none. */
function successor(octets: string): string | null {
  for (let at = octets.length - 1; at >= 0; at--) {
    const code = octets.charCodeAt(at)
    if (code < 255)
      return octets.slice(0, at) + String.fromCharCode(code + 1) + "\0".repeat(octets.length - at - 1)
  }
  return null
}
