/**
 * Sluice's client for browsers: `import { createWebSocketTransport } from "sluice/web"`.
 *
 * ```ts
 * import { createClient } from "@connectrpc/connect"
 * import { createWebSocketTransport } from "sluice/web"
 * import { Chat } from "./gen/chat_pb.js"
 *
 * const chat = createClient(Chat, createWebSocketTransport({ baseUrl: "/" }))
 * for await (const { output } of chat.bidStream(inputs())) console.log(output)
 * ```
 */

export type { WebContinuity } from "./continued-call.ts"
export type { WebSocketFactory } from "./web-socket-body.ts"
export { createWebSocketTransport, type WebSocketTransportOptions } from "./web-socket-transport.ts"
