import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer, type Server as TlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import type { EndpointSlice } from "../../../src/control/discovery/kubernetes-source.ts"
import type { JsonClientOptions } from "../../../src/net/json-client.ts"
import type { KubernetesSubject } from "../../interop-discovery/kubernetes-cases.ts"
import type { Finishing } from "../../interop-discovery/listening.ts"

/**
 * A stand-in for a kube-apiserver, not one: list and watch of EndpointSlices as the API documents them, with pages,
 * bookmarks, 410 Gone and 429. `interop:discovery` holds the same cases against a real one where there is one.
 */
export class StandInKubernetes implements KubernetesSubject {
  readonly questions: URL[] = []
  baseUrl = ""
  /** What the next questions are answered with, one each. */
  readonly refusals: { status: number; headers?: Record<string, string> }[] = []
  /** Versions before it are gone. */
  oldest = 0
  pageSize = 500
  #server: Server | TlsServer | null = null
  #version = 100
  readonly #slices = new Map<string, EndpointSlice & { metadata: { labels: Record<string, string> } }>()
  readonly #watches = new Map<ServerResponse, URL>()
  /** All that has changed, for watches that begin at an earlier version. */
  readonly #events: WatchEvent[] = []

  /** `tls`: what it shows; without it, it speaks plain HTTP. */
  static async start(t: Finishing, tls?: { cert: string; key: string }): Promise<StandInKubernetes> {
    const kubernetes = new StandInKubernetes()
    const ask: RequestListener = ({ url }, response) =>
      kubernetes.#ask(new URL(url!, "http://kubernetes"), response)
    const server = tls === undefined ? createServer(ask) : createTlsServer(tls, ask)
    kubernetes.#server = server
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    kubernetes.baseUrl = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
    t.onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return kubernetes
  }

  get access(): JsonClientOptions {
    return { baseUrl: this.baseUrl, headers: () => ({ authorization: "Bearer t" }) }
  }

  put(name: string, slice: Omit<EndpointSlice, "metadata">, service = "chat"): void {
    const type = this.#slices.has(name) ? "MODIFIED" : "ADDED"
    const object = { ...slice, metadata: this.#metadata(name, service) }
    this.#slices.set(name, object)
    this.#send({ type, object })
  }

  remove(name: string): void {
    const slice = this.#slices.get(name)!
    this.#slices.delete(name)
    const object = { ...slice, metadata: this.#metadata(name, slice.metadata.labels[SERVICE]!) }
    this.#send({ type: "DELETED", object })
  }

  #metadata(name: string, service: string) {
    const labels = { [SERVICE]: service }
    return { name, namespace: "default", uid: name, resourceVersion: String(++this.#version), labels }
  }

  /** Connections to it are lost. */
  restart(): void {
    this.endWatches()
  }

  restartWithoutPast(): void {
    this.oldest = this.#version + 1
    this.endWatches()
  }

  /** It shows another certificate from now on, and connections to it are lost. */
  showCertificate(tls: { cert: string; key: string }): void {
    ;(this.#server as TlsServer).setSecureContext(tls)
    this.#server!.closeAllConnections()
  }

  bookmark(): void {
    this.#send({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(++this.#version) } } })
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

  /** Events of slices go to those who ask for their service. */
  #send(event: WatchEvent): void {
    if (event.type !== "BOOKMARK") this.#events.push(event)
    for (const [watch, url] of this.#watches)
      if (isWanted(url, event)) watch.write(`${JSON.stringify(event)}\n`)
  }

  #ask(url: URL, response: ServerResponse): void {
    this.questions.push(url)
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers).end('{"kind":"Status","message":"refused"}')
      return
    }
    response.writeHead(200, { "content-type": "application/json" })
    if (!["1", "true"].includes(url.searchParams.get("watch") ?? ""))
      return void response.end(this.#page(url))
    response.flushHeaders()
    if (Number(url.searchParams.get("resourceVersion")) < this.oldest) {
      const object = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" }
      return void response.end(`${JSON.stringify({ type: "ERROR", object })}\n`)
    }
    const from = Number(url.searchParams.get("resourceVersion"))
    for (const event of this.#events)
      if (Number(event.object.metadata.resourceVersion) > from && isWanted(url, event))
        response.write(`${JSON.stringify(event)}\n`)
    this.#watches.set(response, url)
    response.on("close", () => this.#watches.delete(response))
  }

  #page(url: URL): string {
    const all = [...this.#slices.values()].filter((object) => isWanted(url, { object }))
    const from = Number(url.searchParams.get("continue") ?? 0)
    const end = from + Math.min(this.pageSize, Number(url.searchParams.get("limit") ?? this.pageSize))
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length && { continue: String(end) }),
    }
    const apiVersion = "discovery.k8s.io/v1"
    return JSON.stringify({ kind: "EndpointSliceList", apiVersion, metadata, items: all.slice(from, end) })
  }
}

const SERVICE = "kubernetes.io/service-name"

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"
  readonly object: { metadata: { resourceVersion: string; labels?: Record<string, string> } }
}

function isWanted(
  url: URL,
  { object }: { object: { metadata: { labels?: Record<string, string> } } },
): boolean {
  const selector = url.searchParams.get("labelSelector")
  const { labels } = object.metadata
  return selector === null || labels === undefined || selector === `${SERVICE}=${labels[SERVICE]}`
}
