import { Command } from "commander"
import { parsePort, stopOnSignals, usageErrorsExitWith2 } from "./command-line.ts"
import { startChatServer } from "./start-chat-server.ts"

const command = usageErrorsExitWith2(new Command("chat:server"))
  .description("The chat's gRPC server: chat.Chat, grpc.health.v1 and reflection, in clear text.")
  .option("--port <port>", "port to listen on; 0 takes any free one", parsePort, 3000)
  .option("--host <address>", "address to listen on", "127.0.0.1")
  .option("--name <name>", "what the server calls itself to clients (default: its address)")
  .parse()
const options = command.opts<{ port: number; host: string; name?: string }>()

/** How long open conversations may go on after the first SIGINT or SIGTERM. */
const GRACE_MS = 5000

const starting = startChatServer({ ...options, log: console.log })
stopOnSignals(async (urgent) => (await starting).shutdown(urgent ? 0 : GRACE_MS))
try {
  const { port } = await starting
  process.send?.({ port })
} catch (error) {
  console.error(`cannot listen on ${options.host}:${options.port}: ${(error as Error).message}`)
  process.exitCode = 1
}
