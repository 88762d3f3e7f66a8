import { createHash } from "node:crypto"
import { atOnce, type Steps } from "../base/steps.ts"
import type { Availability } from "./availability.ts"
import type { Endpoint } from "./endpoint.ts"
import { isPassedOver, type PickRequest } from "./policies/policy.ts"

/** So many are hashed in one step. */
const ENDPOINTS_PER_STEP = 32

/**
 * Clients that have been at an endpoint come back to it, by a cookie that names it: before the policy is asked, and where it
 * can be used. Cost: a look-up. Source: nginx, `sticky cookie`.
 */
export class Sticky {
  readonly #cookie: string
  /** Endpoints by what cookies say of them. */
  readonly #indexes = new WeakMap<Availability, ReadonlyMap<string, Endpoint>>()

  constructor(cookie: string) {
    this.#cookie = `$cookie_${cookie}`
  }

  /** The endpoint that a stream's cookie names, where it may have the stream. */
  find(availability: Availability, request: PickRequest): Endpoint | undefined {
    const id = request.subject.render(this.#cookie)
    if (id === "") return undefined
    if (!this.#indexes.has(availability)) atOnce(this.prepare(availability))
    const endpoint = this.#indexes.get(availability)!.get(id)
    if (endpoint === undefined || isPassedOver(endpoint, request)) return undefined
    return availability.levels.some(({ available }) => available.includes(endpoint)) ? endpoint : undefined
  }

  /** Makes beforehand what the first pick would make else. */
  *prepare(availability: Availability): Steps {
    const byId = new Map<string, Endpoint>()
    for (const { endpoints } of availability.levels)
      for (const [at, endpoint] of endpoints.entries()) {
        byId.set(stickyIdOf(endpoint), endpoint)
        if ((at + 1) % ENDPOINTS_PER_STEP === 0) yield
      }
    this.#indexes.set(availability, byId)
  }
}

const ids = new WeakMap<Endpoint, string>()

/** What a cookie says of an endpoint: its `route`, else the MD5 hash of its address, as in nginx. */
export function stickyIdOf(endpoint: Endpoint): string {
  const { route } = endpoint.config
  if (route !== null) return route
  let id = ids.get(endpoint)
  if (id === undefined) {
    id = createHash("md5").update(endpoint.address).digest("hex")
    ids.set(endpoint, id)
  }
  return id
}
