import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fromJsonString, toJsonString } from "@bufbuild/protobuf"
import { type Metadata, type StatusObject, status } from "@grpc/grpc-js"
import { type WebSocket, WebSocketServer } from "ws"
import { ChatClient } from "../chat-client.ts"
import { SERVER_NAME_HEADER } from "../chat-service.ts"
import { RequestSchema, ResponseSchema } from "../gen/chat_pb.ts"

/**
 * Speaks the JSON protocol of Sluice's WebSocket bridge for the page's own tests and for work on the page: one chat
 * stream per socket, given to the servers in turn. One method, no limits: the bridge itself is in Sluice.
 */
export async function startStandInBridge(options: { port: number; servers: () => readonly string[] }) {
  const http = createServer()
  const sockets = new WebSocketServer({ server: http, path: "/ws" })
  let turn = 0
  sockets.on("connection", (socket) => {
    const servers = options.servers()
    const server = servers[turn++ % servers.length]
    if (server === undefined) finish(socket, { code: status.UNAVAILABLE, details: "no chat server is left" })
    else join(socket, new ChatClient(server))
  })
  await new Promise<void>((resolve) => http.listen(options.port, "127.0.0.1", resolve))
  return {
    port: (http.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets.clients) socket.terminate()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

function join(socket: WebSocket, client: ChatClient): void {
  const call = client.bidStream()
  call.on("metadata", (metadata: Metadata) => {
    const name = metadata.get(SERVER_NAME_HEADER)[0]
    if (name !== undefined)
      socket.send(JSON.stringify({ "@headers": { [SERVER_NAME_HEADER]: String(name) } }))
  })
  call.on("data", (response) => socket.send(toJsonString(ResponseSchema, response)))
  call.on("error", () => {})
  call.on("status", (end: StatusObject) => {
    finish(socket, end)
    client.close()
  })
  socket.on("message", (data) => {
    const text = (data as Buffer).toString("utf8")
    if (text === '{"@end":{}}') return call.end()
    try {
      call.write(fromJsonString(RequestSchema, text))
    } catch (error) {
      call.cancel()
      finish(socket, { code: status.INVALID_ARGUMENT, details: (error as Error).message })
    }
  })
  socket.on("close", () => call.cancel())
}

function finish(socket: WebSocket, { code, details }: { code: status; details: string }): void {
  if (socket.readyState !== socket.OPEN) return
  socket.send(JSON.stringify({ "@status": { code, message: details, details: [] } }))
  socket.close(1000)
}
