import { Command, Option } from "commander"
import { parseDurationMs, parsePort, stopOnSignals, usageErrorsExitWith2 } from "./command-line.ts"
import { type DemoOptions, runDemo } from "./demo/run-demo.ts"
import { startChatServer } from "./start-chat-server.ts"
import { terminalChat } from "./terminal-chat.ts"

/** How long open conversations may go on after the chat server's first SIGINT or SIGTERM. */
const GRACE_MS = 5000

/** Two chat servers and a balancer before them. `name` is what it is called by: `npm start --`, `sluice demo`. */
export function demoCommand(name: string): Command {
  return usageErrorsExitWith2(new Command(name))
    .description("Two chat servers, and a balancer before them on the article's nginx.conf.")
    .addOption(
      new Option("--balancer <which>", "what stands before the chat servers")
        .choices(["sluice", "nginx"])
        .default("sluice"),
    )
    .option("--port <port>", "the balancer's port; the next free one if it is taken", parsePort, 8080)
    .action(demo)
}

async function demo(options: Pick<DemoOptions, "balancer" | "port">): Promise<never> {
  const starting = runDemo({ ...options, log: console.log })
  stopOnSignals(async (urgent) => {
    console.log(urgent ? "at once" : "\nending ... (Ctrl-C again: at once)")
    const running = await starting
    await (urgent ? running.kill() : running.stop())
  })
  try {
    const running = await starting
    console.error(`the balancer has ended: ${await running.broken}`)
    await running.stop()
  } catch (error) {
    console.error((error as Error).message)
  }
  // Reached when something went wrong only: otherwise a signal ends the demo.
  process.exit(1)
}

/** The chat's server on its own. */
export function serverCommand(name: string): Command {
  return usageErrorsExitWith2(new Command(name))
    .description("The chat's gRPC server: chat.Chat, grpc.health.v1 and reflection, in clear text.")
    .option("--port <port>", "port to listen on; 0 takes any free one", parsePort, 3000)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--name <name>", "what the server calls itself to clients (default: its address)")
    .action(serve)
}

async function serve(options: { port: number; host: string; name?: string }): Promise<void> {
  const starting = startChatServer({ ...options, log: console.log })
  stopOnSignals(async (urgent) => (await starting).shutdown(urgent ? 0 : GRACE_MS))
  try {
    const { port } = await starting
    // Tells the demo, where that is our parent.
    process.send?.({ port })
  } catch (error) {
    console.error(`cannot listen on ${options.host}:${options.port}: ${(error as Error).message}`)
    // The channel to the demo would keep this process alive.
    process.exit(1)
  }
}

/** The chat in a terminal. */
export function clientCommand(name: string): Command {
  return usageErrorsExitWith2(new Command(name))
    .description("The chat in a terminal: each line is one message; Ctrl-D says that there are no more.")
    .option("--server <host:port>", "the chat server, or the balancer before it", "127.0.0.1:8080")
    .option("--heartbeat <duration>", 'send "\\n" this often, for instance 40s', parseDurationMs)
    .addHelpText(
      "after",
      "\nInputs the server knows: 返回数据流 (ten messages), 结束对话 (ends the conversation), an empty line (heartbeat).",
    )
    .action(chat)
}

async function chat(options: { server: string; heartbeat?: number }): Promise<void> {
  const interrupted = new AbortController()
  process.once("SIGINT", () => interrupted.abort())
  process.exitCode = await terminalChat({
    server: options.server,
    heartbeatMs: options.heartbeat,
    input: process.stdin,
    output: process.stdout,
    interactive: process.stdin.isTTY && process.stdout.isTTY,
    signal: interrupted.signal,
  })
}
