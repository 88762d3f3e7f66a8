import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js"
import { ChatService } from "./chat-service.ts"
import { Chat } from "./gen/chat_pb.ts"
import { Health } from "./gen/grpc/health/v1/health_pb.ts"
import { HealthService, ServingStatus } from "./health-service.ts"
import { ReflectionService } from "./reflection-service.ts"
import { whyNotListen } from "./why-not-listen.ts"

export interface ChatServerOptions {
  host: string
  /** 0: any free one. */
  port: number
  /** What the `x-chat-server` metadata says. Default: `host:port`. */
  name?: string
  log: (line: string) => void
}

export interface ChatServer {
  readonly host: string
  readonly port: number
  readonly conversationsOpen: number
  /**
   * Takes no new calls, hands conversations to other servers where a proxy goes along with it, lets the others end by
   * themselves for `graceMs`, then ends the rest with UNAVAILABLE. Resolves once every connection is closed. Calling it again with a shorter grace hurries it.
   */
  shutdown(graceMs: number): Promise<void>
}

/** Time for clients to take their last status and close, after which connections are cut. */
const LAST_WORDS_MS = 500

/**
 * Serves chat, health (v1: Check, List, Watch) and reflection (v1, v1alpha) in clear text.
 * Rejects when it cannot listen, saying why in words.
 */
export async function startChatServer(options: ChatServerOptions): Promise<ChatServer> {
  // Asked first, since grpc-js logs a line of its own about it.
  const why = options.port === 0 ? null : await whyNotListen(options.port, options.host)
  if (why !== null) throw new Error(why)
  const server = new Server()
  const bindAddress = `${options.host.includes(":") ? `[${options.host}]` : options.host}:`
  const health = new HealthService(["", Chat.typeName])
  const reflection = new ReflectionService([Chat, Health])
  const port = await bind(server, bindAddress + options.port)
  const chat = new ChatService({ name: options.name ?? bindAddress + port, log: options.log })
  server.addService(chat.definition, chat.implementation)
  server.addService(health.definition, health.implementation as UntypedServiceImplementation)
  for (const definition of reflection.definitions) server.addService(definition, reflection.implementation)
  options.log("启动服务端...")
  options.log(`监听 ${bindAddress}${port}`)

  const reason = () => `chat server ${bindAddress}${port} is shutting down`
  const endAll = () => {
    chat.endAll(reason())
    health.endAll(reason())
  }
  let closed: Promise<void> | undefined
  return {
    host: options.host,
    port,
    get conversationsOpen() {
      return chat.conversationsOpen
    },
    shutdown(graceMs) {
      health.setAll(ServingStatus.NOT_SERVING)
      chat.handOffAll(reason())
      closed ??= new Promise((resolve) => server.tryShutdown(() => resolve()))
      const timers = [
        setTimeout(endAll, graceMs),
        setTimeout(() => server.forceShutdown(), graceMs + LAST_WORDS_MS),
      ]
      return closed.finally(() => timers.forEach(clearTimeout))
    },
  }
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(error)
    })
  })
}
