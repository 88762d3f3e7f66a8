import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { asObject, listAt, objectAt, textAt } from "./json-reader.ts"
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
  #keys: Keys = new Map()
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
    const found: Keys = new Map()
    let key = base64(Buffer.from(prefix))
    let revision: bigint | undefined
    for (;;) {
      const { body } = await this.#post(
        "/v3/kv/range",
        { key, range_end: end, limit: PAGE, ...(revision && { revision: String(revision) }) },
        signal,
      )
      const page = asObject(body, "the answer")
      revision ??= revisionOf(page)
      const kvs = listAt(page, "kvs").map(keyValue)
      for (const entry of kvs) put(found, entry)
      const last = kvs.at(-1)
      if (page.more !== true || last === undefined) break
      // The key that comes next after the last of this page.
      key = base64(Buffer.concat([Buffer.from(last.key, "base64"), Buffer.of(0)]))
    }
    this.#keys = found
    this.#nextRevision = revision + 1n
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
    await this.#client.follow(request, signal, (line) => this.#line(asObject(line, "a line of the watch")))
  }

  #line(line: Readonly<Record<string, unknown>>): void {
    if (line.error != null)
      throw new Error(`the watch failed: ${textAt(objectAt(line, "error"), "message") ?? "without a reason"}`)
    if (line.result == null) throw new Error("a line of the watch has no result")
    const result = objectAt(line, "result")
    if (result.canceled === true) {
      this.#nextRevision = null
      const compacted = textAt(result, "compact_revision")
      if (compacted === null)
        throw new Error(`the watch was ended: ${textAt(result, "cancel_reason") ?? "without a reason"}`)
      throw new Error(`revision ${compacted} was compacted; all is listed again`)
    }
    this.#retrying.succeeded()
    const events = listAt(result, "events").map((event) => asObject(event, "an event"))
    if (events.length === 0) return
    const revision = revisionOf(result)
    for (const event of events) {
      const changed = keyValue(event.kv)
      if (event.type === "DELETE") this.#keys.delete(changed.key)
      else put(this.#keys, changed)
    }
    this.#nextRevision = revision + 1n
    this.#tell()
  }

  #tell(): void {
    const entries = [...this.#keys]
    const unread = entries.filter(([, { isUnread }]) => isUnread).map(([key]) => key)
    const endpoints = entries.flatMap(([, { endpoint }]) => endpoint ?? [])
    const [first] = unread
    if (first === undefined) return this.#listener?.onEndpoints(endpoints)
    const named = Buffer.from(first, "base64").toString().slice(0, 80)
    this.#listener?.onEndpoints(endpoints, `${unread.length} keys have no endpoint, such as "${named}"`)
  }
}

interface Key {
  readonly endpoint: DiscoveredEndpoint | null
  /** What stands there now is no endpoint. */
  readonly isUnread: boolean
}

/** By key, in base64. */
type Keys = Map<string, Key>

interface KeyValue {
  readonly key: string
  readonly value: string
}

function keyValue(entry: unknown): KeyValue {
  const object = asObject(entry, "a key")
  const key = textAt(object, "key")
  if (key === null) throw new Error("not as documented: a key has no name")
  return { key, value: textAt(object, "value") ?? "" }
}

function revisionOf(answer: Readonly<Record<string, unknown>>): bigint {
  const text = String(objectAt(answer, "header").revision)
  if (!/^\d{1,19}$/.test(text)) throw new Error("the answer names no revision")
  return BigInt(text)
}

/** A value that is no endpoint leaves what its key had before: half a write must not take one away. */
function put(keys: Keys, { key, value }: KeyValue): void {
  const endpoint = readValue(Buffer.from(value, "base64").toString())
  keys.set(key, { endpoint: endpoint ?? keys.get(key)?.endpoint ?? null, isUnread: endpoint === null })
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
