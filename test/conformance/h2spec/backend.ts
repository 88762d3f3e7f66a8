import { once } from "node:events"
import { createServer, type Http2Session } from "node:http2"

/** Long enough for the flow-control cases, which h2spec skips under five octets. */
const body = "conformance\n"

/** Answers every whole request with 200 and a small body, over HTTP/2 without TLS. */
export async function startPlainBackend(): Promise<{ port: number; stop: () => Promise<void> }> {
  const sessions = new Set<Http2Session>()
  const server = createServer()
  server.on("session", (session) => {
    sessions.add(session)
    session.on("close", () => sessions.delete(session))
    session.on("error", () => {})
  })
  server.on("stream", (stream) => {
    // The balancer resets what its bad client breaks.
    stream.on("error", () => {})
    // Only once it has the whole request: an answer ahead of it would race with the balancer's own verdict.
    stream.resume().on("end", () => {
      if (stream.destroyed) return
      stream.respond({ ":status": 200, "content-type": "text/plain" })
      stream.end(body)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the backend has no port")
  return {
    port: address.port,
    async stop() {
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, "close")
    },
  }
}
