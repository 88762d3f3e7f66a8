/**
 * The two ways Envoy and gRPC place keys so that few of them move when endpoints come or go: a ring and Maglev's table.
 * Both are built when the endpoints change, and looked up per stream.
 */
import { type Steps, sortInSteps } from "../../base/steps.ts"
import { type Hash64, xxHash64 } from "./xx-hash64.ts"

/** What of an endpoint decides its place. */
export interface PlacedEndpoint {
  /** Its address, as Envoy hashes it. */
  readonly address: string
  readonly weight: number
}

/** Where the search for a key begins, and who comes after whom there. */
export interface Placement {
  /** How many places there are. */
  readonly size: number
  /** The place of a hash. */
  find(hash: Hash64): number
  /** The endpoint at a place, by its index; places go round. */
  at(place: number): number
}

const RING_SIZE_MIN = 1024
const RING_SIZE_MAX = 8_388_608
/** So many are hashed, or put down, in one step. */
const PLACES_PER_STEP = 64
/** So many places are looked at in one step: the last that are free are far between. */
const LOOKS_PER_STEP = 1024

/**
 * A ring hash: each endpoint has points in proportion to its weight, the lightest at least one, all at least 1,024.
 * Cost: O(log n) a pick; 12 octets a point.
 * Source: gRPC, proposal A42; Envoy, ring_hash_lb.cc.
 */
export class HashRing implements Placement {
  readonly size: number
  readonly #his: Uint32Array
  readonly #los: Uint32Array
  readonly #endpoints: Uint32Array

  /** Of so many points. */
  private constructor(size: number) {
    this.size = size
    this.#his = new Uint32Array(size)
    this.#los = new Uint32Array(size)
    this.#endpoints = new Uint32Array(size)
  }

  static *make(endpoints: readonly PlacedEndpoint[]): Steps<HashRing> {
    const total = endpoints.reduce((sum, { weight }) => sum + weight, 0)
    const least = endpoints.reduce((min, { weight }) => Math.min(min, weight), Number.POSITIVE_INFINITY)
    const scale =
      endpoints.length === 0
        ? 0
        : Math.min((Math.ceil((least / total) * RING_SIZE_MIN) * total) / least, RING_SIZE_MAX)
    const points: (Hash64 & { readonly endpoint: number })[] = []
    let target = 0
    for (const [endpoint, { address, weight }] of endpoints.entries()) {
      target += (scale * weight) / total
      for (let i = 0; points.length < target; i++) {
        const { hi, lo } = xxHash64(Buffer.from(`${address}_${i}`))
        if (points.push({ hi, lo, endpoint }) % PLACES_PER_STEP === 0) yield
      }
    }
    const order = yield* orderOf(points, (a, b) => a.hi - b.hi || a.lo - b.lo)
    const ring = new HashRing(points.length)
    for (const [place, at] of order.entries()) {
      const { hi, lo, endpoint } = points[at]!
      ring.#his[place] = hi
      ring.#los[place] = lo
      ring.#endpoints[place] = endpoint
      if ((place + 1) % PLACES_PER_STEP === 0) yield
    }
    return ring
  }

  find({ hi, lo }: Hash64): number {
    let from = 0
    let to = this.size
    while (from < to) {
      const middle = (from + to) >>> 1
      const high = this.#his[middle]!
      if (high < hi || (high === hi && this.#los[middle]! < lo)) from = middle + 1
      else to = middle
    }
    return from === this.size ? 0 : from
  }

  at(place: number): number {
    return this.#endpoints[place % this.size]!
  }
}

/** The order of `items`, as their indexes. */
function* orderOf<Item>(
  items: readonly Item[],
  compare: (one: Item, other: Item) => number,
): Steps<Float64Array> {
  const order = new Float64Array(items.length)
  for (let at = 0; at < order.length; at++) order[at] = at
  return yield* sortInSteps(order, (one, other) => compare(items[one]!, items[other]!))
}

/** Envoy's; a prime number. */
const TABLE_SIZE = 65_537

/**
 * Maglev's table: evener than a ring, and found in one step; some more keys move when endpoints change.
 * Cost: O(1) a pick; 4 octets for each of 65,537 places.
 * Source: Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", 2016; Envoy, maglev_lb.cc.
 */
export class MaglevTable implements Placement {
  readonly size: number
  readonly #table: Uint32Array

  private constructor(table: Uint32Array) {
    this.size = table.length
    this.#table = table
  }

  static *make(endpoints: readonly PlacedEndpoint[]): Steps<MaglevTable> {
    return new MaglevTable(yield* fillTable(endpoints))
  }

  find(hash: Hash64): number {
    return modulo(hash, TABLE_SIZE)
  }

  at(place: number): number {
    return this.#table[place % TABLE_SIZE]!
  }
}

const EMPTY = 0xffff_ffff

interface TableBuilder extends PlacedEndpoint {
  readonly endpoint: number
  readonly skip: number
  place: number
  target: number
}

function* fillTable(endpoints: readonly PlacedEndpoint[]): Steps<Uint32Array> {
  const table = new Uint32Array(endpoints.length === 0 ? 0 : TABLE_SIZE).fill(EMPTY)
  const listed: TableBuilder[] = []
  for (const [endpoint, { address, weight }] of endpoints.entries()) {
    const octets = Buffer.from(address)
    const place = modulo(xxHash64(octets), TABLE_SIZE)
    const skip = modulo(xxHash64(octets, 1), TABLE_SIZE - 1) + 1
    if (listed.push({ address, endpoint, weight, place, skip, target: 0 }) % PLACES_PER_STEP === 0) yield
  }
  // By address: the order in which they are listed must not matter.
  const order = yield* orderOf(listed, (a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
  const builders: TableBuilder[] = []
  for (const at of order) if (builders.push(listed[at]!) % LOOKS_PER_STEP === 0) yield
  const heaviest = builders.reduce((max, { weight }) => Math.max(max, weight), 0)
  let filled = 0
  let looked = 0
  for (let turn = 1; filled < table.length; turn++) {
    for (const builder of builders) {
      if (filled === table.length) break
      // A light endpoint sits out turns, in proportion.
      if (turn * builder.weight < builder.target) continue
      builder.target += heaviest
      while (table[builder.place] !== EMPTY) {
        builder.place = (builder.place + builder.skip) % TABLE_SIZE
        if (++looked % LOOKS_PER_STEP === 0) yield
      }
      table[builder.place] = builder.endpoint
      filled++
      if (++looked % LOOKS_PER_STEP === 0) yield
    }
  }
  return table
}

/** `hash` mod `by`, which is at most 2^20. */
function modulo({ hi, lo }: Hash64, by: number): number {
  return ((hi % by) * (2 ** 32 % by) + lo) % by
}

/**
 * How many streams an endpoint may have before its keys go on to the next place: its share of all streams, this one
 * included, times `factor`, rounded up. Source: Mirrokni and others, "Consistent Hashing with Bounded Loads", 2016.
 */
export function boundedLoad(streams: number, weight: number, totalWeight: number, factor: number): number {
  return Math.ceil(((streams + 1) * weight * factor) / totalWeight)
}
