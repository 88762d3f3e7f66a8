import { afterEach, beforeEach, expect, test } from "vitest"
import { ChatClient } from "./chat-client.ts"
import { type ChatServer, startChatServer } from "./start-chat-server.ts"
import { Conversation, converse } from "./testing/conversation.ts"
import { LogBook } from "./testing/log-book.ts"

const TEN = Array.from({ length: 10 }, (_, index) => `数据流 #${index}`)

let log: LogBook
let server: ChatServer
let client: ChatClient

beforeEach(async () => {
  log = new LogBook()
  server = await startChatServer({ host: "127.0.0.1", port: 0, log: log.write })
  client = new ChatClient(address())
})
afterEach(async () => {
  client.close()
  await server.shutdown(0)
})

const address = () => `127.0.0.1:${server.port}`

test.each<{ says: string; inputs: string[]; hears: string[] }>([
  { says: "a line", inputs: ["你好"], hears: ["服务端返回: 你好"] },
  { says: "a line with its line end", inputs: ["你好\n"], hears: ["服务端返回: 你好\n"] },
  { says: "the stream command", inputs: ["返回数据流"], hears: TEN },
  { says: "the stream command with a line end", inputs: ["返回数据流\n"], hears: TEN },
  { says: "the end command", inputs: ["结束对话"], hears: ["收到结束指令"] },
  { says: "the end command with a line end", inputs: ["结束对话\n"], hears: ["收到结束指令"] },
  {
    says: "more after the end command",
    inputs: ["结束对话", "还在吗", "返回数据流"],
    hears: ["收到结束指令"],
  },
  { says: "a heartbeat", inputs: ["\n"], hears: [] },
  { says: "an empty line, which is no heartbeat", inputs: [""], hears: ["服务端返回: "] },
  { says: "a command inside a sentence", inputs: ["请结束对话"], hears: ["服务端返回: 请结束对话"] },
  { says: "two line ends", inputs: ["\n\n"], hears: ["服务端返回: \n\n"] },
  { says: "nothing", inputs: [], hears: [] },
  {
    says: "everything in turn",
    inputs: ["一", "\n", "返回数据流", "二"],
    hears: ["服务端返回: 一", ...TEN, "服务端返回: 二"],
  },
])("$says", async ({ inputs, hears }) => {
  expect(await converse(address(), inputs)).toEqual({ outputs: hears, code: "OK" })
})

test("the log tells messages, heartbeats and the client's half-close", async () => {
  await converse(address(), ["你好\n", "\n"])
  expect(log.lines).toEqual([
    "启动服务端...",
    `监听 ${address()}`,
    "[收到消息]: 你好",
    "收到心跳包",
    "客户端发送的数据流结束",
  ])
})

test("the log tells a cancel, once, and the conversation is forgotten", async () => {
  const conversation = new Conversation(client).say("你好")
  await conversation.hear(1)
  expect(server.conversationsOpen).toBe(1)
  conversation.cancel()
  await log.line("收到客户端通过context发出的终止信号")
  expect(server.conversationsOpen).toBe(0)
  expect(log.lines.slice(3)).toEqual(["收到客户端通过context发出的终止信号"])
})

test("the server's name comes with the initial metadata", async () => {
  const conversation = new Conversation(client)
  expect(await conversation.serverName).toBe(address())
  conversation.halfClose()
  await conversation.outcome
})

test("a client that asks without reading is answered in full when it reads", async () => {
  const conversation = new Conversation(client)
  const asked = 2000
  for (let count = 0; count < asked; count++) conversation.say("返回数据流")
  conversation.halfClose()
  const heard = await conversation.hear(10 * asked)
  expect(heard.length).toBe(10 * asked)
  expect(heard.slice(-10)).toEqual(TEN)
  expect((await conversation.outcome).code).toBe("OK")
})

test("shutdown lets a conversation end by itself", async () => {
  const conversation = new Conversation(client).say("你好")
  await conversation.hear(1)
  const closed = server.shutdown(60_000)
  conversation.say("结束对话")
  expect(await conversation.hear(1)).toEqual(["收到结束指令"])
  expect((await conversation.outcome).code).toBe("OK")
  client.close()
  await closed
})

test("shutdown without grace ends a conversation with UNAVAILABLE and says why", async () => {
  const conversation = new Conversation(client).say("你好")
  await conversation.hear(1)
  await Promise.all([server.shutdown(0), conversation.outcome])
  expect(await conversation.outcome).toEqual({
    code: "UNAVAILABLE",
    details: `chat server ${address()} is shutting down`,
  })
})

test("a port that is taken is one clear error", async () => {
  await expect(startChatServer({ host: "127.0.0.1", port: server.port, log: log.write })).rejects.toThrow(
    `port ${server.port} is taken`,
  )
})
