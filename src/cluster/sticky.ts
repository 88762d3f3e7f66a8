import { createHash } from "node:crypto"
import type { Availability } from "./availability.ts"
import type { Endpoint } from "./endpoint.ts"
import { isPassedOver, type PickRequest } from "./policies/policy.ts"

/**
 * Clients that have been at an endpoint come back to it, by a cookie that names it: before the policy is asked, and where it
 * can be used. Cost: a look-up. Source: nginx, `sticky cookie`.
 */
export class Sticky {
  readonly #cookie: string
  #availability: Availability | null = null
  #byId: ReadonlyMap<string, Endpoint> = new Map()

  constructor(cookie: string) {
    this.#cookie = `$cookie_${cookie}`
  }

  /** The endpoint that a stream's cookie names, where it may have the stream. */
  find(availability: Availability, request: PickRequest): Endpoint | undefined {
    const id = request.subject.render(this.#cookie)
    if (id === "") return undefined
    if (availability !== this.#availability) this.#index(availability)
    const endpoint = this.#byId.get(id)
    if (endpoint === undefined || isPassedOver(endpoint, request)) return undefined
    return availability.levels.some(({ available }) => available.includes(endpoint)) ? endpoint : undefined
  }

  #index(availability: Availability): void {
    this.#availability = availability
    const endpoints = availability.levels.flatMap((level) => level.endpoints)
    this.#byId = new Map(endpoints.map((endpoint) => [stickyIdOf(endpoint), endpoint]))
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
