import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { type JsonClient, JsonError } from "../../net/json-client.ts"
import { asObject, listAt, numberAt, objectAt, textAt } from "./json-reader.ts"
import { Retrying } from "./retrying.ts"

const ASK_TIMEOUT_MS = 30_000
/** The server is asked to end a watch after this, and bookmarks come every minute: silence past it is a dead peer. */
const WATCH_SECONDS = 300
const WATCH_TIMEOUT_MS = (WATCH_SECONDS + 30) * 1000
const PAGE = 500

export interface KubernetesObject {
  metadata?: { name?: string; namespace?: string; resourceVersion?: string }
}

export interface KubernetesListOptions<T> {
  readonly client: JsonClient
  /** `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices`. */
  readonly path: string
  /** Selectors. */
  readonly query?: Readonly<Record<string, string>>
  /** Objects in one answer. Default: 500. */
  readonly page?: number
  /** Most objects: a longer list fails. Default: no bound of its own. */
  readonly objectsMax?: number
  /** There are more. */
  onTooMany?(): void
  readonly clock: Clock
  readonly random: Random
  /** What is kept of an object. Errors: what it throws is said, and all is listed again. */
  keep(object: KubernetesObject): T
  /** `changed`: the one object that came, changed or left; null: all are listed anew. */
  onChange(changed: T | null): void
  onFailure(error: Error): void
}

/**
 * All objects of a kind, as the API server has them: a list, then a watch from its version, with bookmarks; after 410 Gone a
 * list again. What is there when it fails stays.
 * Source: Kubernetes, "Efficient detection of changes".
 */
export class KubernetesList<T> {
  readonly #options: KubernetesListOptions<T>
  readonly #retrying: Retrying
  readonly #objects = new Map<string, T>()
  #isListed = false
  /** Where the next watch begins; null: all is listed first. */
  #version: string | null = null

  constructor(options: KubernetesListOptions<T>) {
    this.#options = options
    this.#retrying = new Retrying((signal) => this.#round(signal), {
      clock: options.clock,
      random: options.random,
      onFailure: (error) => {
        if (error instanceof JsonError && error.status === 410) this.#version = null
        options.onFailure(error)
      },
    })
  }

  start(): void {
    this.#retrying.start()
  }

  stop(): void {
    this.#retrying.stop()
  }

  /** It has answered once. */
  get isListed(): boolean {
    return this.#isListed
  }

  get objects(): Iterable<T> {
    return this.#objects.values()
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`)
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
    for (const [name, value] of Object.entries(this.#options.query ?? {})) query.set(name, value)
    return `${this.#options.path}?${query.toString()}`
  }

  async #list(signal: AbortSignal): Promise<void> {
    const found = new Map<string, T>()
    let more = ""
    let version: string | null = null
    do {
      const query = new URLSearchParams({
        limit: String(this.#options.page ?? PAGE),
        ...(more && { continue: more }),
      })
      const request = { method: "GET", path: this.#path(query), timeoutMs: ASK_TIMEOUT_MS } as const
      const { body } = await this.#options.client.ask(request, signal)
      const page = asObject(body, "the answer")
      if (page.items === undefined) throw new Error("the answer has no items")
      for (const item of listAt(page, "items")) {
        const object = asObject(item, "an item")
        found.set(keyOf(object), this.#options.keep(object))
      }
      this.#checkSize(found.size)
      const metadata = objectAt(page, "metadata")
      version = textAt(metadata, "resourceVersion")
      more = textAt(metadata, "continue") ?? ""
    } while (more !== "")
    if (version === null) throw new Error("the answer names no resourceVersion")
    this.#objects.clear()
    for (const [key, object] of found) this.#objects.set(key, object)
    this.#version = version
    this.#isListed = true
    this.#options.onChange(null)
  }

  #event(event: Readonly<Record<string, unknown>>): void {
    const { type } = event
    if (event.object == null) throw new Error("an event of the watch has no object")
    const object = objectAt(event, "object")
    if (type === "ERROR") {
      const code = numberAt(object, "code") ?? 0
      const message = textAt(object, "message") ?? "without a reason"
      throw new JsonError(`the watch failed with ${code}: ${message}`, code)
    }
    this.#version = textAt(objectAt(object, "metadata"), "resourceVersion") ?? this.#version
    if (type === "BOOKMARK") return
    const key = keyOf(object)
    let kept: T
    try {
      kept = this.#options.keep(object)
    } catch (error) {
      // Until all of it can be read: the watch would only go on without this one.
      this.#version = null
      throw error
    }
    if (type === "DELETED") this.#objects.delete(key)
    else {
      if (!this.#objects.has(key)) this.#checkSize(this.#objects.size + 1)
      this.#objects.set(key, kept)
    }
    this.#options.onChange(kept)
  }

  #checkSize(count: number): void {
    const { objectsMax = Number.POSITIVE_INFINITY, path } = this.#options
    if (count <= objectsMax) return
    this.#options.onTooMany?.()
    throw new Error(`${path} has more than ${objectsMax} objects`)
  }
}

function keyOf(object: Readonly<Record<string, unknown>>): string {
  const metadata = objectAt(object, "metadata")
  return `${textAt(metadata, "namespace") ?? ""}/${textAt(metadata, "name") ?? ""}`
}
