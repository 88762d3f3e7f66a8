import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"
import { asObject, flagAt, listAt, numberAt, objectAt, textAt } from "./json-reader.ts"
import { Retrying } from "./retrying.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

export interface KubernetesSourceOptions {
  readonly client: JsonClient
  readonly namespace: string
  readonly service: string
  /** Of the Service's ports: a name or a number; null: its only one. */
  readonly port: string | number | null
  readonly clock: Clock
  readonly random: Random
}

const ASK_TIMEOUT_MS = 30_000
/** The server is asked to end a watch after this, and bookmarks come every minute: silence past it is a dead peer. */
const WATCH_SECONDS = 300
const WATCH_TIMEOUT_MS = (WATCH_SECONDS + 30) * 1000
const PAGE = 500

/** discovery.k8s.io/v1, as far as it is read. */
export interface EndpointSlice {
  metadata?: { name?: string; resourceVersion?: string }
  addressType?: string
  ports?: readonly SlicePort[] | null
  endpoints?:
    | readonly {
        addresses?: readonly string[] | null
        conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null } | null
        zone?: string | null
      }[]
    | null
}

interface SlicePort {
  name?: string | null
  port?: number | null
  protocol?: string | null
}

/**
 * The EndpointSlices of a Kubernetes Service: a list, then a watch from its version, with bookmarks; after 410 Gone a list
 * again. Endpoints that are ready take streams; those that end and still serve keep theirs and get no new ones.
 * Source: Kubernetes, "Efficient detection of changes" and discovery.k8s.io/v1.
 */
export class KubernetesSource implements DiscoverySource {
  readonly name: string
  readonly #options: KubernetesSourceOptions
  readonly #retrying: Retrying
  #listener: DiscoveryListener | null = null
  readonly #slices = new Map<string, Slice>()
  /** Where the next watch begins; null: all is listed first. */
  #version: string | null = null

  constructor(options: KubernetesSourceOptions) {
    const { namespace, service } = options
    this.name = `kubernetes ${namespace}/${service}`
    this.#options = options
    this.#retrying = new Retrying((signal) => this.#round(signal), {
      clock: options.clock,
      random: options.random,
      onFailure: (error) => {
        if (error instanceof JsonError && error.status === 410) this.#version = null
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

  async #round(signal: AbortSignal): Promise<void> {
    if (this.#version === null) await this.#list(signal)
    const query = new URLSearchParams({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version!,
      timeoutSeconds: String(WATCH_SECONDS),
    })
    const request = { method: "GET", path: this.#path(query), timeoutMs: WATCH_TIMEOUT_MS } as const
    await this.#options.client.follow(
      request,
      signal,
      (event) => this.#event(asObject(event, "an event of the watch")),
      () => this.#retrying.succeeded(),
    )
  }

  #path(query: URLSearchParams): string {
    const { namespace, service } = this.#options
    query.set("labelSelector", `kubernetes.io/service-name=${service}`)
    return `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?${query.toString()}`
  }

  async #list(signal: AbortSignal): Promise<void> {
    const found: Slice[] = []
    let more = ""
    let version: string | null = null
    do {
      const query = new URLSearchParams({ limit: String(PAGE), ...(more && { continue: more }) })
      const request = { method: "GET", path: this.#path(query), timeoutMs: ASK_TIMEOUT_MS } as const
      const { body } = await this.#options.client.ask(request, signal)
      const page = asObject(body, "the answer")
      if (page.items === undefined) throw new Error("the answer has no items")
      found.push(...listAt(page, "items").map(readSlice))
      const metadata = objectAt(page, "metadata")
      version = textAt(metadata, "resourceVersion")
      more = textAt(metadata, "continue") ?? ""
    } while (more !== "")
    if (version === null) throw new Error("the answer names no resourceVersion")
    this.#slices.clear()
    for (const slice of found) this.#slices.set(slice.name, slice)
    this.#version = version
    this.#tell()
  }

  #event(event: Readonly<Record<string, unknown>>): void {
    const { type } = event
    if (event.object == null) throw new Error("an event of the watch has no object")
    const object = objectAt(event, "object")
    if (type === "ERROR") {
      const code = numberAt(object, "code") ?? 0
      throw new JsonError(
        `the watch failed with ${code}: ${textAt(object, "message") ?? "without a reason"}`,
        code,
      )
    }
    const version = textAt(objectAt(object, "metadata"), "resourceVersion")
    if (type === "BOOKMARK") {
      this.#version = version ?? this.#version
      return
    }
    this.#version = version ?? this.#version
    let slice: Slice
    try {
      slice = readSlice(object)
    } catch (error) {
      // Until all of it can be read: a watch would only go on without this one.
      this.#version = null
      throw error
    }
    if (type === "DELETED") this.#slices.delete(slice.name)
    else this.#slices.set(slice.name, slice)
    this.#tell()
  }

