import { createInterface, type Interface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { type MetadataValue, type ServiceError, status } from "@grpc/grpc-js"
import { type ChatCall, ChatClient } from "./chat-client.ts"
import { HEARTBEAT, SERVER_NAME_HEADER } from "./chat-service.ts"
import { watchMoves } from "./moves.ts"

export interface TerminalChatOptions {
  /** `host:port` of the chat server or of the balancer before it. */
  server: string
  input: Readable
  output: Writable
  /** Keys are echoed and the prompt is redrawn below what arrives. */
  interactive: boolean
  /** Sends a lone "\n" this often. Undefined: never. */
  heartbeatMs?: number | undefined
  /** Cancels the call, as a client that has lost interest would. */
  signal?: AbortSignal
}

/** As the shell has it: 128 + SIGINT. */
const EXIT_INTERRUPTED = 130

/**
 * One conversation between a terminal and the chat: each line of `input` is one message, an empty one the heartbeat;
 * its end half-closes the stream.
 * @returns the exit code: 0 when the server ended the stream with OK, 1 for any other status, 130 when cancelled here.
 */
export async function terminalChat(options: TerminalChatOptions): Promise<number> {
  const client = new ChatClient(options.server)
  const call = client.bidStream()
  const lines = createInterface({
    input: options.input,
    output: options.output,
    terminal: options.interactive,
  })
  const screen = { prompts: false }
  const say = printer(lines, options, screen)
  const cancel = () => call.cancel()
  options.signal?.addEventListener("abort", cancel, { once: true })
  lines.on("SIGINT", cancel)

  const greet = (server: MetadataValue | undefined) => {
    if (screen.prompts) return
    if (server !== undefined) say(`已连接到服务端 ${String(server)}`)
    screen.prompts = true
    say("请输入消息...")
  }
  let stopWatching = (): void => {}
  call.on("metadata", (metadata) => {
    greet(metadata.get(SERVER_NAME_HEADER)[0])
    stopWatching = watchMoves(metadata, (from, to) =>
      say(`从服务端 ${from} 移到了服务端 ${to}，还是同一条流`),
    )
  })
  // A server that sends no metadata before its first answer is one all the same.
  let greeting: NodeJS.Timeout | undefined
  client.onReady(() => (greeting = setTimeout(() => greet(undefined), GREETING_MS)))
  const heartbeat = startHeartbeat(call, options.heartbeatMs, say)
  lines.on("line", (line) => {
    // Reading goes on when the stream has taken what it was given; readline hands over lines it has already split.
    if (!call.write({ input: line === "" ? HEARTBEAT : line })) lines.pause()
    if (options.interactive && screen.prompts) lines.prompt()
  })
  call.on("drain", () => lines.resume())
  lines.on("close", () => call.end())
  call.on("data", (response) => say(`[客户端收到]: ${response.output}`))

  const { code, details } = await outcome(call)
  clearTimeout(greeting)
  clearInterval(heartbeat)
  stopWatching()
  screen.prompts = false
  options.signal?.removeEventListener("abort", cancel)
  if (code === status.OK) say("⚠️ 收到服务端的结束信号")
  else if (code !== status.CANCELLED || details !== LOCAL_CANCEL)
    say(`接收数据出错: ${status[code]}: ${details}`)
  lines.close()
  client.close()
  if (code === status.OK) return 0
  return code === status.CANCELLED && details === LOCAL_CANCEL ? EXIT_INTERRUPTED : 1
}

/** How long to wait for the server's name before asking for input. */
const GREETING_MS = 1000

/** grpc-js's words for a call cancelled by its own side. */
const LOCAL_CANCEL = "Cancelled on client"

/** The call's one terminal status. */
function outcome(call: ChatCall): Promise<{ code: status; details: string }> {
  return new Promise((resolve) => {
    call.on("error", (error: ServiceError) => resolve(error))
    call.on("status", resolve)
  })
}

function startHeartbeat(call: ChatCall, everyMs: number | undefined, say: (line: string) => void) {
  if (everyMs === undefined) return undefined
  return setInterval(() => {
    if (call.writableEnded) return
    call.write({ input: HEARTBEAT })
    say("发送心跳包")
  }, everyMs)
}

/** Prints whole lines; on a terminal, above the line being typed. */
function printer(
  lines: Interface,
  { output, interactive }: TerminalChatOptions,
  screen: { readonly prompts: boolean },
): (line: string) => void {
  if (!interactive) return (line) => void output.write(`${line}\n`)
  return (line) => {
    output.write(`\r\u001b[K${line}\n`)
    if (screen.prompts) lines.prompt(true)
  }
}
