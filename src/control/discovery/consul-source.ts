import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { asObject, listAt, numberAt, objectAt, textAt } from "./json-reader.ts"
import { Retrying } from "./retrying.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

export interface ConsulSourceOptions {
  readonly client: JsonClient
  readonly service: string
  readonly datacenter: string | null
  readonly tags: readonly string[]
  readonly clock: Clock
  readonly random: Random
}

/** As long as the server holds a question that has no news; it adds a sixteenth at random. */
const WAIT_MS = 5 * 60_000
const TIMEOUT_MS = WAIT_MS + WAIT_MS / 16 + 30_000

/**
 * The instances of a service in Consul of which no check is critical, by blocking queries.
 * Source: Consul's documentation, "Blocking Queries" (what to do about an index that falls or is 0) and "Health HTTP API".
 */
export class ConsulSource implements DiscoverySource {
  readonly name: string
  readonly #options: ConsulSourceOptions
  readonly #retrying: Retrying
  #listener: DiscoveryListener | null = null
  #index = 0n

  constructor(options: ConsulSourceOptions) {
    this.name = `consul ${options.service}`
    this.#options = options
    this.#retrying = new Retrying((signal) => this.#ask(signal), {
      clock: options.clock,
      random: options.random,
      onFailure: (error) => {
        // What it missed meanwhile is asked for anew.
        this.#index = 0n
        this.#listener?.onFailure(error.message)
      },
    })
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener
    this.#retrying.start()
  }

  refresh(): void {}

  stop(): void {
    this.#listener = null
    this.#retrying.stop()
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { service, datacenter, tags, client } = this.#options
    // Not `passing`, which leaves out those that warn: Consul's DNS has them too, with the weight that they have for that.
    const query = new URLSearchParams({ stale: "" })
    if (datacenter !== null) query.set("dc", datacenter)
    for (const tag of tags) query.append("tag", tag)
    if (this.#index > 0n) {
      query.set("index", String(this.#index))
      query.set("wait", `${WAIT_MS / 1000}s`)
    }
    const path = `/v1/health/service/${encodeURIComponent(service)}?${query.toString()}`
    const { body, headers } = await client.ask({ method: "GET", path, timeoutMs: TIMEOUT_MS }, signal)
    if (!Array.isArray(body)) throw new Error("the answer is not a list of instances")
    const text = headers["x-consul-index"]
    if (typeof text !== "string" || !/^\d{1,19}$/.test(text))
      throw new Error("the answer has no X-Consul-Index")
    const index = BigInt(text)
    const endpoints = body.flatMap(endpointOf)
    this.#retrying.succeeded()
    const isNews = index !== this.#index
    // An index that fell means that the server began anew: everything is asked for once more.
    this.#index = index < this.#index ? 0n : index < 1n ? 1n : index
    if (isNews) this.#listener?.onEndpoints(endpoints)
  }
}

/** An instance without a port has port 0, and is refused for it with all that is unusable. */
function endpointOf(entry: unknown): DiscoveredEndpoint[] {
  const instance = asObject(entry, "an instance")
  const [node, service] = [objectAt(instance, "Node"), objectAt(instance, "Service")]
  const statuses = listAt(instance, "Checks").map((check) => textAt(asObject(check, "a check"), "Status"))
  const host = textAt(service, "Address") || textAt(node, "Address")
  if (host === null || host === "" || statuses.includes("critical")) return []
  const weights = objectAt(service, "Weights")
  const zone = textAt(objectAt(service, "Locality"), "Zone") ?? textAt(objectAt(node, "Meta"), "zone")
  return [
    {
      ...plainEndpoint(hostAddress(host, numberAt(service, "Port") ?? 0).text),
      weight: numberAt(weights, statuses.includes("warning") ? "Warning" : "Passing") ?? 1,
      zone,
    },
  ]
}
