import { type IncomingMessage, request } from "node:http"

export interface AdminReply {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly text: string
  /** Of a body that is JSON. */
  readonly json: unknown
}

export interface AdminAsk {
  method?: string
  headers?: Record<string, string>
  body?: unknown
}

/** Asks the admin API at a port of this machine or at the path of a Unix socket. */
export function askAdmin(at: number | string, path: string, ask: AdminAsk = {}): Promise<AdminReply> {
  const { method = "GET", headers = {}, body } = ask
  const where = typeof at === "number" ? { host: "127.0.0.1", port: at } : { socketPath: at }
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, method, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("error", reject)
      response.on("end", () => {
        const isJson = response.headers["content-type"]?.startsWith("application/json") === true
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          json: isJson && text !== "" ? JSON.parse(text) : undefined,
        })
      })
    })
    asked.on("error", reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Server-sent events as they come; `close` lets go. */
export function listenForEvents(
  port: number,
  path = "/events",
  headers: Record<string, string> = {},
): { readonly events: { id: number; event: string; data: unknown }[]; close(): void } {
  const events: { id: number; event: string; data: unknown }[] = []
  let rest = ""
  const asked = request(
    { host: "127.0.0.1", port, path, headers: { accept: "text/event-stream", ...headers }, agent: false },
    (response) => {
      response.setEncoding("utf8").on("data", (chunk: string) => {
        const frames = (rest + chunk).split("\n\n")
        rest = frames.pop()!
        for (const frame of frames) {
          const [, id, event, data] = /^id: (\d+)\nevent: (\S+)\ndata: (.*)$/.exec(frame) ?? []
          if (id !== undefined) events.push({ id: Number(id), event: event!, data: JSON.parse(data!) })
        }
      })
      response.on("error", () => {})
    },
  )
  asked.on("error", () => {})
  asked.end()
  return { events, close: () => void asked.destroy() }
}
