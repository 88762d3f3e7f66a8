import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { Retrying } from "./retrying.ts"
import {
  type DiscoveredEndpoint,
  type DiscoveryListener,
  type DiscoverySource,
  plainEndpoint,
} from "./source.ts"

export interface EtcdSourceOptions {
  /** One of the members; another is taken after each failure. */
  readonly clients: readonly JsonClient[]
  /** `PREFIX/`: endpoints are the keys below it. */
  readonly prefix: string
  readonly user: { readonly name: string; readonly password: string } | null
  /** The token that the clients send; set after each login. */
  readonly setToken: (token: string) => void
  readonly clock: Clock
  readonly random: Random
}

const ASK_TIMEOUT_MS = 10_000
/** Watches are silent while nothing changes; progress notices come every ten minutes. */
const WATCH_TIMEOUT_MS = 30 * 60_000
const PAGE = 5_000

interface KeyValue {
  key: string
  value?: string
}

interface WatchLine {
  error?: { message?: string }
  result?: {
    header?: { revision?: string }
    canceled?: boolean
    compact_revision?: string
    cancel_reason?: string
    events?: { type?: "PUT" | "DELETE"; kv: KeyValue }[]
  }
}

/**
 * Endpoints in etcd, laid out as its own naming for gRPC does (clientv3/naming/endpoints): a key below the prefix for
 * each, `{"Op":0,"Addr":"10.0.0.1:3000","Metadata":{"weight":2}}`. A list, then a watch from its revision; after a
 * compaction a list again. It speaks etcd's JSON gateway, which is on by default and needs no gRPC library.
 */
export class EtcdSource implements DiscoverySource {
  readonly name: string
  readonly #options: EtcdSourceOptions
  readonly #retrying: Retrying
  #listener: DiscoveryListener | null = null
  #endpoints = new Map<string, DiscoveredEndpoint>()
  #member = 0
  /** Where the next watch begins; null: all is listed first. */
  #nextRevision: bigint | null = null

  constructor(options: EtcdSourceOptions) {
    this.name = `etcd ${options.prefix}`
    this.#options = options
    this.#retrying = new Retrying((signal) => this.#round(signal), {
      clock: options.clock,
      random: options.random,
      onFailure: (error) => {
        this.#member++
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

  get #client(): JsonClient {
    return this.#options.clients[this.#member % this.#options.clients.length]!
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { user } = this.#options
    if (user !== null) {
      const { body } = await this.#post("/v3/auth/authenticate", user, signal)
      this.#options.setToken(String((body as { token?: unknown }).token))
    }
    if (this.#nextRevision === null) await this.#list(signal)
    await this.#watch(signal)
  }

  #post(path: string, body: unknown, signal: AbortSignal) {
    return this.#client.ask({ method: "POST", path, body, timeoutMs: ASK_TIMEOUT_MS }, signal)
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { prefix } = this.#options
    const end = base64(endOf(prefix))
    const found = new Map<string, DiscoveredEndpoint>()
    let key = base64(Buffer.from(prefix))
    let revision: string | undefined
    for (;;) {
      const { body } = await this.#post(
        "/v3/kv/range",
        { key, range_end: end, limit: PAGE, ...(revision && { revision }) },
        signal,
      )
      const page = body as { header?: { revision?: string }; kvs?: KeyValue[]; more?: boolean }
      revision ??= page.header?.revision
      for (const entry of page.kvs ?? []) put(found, entry)
      const last = page.kvs?.at(-1)
      if (page.more !== true || last === undefined) break
      // The key that comes next after the last of this page.
      key = base64(Buffer.concat([Buffer.from(last.key, "base64"), Buffer.of(0)]))
    }
    if (revision === undefined) throw new Error("the answer names no revision")
    this.#endpoints = found
    this.#nextRevision = BigInt(revision) + 1n
    this.#tell()
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { prefix } = this.#options
    const create = {
      key: base64(Buffer.from(prefix)),
      range_end: base64(endOf(prefix)),
      start_revision: String(this.#nextRevision),
      progress_notify: true,
    }
    const request = {
      method: "POST",
      path: "/v3/watch",
      body: { create_request: create },
      timeoutMs: WATCH_TIMEOUT_MS,
    } as const
    await this.#client.follow(request, signal, (line) => this.#line(line as WatchLine))
  }

  #line({ result, error }: WatchLine): void {
    if (error !== undefined) throw new Error(`the watch failed: ${error.message ?? "without a reason"}`)
    if (result === undefined) throw new Error("a line of the watch has no result")
    if (result.canceled === true) {
      this.#nextRevision = null
      const compacted = result.compact_revision
      if (compacted === undefined) throw new Error(`the watch was ended: ${result.cancel_reason ?? ""}`)
      throw new Error(`revision ${compacted} was compacted; all is listed again`)
    }
    this.#retrying.succeeded()
    const { revision } = result.header ?? {}
    const events = result.events ?? []
    for (const { type = "PUT", kv } of events) {
      if (type === "DELETE") this.#endpoints.delete(kv.key)
      else put(this.#endpoints, kv)
    }
    if (revision !== undefined && events.length > 0) this.#nextRevision = BigInt(revision) + 1n
    if (events.length > 0) this.#tell()
  }

  #tell(): void {
    this.#listener?.onEndpoints([...this.#endpoints.values()])
  }
}

/** A value that is no endpoint leaves what its key had before: half a write must not take one away. */
function put(endpoints: Map<string, DiscoveredEndpoint>, { key, value = "" }: KeyValue): void {
  const endpoint = readValue(Buffer.from(value, "base64").toString())
  if (endpoint !== null) endpoints.set(key, endpoint)
}

function readValue(text: string): DiscoveredEndpoint | null {
  try {
    const { Addr: address, Metadata: metadata } = JSON.parse(text) as { Addr?: unknown; Metadata?: unknown }
    if (typeof address !== "string" || address === "") return null
    const { weight, zone } = (typeof metadata === "object" ? (metadata ?? {}) : {}) as Record<string, unknown>
    return {
      ...plainEndpoint(address),
      weight: typeof weight === "number" ? weight : 1,
      zone: typeof zone === "string" ? zone : null,
    }
  } catch {
    return null
  }
}

/** The first key that does not begin with `prefix`. */
function endOf(prefix: string): Buffer {
  const octets = Buffer.from(prefix)
  for (let i = octets.length - 1; i >= 0; i--) {
    if (octets[i]! === 0xff) continue
    octets[i]! += 1
    return octets.subarray(0, i + 1)
  }
  return Buffer.of(0)
}

function base64(octets: Buffer): string {
  return octets.toString("base64")
}
