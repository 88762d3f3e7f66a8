import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { ChatClient } from "../../examples/chat/chat-client.ts"
import { adaptArticleConfig } from "../../examples/chat/demo/article-config.ts"
import { claimFreePort } from "../../examples/chat/demo/free-port.ts"
import { findNginx, HOW_TO_GET_NGINX, startNginx } from "../../examples/chat/demo/nginx-process.ts"
import { type ChatServer, startChatServer } from "../../examples/chat/start-chat-server.ts"
import { Conversation, converse } from "../../examples/chat/testing/conversation.ts"
import { runProgram } from "../../examples/chat/testing/run-program.ts"
import { startSluice } from "../../examples/chat/testing/sluice-in-process.ts"

/** The article's files, addresses apart, as they run through each balancer: one story, told twice. */
const WAYS = [
  { through: "nginx", missing: findNginx() === undefined ? HOW_TO_GET_NGINX : "" },
  { through: "sluice", missing: "" },
] as const

const TEN = Array.from({ length: 10 }, (_, index) => `数据流 #${index}`)

for (const { through, missing } of WAYS)
  if (missing) console.info(`skipped: the chat through ${through}: ${missing}`)

describe.each(WAYS)("the chat through $through", ({ through, missing }) => {
  const servers: ChatServer[] = []
  let folder: string
  let address: string
  let stop: (() => Promise<void>) | undefined

  beforeEach(async () => {
    if (missing) return
    folder = mkdtempSync(join(tmpdir(), "chat-"))
    for (const name of ["A", "B"]) {
      servers.push(await startChatServer({ host: "127.0.0.1", port: 0, name, log: () => {} }))
    }
  })
  afterEach(async () => {
    await stop?.()
    stop = undefined
    await Promise.all(servers.splice(0).map((server) => server.shutdown(0)))
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  /** Starts the balancer on one of the article's files; `address` is then where it listens. */
  async function start(file: "one.conf" | "two.conf"): Promise<void> {
    const article = readFileSync(
      fileURLToPath(new URL(`../../examples/chat/nginx/${file}`, import.meta.url)),
      "utf8",
    )
    const port = await claimFreePort(20_000 + (process.pid % 20_000), "0.0.0.0", new Set())
    const serverPorts = servers.slice(0, file === "one.conf" ? 1 : 2).map((server) => server.port)
    const accessLog = join(folder, "access.log")
    const { text } = adaptArticleConfig(article, { listenPort: port, serverPorts, accessLog })
    address = `127.0.0.1:${port}`
    if (through === "nginx") {
      const nginx = await startNginx({ binary: findNginx()!, folder, siteConfig: text, port, log: () => {} })
      stop = () => nginx.stop()
    } else {
      const configPath = join(folder, "nginx.conf")
      writeFileSync(configPath, text)
      const sluice = await startSluice({ configPath, log: () => {} })
      stop = () => sluice.stop(0)
    }
  }

  test.skipIf(missing)(`all four kinds of input on the first file, through ${through}`, async () => {
    await start("one.conf")
    expect(await converse(address, ["你好", "\n", "返回数据流\n", "结束对话"])).toEqual({
      outputs: ["服务端返回: 你好", ...TEN, "收到结束指令"],
      code: "OK",
    })
  })

  test.skipIf(missing)(`ten chats alternate strictly over the two servers, through ${through}`, async () => {
    await start("two.conf")
    const client = new ChatClient(address)
    const names: string[] = []
    const chats: Conversation[] = []
    for (let chat = 0; chat < 10; chat++) {
      const conversation = new Conversation(client).say("你好")
      names.push(await conversation.serverName)
      chats.push(conversation)
    }
    const [first, second] = names[0] === "A" ? ["A", "B"] : ["B", "A"]
    expect(names).toEqual(Array.from({ length: 10 }, (_, chat) => (chat % 2 === 0 ? first : second)))
    expect(servers.map((server) => server.conversationsOpen)).toEqual([5, 5])

    // Each stays where it is, and each ends alone.
    for (const chat of chats) {
      expect(await chat.hear(1)).toEqual(["服务端返回: 你好"])
      chat.say("结束对话")
      expect(await chat.hear(1)).toEqual(["收到结束指令"])
      expect((await chat.outcome).code).toBe("OK")
    }
    client.close()
  })

  test.skipIf(missing)(`half-close lets the server answer to the end, through ${through}`, async () => {
    await start("two.conf")
    const { outputs, code } = await converse(address, Array<string>(100).fill("返回数据流"))
    expect(outputs).toEqual(Array(100).fill(TEN).flat())
    expect(code).toBe("OK")
  })

  test.skipIf(missing)(`the terminal client holds a conversation, through ${through}`, async () => {
    await start("two.conf")
    const { child, log, exit } = runProgram("client.ts", ["--server", address])
    child.stdin.end("你好\n结束对话\n")
    expect(await exit).toBe(0)
    expect(log.lines).toEqual([
      expect.stringMatching(/^已连接到服务端 [AB]$/),
      "请输入消息...",
      "[客户端收到]: 服务端返回: 你好",
      "[客户端收到]: 收到结束指令",
      "⚠️ 收到服务端的结束信号",
    ])
  })

  test.skipIf(missing)(`the access log has a line per call, through ${through}`, async () => {
    await start("two.conf")
    await converse(address, ["结束对话"])
    await stop!()
    stop = undefined
    expect(readFileSync(join(folder, "access.log"), "utf8")).toMatch(
      /^127\.0\.0\.1 - - \[[^\]]+\] "POST \/chat\.Chat\/BidStream HTTP\/2\.0" 200 \d+ "-" "grpc-node-js\/[^"]*" "-"\n$/,
    )
  })
})
