import type { Clock } from "../../base/clock.ts"
import type { EndpointState } from "../../cluster/state.ts"
import type { Config } from "../../config/model.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { Log } from "../../log/logger.ts"
import type { SubscriptionView } from "../../xds/ads-client.ts"
import { type AdsApi, type AdsVariant, adsVariant } from "../../xds/ads-variant.ts"
import { ResponseEncoder } from "../../xds/encode.ts"
import { type LoadReport, LoadReports } from "../../xds/load-reports.ts"
import {
  type ConfiguredResources,
  configuredResources,
  endpointResource,
  toldClusters,
} from "../../xds/resources/resources.ts"
import { ResourceStore } from "../../xds/store.ts"
import { ENDPOINTS, shortName } from "../../xds/type-urls.ts"

/** Clients that are told of a change in one turn: the control thread has more to do. */
const CLIENTS_PER_TURN = 256

/** What the service needs of the control side. */
export interface XdsSource {
  readonly config: Config
  endpointsOf(cluster: string): readonly EndpointState[]
}

export interface XdsServiceOptions {
  readonly source: XdsSource
  readonly clock: Clock
  readonly log: Log
}

/** A client as it is shown. */
export interface XdsClientView {
  readonly id: number
  /** `127.0.0.1:4711`. */
  readonly peer: string
  /** Of its bootstrap. */
  readonly node: string
  /** `gRPC Go 1.76.0`. */
  readonly agent: string
  readonly api: AdsApi
  readonly sinceMs: number
  readonly subscriptions: readonly SubscriptionView[]
}

/** The stream of a client, by whatever carries it. */
export interface XdsStream {
  /** Returns false where the client should be sent nothing until it has taken this: `drained` says so. */
  send(octets: Buffer): boolean
}

/**
 * What clients of xDS are told: the resources of the configuration in force and of its endpoints as they are, and who has
 * what of it. One stream of ADS is one client.
 */
export class XdsService {
  readonly #options: XdsServiceOptions
  readonly #store: ResourceStore
  readonly #encoder: ResponseEncoder
  readonly #clients = new Set<Client>()
  readonly #loads = new LoadReports()
  #configured: ConfiguredResources | null = null
  #ids = 0
  /** Clients that have not heard of the last change yet. */
  #untold: Iterator<Client> | null = null

  constructor(options: XdsServiceOptions) {
    this.#options = options
    this.#store = new ResourceStore(Math.floor(options.clock.wallMs()).toString(36))
    this.#encoder = new ResponseEncoder(this.#store)
    this.configChanged()
  }

  // ---- What is told -------------------------------------------------------------------------------------------

  configChanged(): void {
    const { source, log } = this.#options
    const { config } = source
    const configured = configuredResources(config)
    for (const { server, reason } of configured.left)
      log.warn("clients of xDS are not told of this server", { server, reason })
    this.#configured = configured
    let isChanged = false
    for (const [type, resources] of configured.byType)
      isChanged = this.#store.replace(type, resources) || isChanged
    const endpoints = toldClusters(config).map(
      (cluster) => [cluster.name, endpointResource(cluster, source.endpointsOf(cluster.name))] as const,
    )
    isChanged = this.#store.replace(ENDPOINTS, new Map(endpoints)) || isChanged
    if (isChanged) this.#changed()
  }

  endpointsChanged(name: string): void {
    const { source } = this.#options
    const cluster = toldClusters(source.config).find((each) => each.name === name)
    if (cluster === undefined) return
    if (this.#store.set(ENDPOINTS, name, endpointResource(cluster, source.endpointsOf(name)))) this.#changed()
  }

  #changed(): void {
    this.#encoder.changed()
    const isUnderWay = this.#untold !== null
    this.#untold = this.#clients.values()
    if (!isUnderWay) setImmediate(() => this.#tell())
  }

  #tell(): void {
    for (let told = 0; told < CLIENTS_PER_TURN; told++) {
      const { done, value } = this.#untold!.next()
      if (done === true) {
        this.#untold = null
        return
      }
      try {
        value.tell()
      } catch (error) {
        // A bug: the others are told all the same.
        this.#options.log.error("unexpected error: a client of xDS was not told", {
          error: (error as Error).stack,
        })
      }
    }
    setImmediate(() => this.#tell())
  }

  // ---- To whom ------------------------------------------------------------------------------------------------

  /** A client's stream of ADS has begun. */
  openAds(api: AdsApi, peer: string, stream: XdsStream): Client {
    const { clock, log } = this.#options
    const client = new Client({
      id: ++this.#ids,
      peer,
      stream,
      api,
      ads: adsVariant(api, this.#store, this.#encoder),
      clock,
      log,
      onEnd: () => this.#clients.delete(client),
    })
    this.#clients.add(client)
    return client
  }

  /** A client's stream of load reports has begun. */
  openLoadReport(): LoadReport {
    return this.#loads.begin()
  }

  get clientCount(): number {
    return this.#clients.size
  }

  get clients(): XdsClientView[] {
    return [...this.#clients].map((client) => client.view)
  }

  /** Names for `xds:///NAME`. */
  get targets(): readonly string[] {
    return this.#configured?.targets ?? []
  }

  /** What clients carried past Sluice, by cluster. */
  get loads(): LoadReports["clusters"] {
    return this.#loads.clusters
  }
}

interface ClientOptions {
  readonly id: number
  readonly peer: string
  readonly stream: XdsStream
  readonly api: AdsApi
  readonly ads: AdsVariant
  readonly clock: Clock
  readonly log: Log
  onEnd(): void
}

/** One client. */
export class Client {
  readonly #options: ClientOptions
  readonly #sinceMs: number
  readonly #logOnce: LogOnce
  #node = ""
  #agent = ""
  #isFull = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#sinceMs = options.clock.wallMs()
    this.#logOnce = new LogOnce(options.log, { client: options.peer })
  }

  /** Errors: throws, in a sentence, on what is no request or asks for too much. */
  receive(octets: Uint8Array): void {
    const { ads, clock } = this.#options
    const { node, typeUrl, nack } = ads.receive(octets, clock.wallMs())
    if (node !== undefined) {
      const { id, userAgentName, userAgentVersionType: version } = node
      this.#node = id.slice(0, 200)
      this.#agent = [userAgentName, version.case === "userAgentVersion" ? version.value : ""]
        .filter((text) => text !== "")
        .join(" ")
        .slice(0, 100)
    }
    if (nack !== null)
      this.#logOnce.warn(`nack ${typeUrl} ${nack.message}`, "a client of xDS refused what it was sent", {
        node: this.#node,
        type: shortName(typeUrl),
        reason: nack.message,
      })
    this.tell()
  }

  /** Sends what is due. */
  tell(): void {
    const { ads, stream } = this.#options
    while (!this.#isFull) {
      const response = ads.next()
      if (response === null) return
      this.#isFull = !stream.send(response)
    }
  }

  /** It has taken what it was sent. */
  drained(): void {
    this.#isFull = false
    this.tell()
  }

  end(): void {
    this.#options.onEnd()
  }

  get view(): XdsClientView {
    const { id, peer, api, ads } = this.#options
    return {
      id,
      peer,
      api,
      node: this.#node,
      agent: this.#agent,
      sinceMs: this.#sinceMs,
      subscriptions: ads.subscriptions,
    }
  }
}
