import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { parseDurationMs } from "./command-line.ts"
import { type ChatServer, startChatServer } from "./start-chat-server.ts"
import { LogBook } from "./testing/log-book.ts"
import { runProgram } from "./testing/run-program.ts"

let serverLog: LogBook
let server: ChatServer

beforeEach(async () => {
  serverLog = new LogBook()
  server = await startChatServer({ host: "127.0.0.1", port: 0, log: serverLog.write })
})
afterEach(() => server.shutdown(0))

const runClient = (...args: string[]) =>
  runProgram("client.ts", ["--server", `127.0.0.1:${server.port}`, ...args])

test("all four kinds of input, piped, and the server's end", async () => {
  const { child, log, exit } = runClient()
  child.stdin.end("你好\n\n返回数据流\n结束对话\n")
  expect(await exit).toBe(0)
  expect(log.lines).toEqual([
    `已连接到服务端 127.0.0.1:${server.port}`,
    "请输入消息...",
    "[客户端收到]: 服务端返回: 你好",
    ...Array.from({ length: 10 }, (_, index) => `[客户端收到]: 数据流 #${index}`),
    "[客户端收到]: 收到结束指令",
    "⚠️ 收到服务端的结束信号",
  ])
})

test("the server's end ends the client while its input is still open", async () => {
  const { child, log, exit } = runClient()
  child.stdin.write("结束对话\n")
  expect(await exit).toBe(0)
  expect(log.lines.at(-1)).toBe("⚠️ 收到服务端的结束信号")
})

test("the end of input half-closes, a last line without line end included", async () => {
  const { child, log, exit } = runClient()
  child.stdin.end("最后一行")
  expect(await exit).toBe(0)
  expect(log.lines.slice(1)).toEqual([
    "请输入消息...",
    "[客户端收到]: 服务端返回: 最后一行",
    "⚠️ 收到服务端的结束信号",
  ])
  expect(serverLog.lines.at(-1)).toBe("客户端发送的数据流结束")
})

test("a heartbeat is sent while nobody types, and logged on both sides", async () => {
  const { child, log, exit } = runClient("--heartbeat", "50ms")
  await Promise.all([log.line("发送心跳包"), serverLog.line("收到心跳包")])
  child.stdin.end()
  expect(await exit).toBe(0)
  expect(log.lines.some((line) => line.startsWith("[客户端收到]"))).toBe(false)
})

test("ten thousand lines at once all come back, in order", async () => {
  const { child, log, exit } = runClient()
  child.stdin.end(Array.from({ length: 10_000 }, (_, index) => `${index}\n`).join(""))
  expect(await exit).toBe(0)
  expect(log.lines.slice(2, -1)).toEqual(
    Array.from({ length: 10_000 }, (_, index) => `[客户端收到]: 服务端返回: ${index}`),
  )
})

test("an error is told and exits 1", async () => {
  const { child, log, exit } = runClient()
  child.stdin.write("你好\n")
  await log.line("服务端返回: 你好")
  await server.shutdown(0)
  expect(await exit).toBe(1)
  expect(log.lines.at(-1)).toMatch(/^接收数据出错: UNAVAILABLE: chat server .* is shutting down$/)
})

test("no server there is told and exits 1", async () => {
  await server.shutdown(0)
  const { log, exit } = runClient()
  expect(await exit).toBe(1)
  expect(log.lines).toEqual([expect.stringMatching(/^接收数据出错: UNAVAILABLE: .*ECONNREFUSED/)])
})

test("SIGINT cancels the call and exits 130", async () => {
  const { child, log, exit } = runClient()
  child.stdin.write("你好\n")
  await log.line("服务端返回: 你好")
  child.kill("SIGINT")
  expect(await exit).toBe(130)
  // No line says what the server saw: Node ends a stream before it resets it, in packets of their own.
  await server.shutdown(60_000)
  expect(server.conversationsOpen).toBe(0)
  expect(log.lines.some((line) => line.startsWith("接收数据出错"))).toBe(false)
})

test("a client that is killed is a cancel", async () => {
  const { child, log, exit } = runClient()
  child.stdin.write("你好\n")
  await log.line("服务端返回: 你好")
  child.kill("SIGKILL")
  await exit
  await serverLog.line("收到客户端通过context发出的终止信号")
})

describe("the programs' arguments", () => {
  test.each([
    { program: "client.ts", args: ["--heartbeat", "often"], says: "A duration is a whole number and a unit" },
    { program: "client.ts", args: ["--heartbeat", "0s"], says: "A duration is a whole number and a unit" },
    { program: "client.ts", args: ["--sever", "x"], says: "Did you mean --server?" },
    { program: "server.ts", args: ["--port", "65536"], says: "A port is a number from 0 to 65535." },
    { program: "start.ts", args: ["--balancer", "haproxy"], says: "Allowed choices are sluice, nginx." },
  ])("$program $args exits 2 and says why", async ({ program, args, says }) => {
    const { log, exit } = runProgram(program, args)
    expect(await exit).toBe(2)
    expect(log.lines.join("\n")).toContain(says)
  })

  test.each([
    ["40s", 40_000],
    ["500ms", 500],
    ["2m", 120_000],
    ["1h", 3_600_000],
  ])("%s is %d ms", (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs)
  })
})

test("the server ends on SIGTERM with 0, and says so when its port is taken", async () => {
  const taken = runProgram("server.ts", ["--port", String(server.port)])
  expect(await taken.exit).toBe(1)
  expect(taken.log.lines.join("\n")).toContain(`cannot listen on 127.0.0.1:${server.port}`)

  const { child, log, exit } = runProgram("server.ts", ["--port", "0"])
  await log.line("监听 127.0.0.1:")
  child.kill("SIGTERM")
  expect(await exit).toBe(0)
})
