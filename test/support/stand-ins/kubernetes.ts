import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "vitest"
import type { EndpointSlice } from "../../../src/control/discovery/kubernetes-source.ts"

/**
 * A stand-in for a kube-apiserver, not one: list and watch of EndpointSlices as the API documents them, with pages,
 * bookmarks, 410 Gone and 429. `interop:discovery` holds the same cases against a real one where there is one.
 */
export class StandInKubernetes {
  readonly questions: URL[] = []
  baseUrl = ""
  /** What the next questions are answered with, one each. */
  readonly refusals: { status: number; headers?: Record<string, string> }[] = []
  /** Versions before it are gone. */
  oldest = 0
  pageSize = 500
  #version = 100
  readonly #slices = new Map<string, EndpointSlice>()
  readonly #watches = new Set<ServerResponse>()

  static async start(t: TestContext): Promise<StandInKubernetes> {
    const kubernetes = new StandInKubernetes()
    const server = createServer(({ url }, response) =>
      kubernetes.#ask(new URL(url!, "http://kubernetes"), response),
    )
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    kubernetes.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    t.onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return kubernetes
  }

  put(name: string, slice: Omit<EndpointSlice, "metadata">): void {
    const type = this.#slices.has(name) ? "MODIFIED" : "ADDED"
    const object = { ...slice, metadata: { name, resourceVersion: String(++this.#version) } }
    this.#slices.set(name, object)
    this.#send({ type, object })
  }

  remove(name: string): void {
    const slice = this.#slices.get(name)!
    this.#slices.delete(name)
    const object = { ...slice, metadata: { name, resourceVersion: String(++this.#version) } }
    this.#send({ type: "DELETED", object })
  }

  bookmark(): void {
    this.#send({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(++this.#version) } } })
  }

  /** Ends every watch, as the server does after `timeoutSeconds`; `event` is sent before. */
  endWatches(event?: object): void {
    if (event !== undefined) this.#send(event)
    for (const watch of this.#watches) watch.end()
    this.#watches.clear()
  }

  get watches(): number {
    return this.#watches.size
  }

  get version(): number {
    return this.#version
  }

  #send(event: object): void {
    for (const watch of this.#watches) watch.write(`${JSON.stringify(event)}\n`)
  }

  #ask(url: URL, response: ServerResponse): void {
    this.questions.push(url)
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers).end('{"kind":"Status","message":"refused"}')
      return
    }
    response.writeHead(200, { "content-type": "application/json" })
    if (url.searchParams.get("watch") !== "1") return void response.end(this.#page(url))
    response.flushHeaders()
    if (Number(url.searchParams.get("resourceVersion")) < this.oldest) {
      const object = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" }
      return void response.end(`${JSON.stringify({ type: "ERROR", object })}\n`)
    }
    this.#watches.add(response)
    response.on("close", () => this.#watches.delete(response))
  }

  #page(url: URL): string {
    const all = [...this.#slices.values()]
    const from = Number(url.searchParams.get("continue") ?? 0)
    const end = from + Math.min(this.pageSize, Number(url.searchParams.get("limit") ?? this.pageSize))
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length && { continue: String(end) }),
    }
    return JSON.stringify({ kind: "EndpointSliceList", metadata, items: all.slice(from, end) })
  }
}
