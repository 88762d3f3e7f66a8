import { type IncomingMessage, request, type ServerResponse } from "node:http"
import type { ServerSwitch } from "./server-switch.ts"

/** What the page may read of Sluice's admin API: to look, and no orders. */
const READABLE = new Set(["/clusters", "/streams"])

export interface LiveView {
  /** Answers what lies below `/live/`; false: it is something else's. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
}

/**
 * What the chat's page shows beside the chats: `GET /live/clusters` and `/live/streams` are the admin API's, `GET
 * /live/servers` the chat servers, `POST /live/servers/A/kill` and `/start` what its buttons do. Only pages that this
 * server itself has served may order.
 */
export function liveView(options: { adminPort: number; port: number; servers: ServerSwitch }): LiveView {
  const { adminPort, port, servers } = options
  const own = new Set([`127.0.0.1:${port}`, `localhost:${port}`])
  const order = async (name: string, what: string, response: ServerResponse): Promise<void> => {
    try {
      const isKnown = await (what === "kill" ? servers.kill(name) : servers.restart(name))
      say(response, isKnown ? 200 : 404, { servers: servers.states })
    } catch (error) {
      say(response, 500, { error: (error as Error).message })
    }
  }
  return {
    handle(asked, response) {
      const [, path, query = ""] = /^\/live(\/[^?]*)(\?.*)?$/.exec(asked.url ?? "") ?? []
      if (path === undefined) return false
      // A name of another's that leads here (DNS rebinding), or another's page.
      const { host, origin } = asked.headers
      if (!own.has(host ?? "") || (origin !== undefined && !own.has(origin.replace(/^http:\/\//, "")))) {
        say(response, 403, { error: "only this server's own page may ask" })
        return true
      }
      const [, name, what] = /^\/servers\/(\w+)\/(kill|start)$/.exec(path) ?? []
      if (asked.method === "POST" && name !== undefined) {
        // Sent by the page's own code alone: no form of another's has it.
        if (asked.headers["content-type"] === "application/json") void order(name, what!, response)
        else say(response, 415, { error: "application/json" })
      } else if (asked.method !== "GET") say(response, 405, { error: "only GET" })
      else if (path === "/servers") say(response, 200, { servers: servers.states })
      else if (READABLE.has(path)) pass(adminPort, path + query, response)
      else say(response, 404, { error: "not found" })
      return true
    },
  }
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
  response.end(JSON.stringify(body))
}

/** Sluice's own answer, as it is. */
function pass(port: number, path: string, response: ServerResponse): void {
  const asking = request({ host: "127.0.0.1", port, path }, (answer) => {
    response.writeHead(answer.statusCode!, {
      "content-type": answer.headers["content-type"],
      "cache-control": "no-store",
    })
    answer.pipe(response)
  })
  asking.on("error", (error) => {
    if (response.headersSent) response.destroy()
    else say(response, 502, { error: error.message })
  })
  response.once("close", () => asking.destroy())
  asking.end()
}
