import type { Random } from "../../base/random.ts"
import { atOnce, type Steps } from "../../base/steps.ts"
import type { Endpoint } from "../endpoint.ts"
import { KetamaRing, type NginxServers, nginxHash, nginxIpHash, nginxServers } from "../hashing/nginx-hash.ts"
import { isPassedOver, type Picker, type PickRequest } from "./policy.ts"
import { RoundRobin } from "./round-robin.ts"
import { UsableSet } from "./usable-set.ts"

/** What nginx's pseudo-address of a client without one is. */
const NO_ADDRESS = "\0\0\0"
/** So many are looked at in one step. */
const ENDPOINTS_PER_STEP = 256

/**
 * Where nginx's `hash`, `hash … consistent` and `ip_hash` send a key; by round robin where nginx does so: without a key,
 * with one endpoint, and when 20 places could not be had. Endpoints that take no new streams keep their places.
 * Cost: O(log endpoints), of `consistent` O(log points).
 */
export class NginxHashPick implements Picker {
  readonly #endpoints: readonly Endpoint[]
  readonly #method: "hash" | "consistent" | "ip_hash"
  readonly #key: string
  readonly #turns: RoundRobin
  readonly #usable: UsableSet
  readonly #servers: NginxServers
  /** Endpoints by name: the addresses of one name have its place together. */
  readonly #named = new Map<string, Endpoint[]>()
  #ring: KetamaRing | null = null
  #request: PickRequest | null = null

  /** `key`: a template. */
  constructor(
    endpoints: readonly Endpoint[],
    method: "hash" | "consistent" | "ip_hash",
    key: string,
    weights: readonly number[] = endpoints.map(({ fullWeight }) => fullWeight),
  ) {
    this.#endpoints = endpoints
    this.#method = method
    this.#key = key
    this.#turns = new RoundRobin(endpoints)
    this.#usable = new UsableSet(endpoints)
    this.#servers = nginxServers(weights)
  }

  *prepare(): Steps {
    if (this.#method === "consistent") this.#ring = yield* this.#makeRing()
    yield* this.#turns.prepare()
  }

  pick(available: readonly Endpoint[], request: PickRequest, _random: Random): Endpoint | undefined {
    this.#usable.use(available)
    this.#request = request
    const text = request.subject.render(this.#key)
    const index =
      this.#method === "ip_hash"
        ? nginxIpHash(octetsOf(isAddress(text) ? text : NO_ADDRESS), this.#servers, this.#canBeHad)
        : this.#method === "hash"
          ? nginxHash(octetsOf(text), this.#servers, this.#canBeHad)
          : (this.#ring ??= atOnce(this.#makeRing())).pick(octetsOf(text), this.#atName)
    return index < 0 ? this.#turns.pick(available, request) : this.#endpoints[index]
  }

  readonly #canBeHad = (index: number): boolean => {
    const endpoint = this.#endpoints[index]!
    return this.#usable.has(endpoint) && !isPassedOver(endpoint, this.#request!)
  }

  /** Of several addresses those that can be had take turns, as in nginx. */
  readonly #atName = (server: number): number => {
    const { hashKey } = this.#endpoints[server]!
    const addresses = this.#named.get(hashKey)!
    if (addresses.length === 1) return this.#canBeHad(server) ? server : -1
    const endpoint = this.#turns.pick(
      addresses.filter((one) => this.#usable.has(one)),
      this.#request!,
    )
    return endpoint === undefined ? -1 : this.#endpoints.indexOf(endpoint)
  };

  *#makeRing(): Steps<KetamaRing> {
    this.#named.clear()
    for (const [at, endpoint] of this.#endpoints.entries()) {
      if (at % ENDPOINTS_PER_STEP === 0) yield
      const others = this.#named.get(endpoint.hashKey)
      if (others === undefined) this.#named.set(endpoint.hashKey, [endpoint])
      else others.push(endpoint)
    }
    const names = this.#endpoints.map(({ hashKey }) => hashKey)
    return yield* KetamaRing.make(names, this.#servers.weights)
  }

  onFailed(endpoint: Endpoint): void {
    this.#turns.onFailed(endpoint)
  }

  onBack(endpoint: Endpoint): void {
    this.#turns.onBack(endpoint)
  }
}

function octetsOf(text: string): Buffer {
  return Buffer.from(text, "latin1")
}

/** In binary. */
function isAddress(text: string): boolean {
  return text.length === 4 || text.length === 16
}
