import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { hostAddress } from "../../config/address.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"
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

export interface EndpointSlice {
  metadata?: { name?: string; resourceVersion?: string }
  addressType?: string
  ports?: { name?: string | null; port?: number | null; protocol?: string | null }[] | null
  endpoints?: {
    addresses?: string[]
    conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null }
    zone?: string | null
  }[]
}

interface SliceList {
  metadata?: { resourceVersion?: string; continue?: string }
  items?: EndpointSlice[]
}

interface WatchEvent {
  type?: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR"
  object?: EndpointSlice & { code?: number; message?: string }
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
  readonly #slices = new Map<string, EndpointSlice>()
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
      (event) => this.#event(event as WatchEvent),
      () => this.#retrying.succeeded(),
    )
  }

  #path(query: URLSearchParams): string {
    const { namespace, service } = this.#options
    query.set("labelSelector", `kubernetes.io/service-name=${service}`)
    return `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?${query.toString()}`
  }

  async #list(signal: AbortSignal): Promise<void> {
    const found: EndpointSlice[] = []
    let more = ""
    let version: string | undefined
    do {
      const query = new URLSearchParams({ limit: String(PAGE), ...(more && { continue: more }) })
      const request = { method: "GET", path: this.#path(query), timeoutMs: ASK_TIMEOUT_MS } as const
      const { body } = await this.#options.client.ask(request, signal)
      const page = body as SliceList
      if (!Array.isArray(page.items)) throw new Error("the answer has no items")
      found.push(...page.items)
      version = page.metadata?.resourceVersion
      more = page.metadata?.continue ?? ""
    } while (more !== "")
    if (version === undefined) throw new Error("the answer names no resourceVersion")
    this.#slices.clear()
    for (const slice of found) this.#slices.set(slice.metadata?.name ?? "", slice)
    this.#version = version
    this.#tell()
  }

  #event({ type, object }: WatchEvent): void {
    if (object === undefined) throw new Error("an event of the watch has no object")
    if (type === "ERROR") {
      const { code = 0, message = "without a reason" } = object
      throw new JsonError(`the watch failed with ${code}: ${message}`, code)
    }
    this.#version = object.metadata?.resourceVersion ?? this.#version
    if (type === "BOOKMARK") return
    const name = object.metadata?.name ?? ""
    if (type === "DELETED") this.#slices.delete(name)
    else this.#slices.set(name, object)
    this.#tell()
  }

  #tell(): void {
    this.#listener?.onEndpoints(endpointsOf([...this.#slices.values()], this.#options.port))
  }
}

/** Of all slices of a Service. An address may stand in two slices while it moves: the ready one counts. Pure. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  wanted: string | number | null,
): DiscoveredEndpoint[] {
  const byAddress = new Map<string, DiscoveredEndpoint>()
  for (const { addressType, ports, endpoints = [] } of slices) {
    const port = portOf(ports ?? [], wanted)
    if (port === null || addressType === "FQDN") continue
    for (const { addresses = [], conditions = {}, zone = null } of endpoints) {
      const isTerminating = conditions.terminating === true
      // Missing means ready: discovery.k8s.io/v1.
      const isReady = conditions.ready ?? !isTerminating
      const isServing = conditions.serving ?? isReady
      const isDraining = isTerminating && isServing
      if (!isReady && !isDraining) continue
      for (const host of addresses) {
        const { text } = hostAddress(host, port)
        if (byAddress.get(text)?.isDraining === false) continue
        byAddress.set(text, { ...plainEndpoint(text), zone, isDraining })
      }
    }
  }
  return [...byAddress.values()]
}

function portOf(ports: NonNullable<EndpointSlice["ports"]>, wanted: string | number | null): number | null {
  const tcp = ports.filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
  const found =
    wanted === null
      ? tcp.length === 1
        ? tcp[0]
        : undefined
      : tcp.find(({ name, port }) => name === wanted || port === wanted)
  return found?.port ?? null
}
