import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http"
import { createServer as createTlsServer, type Server as TlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { isDeepStrictEqual } from "node:util"
import type { JsonClientOptions } from "../../../src/net/json-client.ts"
import type { Finishing } from "../../interop-discovery/listening.ts"
import { collectionOf, discovery, kindOf, storedAs } from "./kubernetes-kinds.ts"

/** An object of the API. */
export interface ApiObject {
  apiVersion?: string
  kind?: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    creationTimestamp?: string
    labels?: Record<string, string>
  }
  status?: unknown
  [field: string]: unknown
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"
  /** `apis/GROUP/VERSION/PLURAL`; of bookmarks: all. */
  readonly collection: string | null
  readonly object: ApiObject
}

/** PEM. */
export interface ShownCertificate {
  cert: string
  key: string
}

interface Place {
  /** `apis/GROUP/VERSION/PLURAL`. */
  readonly collection: string
  readonly namespace: string
  readonly name: string
  readonly isStatus: boolean
}

/** What is refused, as the API server says it. */
class Refusal extends Error {
  readonly code: number

  constructor(code: number, reason: string) {
    super(reason)
    this.code = code
  }
}

/**
 * A stand-in for a kube-apiserver, not one: lists, watches and writes of objects as the API documents them, with pages,
 * selectors, bookmarks, 410 Gone, 429, versions that conflict and the status apart. It knows no schema and no account.
 */
export class StandInApi {
  readonly questions: URL[] = []
  /** Writes that were done, as `PATCH apis/…/grpcroutes/a/b/status`. */
  readonly writes: string[] = []
  baseUrl = ""
  /** What the next questions are answered with, one each. */
  readonly refusals: { status: number; headers?: Record<string, string> }[] = []
  /** Collections that are not installed. */
  readonly missing = new Set<string>()
  /** Versions before it are gone. */
  oldest = 0
  pageSize = 500
  /** Nothing is answered. */
  isAway = false
  #server: Server | TlsServer | null = null
  #version = 100
  #seconds = 0
  readonly #collections = new Map<string, Map<string, ApiObject>>()
  readonly #watches = new Map<ServerResponse, URL>()
  /** All that has changed, for watches that begin at an earlier version. */
  readonly #events: WatchEvent[] = []

  /** `tls`: what it shows; without it, it speaks plain HTTP. */
  async listen(t: Finishing, tls?: ShownCertificate): Promise<this> {
    const answer: RequestListener = (request, response) => void this.#answer(request, response)
    const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    this.baseUrl = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
    t.onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return this
  }