  #tell(): void {
    const { port } = this.#options
    const slices = [...this.#slices.values()]
    const problem = portProblem(slices, port)
    if (problem === null) this.#listener?.onEndpoints(endpointsOf(slices, port))
    else this.#listener?.onFailure(problem)
  }
}

/** A slice, in which nothing is null and everything of its kind. */
interface Slice extends Pick<EndpointSlice, "addressType" | "ports" | "endpoints"> {
  readonly name: string
}

/** Errors: throws what is not as documented. */
function readSlice(value: unknown): Slice {
  const slice = asObject(value, "an EndpointSlice")
  return {
    name: textAt(objectAt(slice, "metadata"), "name") ?? "",
    addressType: textAt(slice, "addressType") ?? "IPv4",
    ports: listAt(slice, "ports").map((one) => {
      const port = asObject(one, "a port")
      return { name: textAt(port, "name"), port: numberAt(port, "port"), protocol: textAt(port, "protocol") }
    }),
    endpoints: listAt(slice, "endpoints").map((one) => {
      const endpoint = asObject(one, "an endpoint")
      const conditions = objectAt(endpoint, "conditions")
      const addresses = listAt(endpoint, "addresses")
      if (!addresses.every((address) => typeof address === "string"))
        throw new Error("not as documented: an address is not a string")
      return {
        addresses,
        conditions: {
          ready: flagAt(conditions, "ready"),
          serving: flagAt(conditions, "serving"),
          terminating: flagAt(conditions, "terminating"),
        },
        zone: textAt(endpoint, "zone"),
      }
    }),
  }
}

/** Endpoints there are, and none of them at a port that is wanted: for people to set right. Null: nothing is wrong. */
function portProblem(slices: readonly EndpointSlice[], wanted: string | number | null): string | null {
  const filled = slices.filter(
    ({ addressType, endpoints }) => addressType !== "FQDN" && (endpoints ?? []).length > 0,
  )
  if (filled.length === 0 || filled.some(({ ports }) => portOf(ports ?? [], wanted) !== null)) return null
  const names = tcpOf(filled[0]!.ports ?? []).map(({ name, port }) => name || String(port))
  if (names.length === 0) return "the Service has no TCP port"
  const which = `its ports are ${names.join(", ")}`
  return wanted === null
    ? `the Service has several ports and none is chosen: ${which}`
    : `no port ${wanted}: ${which}`
}

/** Of all slices of a Service. An address may stand in two slices while it moves: the ready one counts. Pure. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  wanted: string | number | null,
): DiscoveredEndpoint[] {
  const byAddress = new Map<string, DiscoveredEndpoint>()
  for (const { addressType, ports, endpoints } of slices) {
    const port = portOf(ports ?? [], wanted)
    if (port === null || addressType === "FQDN") continue
    for (const { addresses, conditions: given, zone = null } of endpoints ?? []) {
      const conditions = given ?? {}
      const isTerminating = conditions.terminating === true
      // Missing means ready: discovery.k8s.io/v1.
      const isReady = conditions.ready ?? !isTerminating
      const isServing = conditions.serving ?? isReady
      const isDraining = isTerminating && isServing
      if (!isReady && !isDraining) continue
      for (const host of addresses ?? []) {
        const { text } = hostAddress(host, port)
        if (byAddress.get(text)?.isDraining === false) continue
        byAddress.set(text, { ...plainEndpoint(text), zone, isDraining })
      }
    }
  }
  return [...byAddress.values()]
}

function portOf(ports: readonly SlicePort[], wanted: string | number | null): number | null {
  const tcp = tcpOf(ports)
  const found =
    wanted === null
      ? tcp.length === 1
        ? tcp[0]
        : undefined
      : tcp.find(({ name, port }) => name === wanted || port === wanted)
  return found?.port ?? null
}

function tcpOf(ports: readonly SlicePort[]): SlicePort[] {
  return ports.filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
}
