/** A client of grpc-go's that knows nothing of continuity: its conversation goes on while chat servers are killed. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { expect, test } from "vitest"
import {
  type ChatServerProcess,
  startChatServerProcess,
} from "../../examples/chat/demo/chat-server-process.ts"
import { LogBook } from "../../examples/chat/testing/log-book.ts"
import { createBalancer } from "../../src/control/create-balancer.ts"
import { eventually } from "../support/eventually.ts"
import { goPeers, HOW_TO_GET_GO } from "../support/go-peers.ts"

const folder = goPeers()
if (folder === null) console.info(`skipped: a chat client in Go: ${HOW_TO_GET_GO}`)

test.skipIf(folder === null)(
  "a conversation of grpc-go's client goes on after kill -9 of its server, again and again",
  async (t) => {
    const start = (name: string, port = 0) => startChatServerProcess({ port, name, log: () => {} })
    const servers: ChatServerProcess[] = [await start("A"), await start("B")]
    t.onTestFinished(() => {
      for (const server of servers) server.kill()
    })
    const balancer = createBalancer({
      listeners: "127.0.0.1:0",
      continuity: { mode: ["handoff", "resume"] },
      clusters: { chat: servers.map(({ port }) => ({ address: `127.0.0.1:${port}`, failTimeout: "100ms" })) },
    })
    await balancer.start()
    t.onTestFinished(() => balancer.close({ graceMs: 0 }))
    const client = spawn(join(folder!, "chat"), [`127.0.0.1:${balancer.addresses[0]!.port}`])
    t.onTestFinished(() => void client.kill("SIGKILL"))
    const log = new LogBook()
    const exit = new Promise((resolve) => client.once("exit", resolve))
    for (const stream of [client.stdout, client.stderr])
      createInterface({ input: stream }).on("line", log.write)
    const expected: string[] = []
    const say = async (line: string, ...answers: string[]): Promise<void> => {
      client.stdin.write(`${line}\n`)
      expected.push(...answers)
      await eventually(
        () => log.lines.length >= expected.length,
        () => `${expected.length} lines; there are ${log.lines.join("; ")}`,
      )
    }
    for (let round = 1; round <= 3; round++) {
      await say(`${round}`, `"服务端返回: ${round}\\n"`)
      await say("返回数据流", ...Array.from({ length: 10 }, (_, at) => `"数据流 #${at}"`))
      const { endpoints } = balancer.snapshot().clusters[0]!
      const { address } = endpoints.find(({ streamsOpen }) => streamsOpen > 0)!
      const at = servers.findIndex(({ port }) => address === `127.0.0.1:${port}`)
      const { port, ended } = servers[at]!
      servers[at]!.kill()
      await ended
      await say(`after ${round}`, `"服务端返回: after ${round}\\n"`)
      servers[at] = await start("again", port)
    }
    await say("结束对话", `"收到结束指令"`)
    expect(await exit).toBe(0)
    expect(log.lines).toEqual(expected)
  },
)