  /** It shows another certificate from now on, and connections to it are lost. */
  showCertificate(tls: ShownCertificate): void {
    ;(this.#server as TlsServer).setSecureContext(tls)
    this.#server!.closeAllConnections()
  }

  get access(): JsonClientOptions {
    return { baseUrl: this.baseUrl, headers: () => ({ authorization: "Bearer t" }) }
  }

  /** As people write it: by `apiVersion` and `kind`, whether or not it is there. */
  apply(...objects: ApiObject[]): void {
    for (const object of objects) {
      const collection = collectionOf(object)
      const { name, namespace = "" } = object.metadata
      const before = this.object(collection, namespace, name)
      if (before === undefined) this.create(collection, object)
      else this.#replace(collection, { ...object, status: object.status ?? before.status }, before)
    }
  }

  delete(collection: string, namespace: string, name: string): void {
    const object = this.object(collection, namespace, name)
    if (object === undefined) throw new Refusal(404, "NotFound")
    this.#objects(collection).delete(`${namespace}/${name}`)
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) }
    this.#send({ type: "DELETED", collection, object: { ...object, metadata } })
  }

  object(collection: string, namespace: string, name: string): ApiObject | undefined {
    return this.#objects(collection).get(`${namespace}/${name}`)
  }

  create(collection: string, object: ApiObject): ApiObject {
    const { name, namespace = "" } = object.metadata
    if (this.object(collection, namespace, name) !== undefined) throw new Refusal(409, "AlreadyExists")
    const metadata = {
      ...object.metadata,
      uid: `${collection}/${namespace}/${name}`,
      // Each a second later than the one before.
      creationTimestamp: new Date(1_700_000_000_000 + 1000 * this.#seconds++)
        .toISOString()
        .replace(".000", ""),
      ...(namespace !== "" && { namespace }),
      resourceVersion: String(++this.#version),
      generation: 1,
    }
    const created = { ...object, ...kindOf(collection), metadata }
    this.#objects(collection).set(`${namespace}/${name}`, created)
    this.#send({ type: "ADDED", collection, object: created })
    return created
  }

  bookmark(): void {
    const metadata = { name: "", resourceVersion: String(++this.#version) }
    this.#send({ type: "BOOKMARK", collection: null, object: { metadata } })
  }

  /** Ends every watch, as the server does after `timeoutSeconds`. */
  endWatches(): void {
    for (const watch of this.#watches.keys()) watch.end()
    this.#watches.clear()
  }

  get watches(): number {
    return this.#watches.size
  }

  get version(): number {
    return this.#version
  }

  #objects(collection: string): Map<string, ApiObject> {
    const known = this.#collections.get(collection) ?? new Map<string, ApiObject>()
    this.#collections.set(collection, known)
    return known
  }

  /** A changed spec is another generation; what changes nothing is no event. */
  #replace(collection: string, object: ApiObject, before: ApiObject): ApiObject {
    const { metadata: now, status: nowStatus, ...spec } = object
    const { metadata: last, status: lastStatus, ...specBefore } = before
    const isSameSpec = isDeepStrictEqual(spec, specBefore)
    const labels = now.labels ?? last.labels
    if (isSameSpec && isDeepStrictEqual(nowStatus, lastStatus) && isDeepStrictEqual(labels, last.labels))
      return before
    const metadata = {
      ...last,
      ...(labels !== undefined && { labels }),
      resourceVersion: String(++this.#version),
      generation: (last.generation ?? 1) + (isSameSpec ? 0 : 1),
    }
    const next = { ...object, ...kindOf(collection), metadata }
    this.#objects(collection).set(`${last.namespace ?? ""}/${last.name}`, next)
    this.#send({ type: "MODIFIED", collection, object: next })
    return next
  }

  #send(event: WatchEvent): void {
    if (event.type !== "BOOKMARK") this.#events.push(event)
    for (const [watch, url] of this.#watches) if (isWanted(url, event)) watch.write(lineOf(event))
  }

  // ---- Requests ---------------------------------------------------------------------------------------------------

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, "http://kubernetes")
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    if (this.isAway) return void response.destroy()
    this.questions.push(url)
    const kinds = request.method === "GET" ? discovery(url.pathname) : null
    if (kinds !== null) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(kinds))
      return
    }
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers).end('{"kind":"Status","message":"refused"}')
      return
    }
    try {
      const place = placeOf(url.pathname)
      if (this.missing.has(place.collection) || kindOf(place.collection) === undefined)
        throw new Refusal(404, "NotFound")
      if (request.method === "GET" && place.name === "") return this.#read(url, place, response)
      const body = chunks.length === 0 ? null : (JSON.parse(Buffer.concat(chunks).toString()) as ApiObject)
      const answer = this.#one(request, place, body)
      const code = request.method === "POST" ? 201 : 200
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(answer))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { code, message: reason } = error
      response.writeHead(code, { "content-type": "application/json" })
      const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" }
      response.end(JSON.stringify({ ...status, code, reason, message: reason }))
    }
  }

  /** One object, read or written. */
  #one({ method, headers }: IncomingMessage, place: Place, body: ApiObject | null): ApiObject {
    const { collection, namespace, name, isStatus } = place
    if (method !== "GET")
      this.writes.push(`${method} ${collection}/${namespace}/${name}${isStatus ? "/status" : ""}`)
    if (method === "POST") return this.create(collection, withNamespace(body!, namespace))
    const before = this.object(collection, namespace, name)
    if (before === undefined) throw new Refusal(404, "NotFound")
    if (method === "GET") return before
    if (method === "DELETE") {
      this.delete(collection, namespace, name)
      return before
    }
    const version = body!.metadata?.resourceVersion
    if (version !== undefined && version !== before.metadata.resourceVersion)
      throw new Refusal(409, "Conflict")
    if (method === "PATCH" && headers["content-type"] !== "application/merge-patch+json")
      throw new Refusal(415, "UnsupportedMediaType")
    const merged = method === "PATCH" ? (mergePatch(before, body!) as ApiObject) : body!
    const next = isStatus ? { ...before, status: merged.status } : { ...merged, status: before.status }
    return this.#replace(collection, next, before)
  }

  #read(url: URL, { collection }: Place, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" })
    if (!["1", "true"].includes(url.searchParams.get("watch") ?? ""))
      return void response.end(this.#page(url, collection))
    response.flushHeaders()
    const from = Number(url.searchParams.get("resourceVersion"))
    if (from < this.oldest) {
      const object = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" }
      return void response.end(`${JSON.stringify({ type: "ERROR", object })}\n`)
    }
    for (const event of this.#events)
      if (Number(event.object.metadata.resourceVersion) > from && isWanted(url, event))
        response.write(lineOf(event))
    this.#watches.set(response, url)
    response.on("close", () => this.#watches.delete(response))
  }

  #page(url: URL, collection: string): string {
    const all = [...this.#objects(collection).values()].filter((object) =>
      isWanted(url, { type: "ADDED", collection, object }),
    )
    const from = Number(url.searchParams.get("continue") ?? 0)
    const end = from + Math.min(this.pageSize, Number(url.searchParams.get("limit") ?? this.pageSize))
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length && { continue: String(end) }),
    }
    const { apiVersion, kind } = kindOf(collection)!
    return JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items: all.slice(from, end) })
  }
}

function placeOf(path: string): Place {
  const parts = path.slice(1).split("/").map(decodeURIComponent)
  const head = parts.splice(0, parts[0] === "api" ? 2 : 3).join("/")
  const isNamespaced = parts[0] === "namespaces" && parts.length > 2
  const [, namespace = ""] = isNamespaced ? parts.splice(0, 2) : []
  const [plural = "", name = "", part = ""] = parts
  return { collection: storedAs(`${head}/${plural}`), namespace, name, isStatus: part === "status" }
}

function withNamespace(object: ApiObject, namespace: string): ApiObject {
  return { ...object, metadata: { ...object.metadata, ...(namespace !== "" && { namespace }) } }
}

function lineOf({ type, object }: WatchEvent): string {
  return `${JSON.stringify({ type, object })}\n`
}

function isWanted({ pathname, searchParams }: URL, { type, collection, object }: WatchEvent): boolean {
  if (type === "BOOKMARK") return true
  const asked = placeOf(pathname)
  if (asked.collection !== collection) return false
  if (asked.namespace !== "" && asked.namespace !== object.metadata.namespace) return false
  const terms = (name: string): [string, string][] =>
    (searchParams.get(name) ?? "")
      .split(",")
      .filter((term) => term !== "")
      .map((term) => term.split("=", 2) as [string, string])
  const { labels = {}, name } = object.metadata
  return (
    terms("labelSelector").every(([label, value]) => labels[label] === value) &&
    terms("fieldSelector").every(
      ([field, value]) => (field === "metadata.name" ? name : object[field]) === value,
    )
  )
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch
  const merged: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}
