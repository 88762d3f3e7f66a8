import { Command } from "commander"
import { parseDurationMs, usageErrorsExitWith2 } from "./command-line.ts"
import { terminalChat } from "./terminal-chat.ts"

const command = usageErrorsExitWith2(new Command("chat:client"))
  .description("The chat in a terminal: each line is one message; Ctrl-D says that there are no more.")
  .option("--server <host:port>", "the chat server, or the balancer before it", "127.0.0.1:80")
  .option("--heartbeat <duration>", 'send "\\n" this often, for instance 40s', parseDurationMs)
  .addHelpText(
    "after",
    "\nInputs the server knows: 返回数据流 (ten messages), 结束对话 (ends the conversation).",
  )
  .parse()
const options = command.opts<{ server: string; heartbeat?: number }>()

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
