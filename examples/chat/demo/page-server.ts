import { readdir, readFile } from "node:fs/promises"
import { createServer, type Server, type ServerResponse } from "node:http"
import { extname, join, relative, sep } from "node:path"

import type { LiveView } from "./live-view.ts"

export interface PageServer {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

const CONTENT_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
}

interface Page {
  type: string
  content: Buffer
}

/**
 * Serves the built page, and `config.json`, which tells it where its WebSocket is. All files are read at the start and
 * answered from memory, so that no request names a path on the disk.
 */
export async function startPageServer(options: {
  folder: string
  host: string
  port: number
  /** As the page's page-config.ts reads it. */
  config: { webSocketPort: number; webSocketPath: string; dashboardUrl?: string }
  /** What is shown of Sluice beside the chats. */
  live?: LiveView
}): Promise<PageServer> {
  const pages = new Map<string, Page>()
  for (const entry of await readdir(options.folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const type = CONTENT_TYPES[extname(path)] ?? "application/octet-stream"
    pages.set(`/${relative(options.folder, path).split(sep).join("/")}`, {
      type,
      content: await readFile(path),
    })
  }
  pages.set("/", pages.get("/index.html")!)
  pages.set("/config.json", {
    type: CONTENT_TYPES[".json"]!,
    content: Buffer.from(JSON.stringify(options.config)),
  })

  const server = createServer((request, response) => {
    if (options.live?.handle(request, response) === true) return
    const { method, url } = request
    const path = (url ?? "/").split("?", 1)[0]!
    const page = pages.get(path)
    if (page === undefined) answer(response, 404, { type: "text/plain", content: Buffer.from("not found\n") })
    else if (method === "GET" || method === "HEAD") answer(response, 200, page)
    else answer(response, 405, { type: "text/plain", content: Buffer.from("only GET and HEAD\n") })
  })
  await listen(server, options.port, options.host)
  return {
    url: `http://${options.host}:${options.port}/`,
    port: options.port,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(response: ServerResponse, status: number, { type, content }: Page): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": content.length,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  })
  // Node leaves the content out of its answer to HEAD.
  response.end(content)
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, resolve)
  })
}
