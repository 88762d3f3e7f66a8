import type { Cluster, Stream, Streams } from "../../../../dashboard/src/api.ts"
import { type Overview, StreamList } from "../../../../dashboard/src/stream-list.ts"

export interface ChatServer {
  readonly name: string
  readonly address: string
  readonly isRunning: boolean
}

/** What Sluice does at the moment, its endpoints called as the chat servers are. */
export interface Live {
  readonly clusters: readonly Cluster[]
  readonly overview: Overview
  readonly servers: readonly ChatServer[]
  /** Streams that went on with another server, of those that are open. */
  readonly moved: number
}

const EVERY_MS = 500
/** Streams drawn. */
const STREAMS_MAX = 1000

/** Looks at the demo's balancer, again and again, through the page's own server. */
export class LiveBalancer {
  live: Live | null = null
  readonly #list = new StreamList()
  readonly #listeners = new Set<() => void>()
  #paths = new Map<string, string>()

  start(): void {
    void this.#look()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The name of the server that has the stream which was opened at `path`; null: not known. */
  serverAt(path: string): string | null {
    return this.#paths.get(path) ?? null
  }

  /** Kills a server as `kill -9` does, or starts it again. */
  async order(name: string, what: "kill" | "start"): Promise<void> {
    const headers = { "content-type": "application/json" }
    await fetch(`./live/servers/${name}/${what}`, { method: "POST", headers }).catch(() => {})
    await this.#read().catch(() => {})
  }

  async #look(): Promise<void> {
    // While the page is not looked at, nothing is drawn.
    if (!document.hidden || this.live === null) await this.#read().catch(() => {})
    setTimeout(() => void this.#look(), EVERY_MS)
  }

  async #read(): Promise<void> {
    const [{ servers }, { clusters }, streams] = await Promise.all([
      get<{ servers: ChatServer[] }>("servers"),
      get<{ clusters: Cluster[] }>("clusters"),
      get<Streams>(`streams?limit=${STREAMS_MAX}`),
    ])
    const nameOf = (address: string): string =>
      servers.find((one) => one.address === address)?.name ?? address
    const rows = streams.streams.map((row): Stream => ({ ...row, endpoint: nameOf(row.endpoint) }))
    this.#paths = new Map(rows.map(({ path, endpoint }) => [path, endpoint]))
    this.live = {
      clusters: clusters.map((cluster) => ({
        ...cluster,
        endpoints: cluster.endpoints.map((endpoint) => ({ ...endpoint, address: nameOf(endpoint.address) })),
      })),
      overview: this.#list.take({ ...streams, streams: rows }),
      servers,
      moved: rows.reduce((sum, { resumes }) => sum + resumes, 0),
    }
    for (const listener of this.#listeners) listener()
  }
}

/** Errors: throws. */
async function get<T>(path: string): Promise<T> {
  const response = await fetch(`./live/${path}`)
  if (!response.ok) throw new Error(`${response.status}`)
  return (await response.json()) as T
}
