import type { Random } from "../../base/random.ts"
import { atOnce, type Steps } from "../../base/steps.ts"
import type { Endpoint } from "../endpoint.ts"
import { boundedLoad, type PlacedEndpoint, type Placement } from "../hashing/consistent-hash.ts"
import { type Hash64, xxHash64 } from "../hashing/xx-hash64.ts"
import { firstUsable, isPassedOver, type Picker, type PickRequest } from "./policy.ts"
import { StreamSum } from "./stream-sum.ts"
import { UsableSet } from "./usable-set.ts"
import { WeightedDraw } from "./weighted-draw.ts"

/** After so many places without an endpoint that can be had all endpoints are looked at. */
const STEPS_MAX = 1024
const ENDPOINTS_PER_STEP = 128

export interface PlacedHashOptions {
  /** A template. */
  readonly key: string
  /** No endpoint gets more than this share of the mean load by its keys: the next has them. Null: any load. */
  readonly balanceFactorPercent: number | null
}

/**
 * The endpoint at the place of a stream's key; where that cannot be had, or has its bound of the load, the next on the
 * way round. Without a key, any. The places of 1,000 endpoints take milliseconds to make.
 * Cost: O(log points) on a ring, O(1) by Maglev. Source: Envoy, `ring_hash` and `maglev`, `hash_balance_factor`.
 */
export class PlacedHash implements Picker {
  readonly #all: readonly Endpoint[]
  readonly #weights: readonly number[]
  /** Those that have a place. */
  #endpoints: Endpoint[] = []
  readonly #place: (placed: readonly PlacedEndpoint[]) => Steps<Placement>
  readonly #options: PlacedHashOptions
  readonly #usable: UsableSet
  readonly #weighted = new WeightedDraw()
  readonly #streams: StreamSum
  #totalWeight = 0
  readonly #hash: Hash64 = { hi: 0, lo: 0 }
  #placement: Placement | null = null

  /** `place` makes a ring, or Maglev's table. */
  constructor(
    endpoints: readonly Endpoint[],
    place: (placed: readonly PlacedEndpoint[]) => Steps<Placement>,
    options: PlacedHashOptions,
    weights: readonly number[] = endpoints.map(({ fullWeight }) => fullWeight),
  ) {
    this.#all = endpoints
    this.#weights = weights
    this.#place = place
    this.#options = options
    this.#usable = new UsableSet(endpoints)
    this.#streams = new StreamSum(endpoints)
  }

  *prepare(): Steps {
    this.#placement = yield* this.#makePlacement()
  }

  *#makePlacement(): Steps<Placement> {
    this.#endpoints = []
    this.#totalWeight = 0
    const placed: PlacedEndpoint[] = []
    for (const [at, weight] of this.#weights.entries()) {
      if ((at + 1) % ENDPOINTS_PER_STEP === 0) yield
      if (weight === 0) continue
      const endpoint = this.#all[at]!
      this.#endpoints.push(endpoint)
      placed.push({ address: endpoint.hashKey, weight })
      this.#totalWeight += weight
    }
    return yield* this.#place(placed)
  }

  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined {
    const { key, balanceFactorPercent } = this.#options
    const text = request.subject.render(key)
    if (text === "") {
      const drawn = this.#weighted.draw(available, random)
      return isPassedOver(drawn, request) ? firstUsable(available, request, random) : drawn
    }
    this.#usable.use(available)
    const factor = balanceFactorPercent === null ? 0 : balanceFactorPercent / 100
    return (
      this.#walk(text, request, factor) ??
      (factor > 0 ? this.#walk(text, request, 0) : undefined) ??
      firstUsable(available, request, random)
    )
  }

  /** `factor` 0: the load does not matter. */
  #walk(text: string, request: PickRequest, factor: number): Endpoint | undefined {
    const placement = (this.#placement ??= atOnce(this.#makePlacement()))
    const streams = factor > 0 ? this.#streams.read() : 0
    const from = placement.find(hashOf(text, this.#hash))
    const steps = Math.min(placement.size, STEPS_MAX)
    let last: Endpoint | undefined
    for (let step = 0; step < steps; step++) {
      const endpoint = this.#endpoints[placement.at(from + step)]!
      if (endpoint === last) continue
      last = endpoint
      if (!this.#usable.has(endpoint) || isPassedOver(endpoint, request)) continue
      if (factor > 0) {
        const most = boundedLoad(streams, endpoint.fullWeight, this.#totalWeight, factor)
        if (endpoint.streamsOpen >= most) continue
      }
      return endpoint
    }
    return undefined
  }
}

/** Keys up to this length are hashed without an allocation. */
const scratch = Buffer.alloc(512)

function hashOf(text: string, into: Hash64): Hash64 {
  if (text.length > scratch.length) return xxHash64(Buffer.from(text, "latin1"), 0, into)
  scratch.write(text, 0, "latin1")
  return xxHash64(scratch, 0, into, text.length)
}
