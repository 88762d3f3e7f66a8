import { createServer } from "node:net"
import { expect, test } from "vitest"
import { ChatClient } from "../../examples/chat/chat-client.ts"
import { findNginx, HOW_TO_GET_NGINX } from "../../examples/chat/demo/nginx-process.ts"
import { Conversation, converse } from "../../examples/chat/testing/conversation.ts"
import { type Program, runProgram } from "../../examples/chat/testing/run-program.ts"

/** What the banner says, until its last line. */
async function banner(demo: Program): Promise<string> {
  const ended = demo.exit.then((code) => {
    throw new Error(`the demo ended with ${code}: ${demo.log.lines.join("\n")}`)
  })
  await Promise.race([demo.log.line("Ctrl-C ends everything."), ended])
  return demo.log.lines.join("\n")
}

/** A conversation as the page has it. */
async function webSocket(url: string, inputs: readonly string[]) {
  const socket = new WebSocket(url)
  const heard: string[] = []
  const ends: string[] = []
  const frames: (() => void)[] = []
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as { output?: string; "@status"?: unknown }
    if (frame.output !== undefined) heard.push(frame.output)
    else if (frame["@status"] !== undefined) ends.push(String(data))
    for (const told of frames.splice(0)) told()
  }
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`no WebSocket at ${url}`))
  })
  const say = async (input: string): Promise<void> => {
    const before = heard.length
    socket.send(JSON.stringify({ input }))
    while (heard.length === before && ends.length === 0)
      await new Promise<void>((resolve) => frames.push(resolve))
    expect(ends).toEqual([])
  }
  for (const input of inputs) await say(input)
  return { socket, heard, say }
}

const WAYS = [
  { through: "nginx", missing: findNginx() === undefined ? HOW_TO_GET_NGINX : "" },
  { through: "sluice", missing: "" },
] as const

for (const { through, missing } of WAYS) {
  if (missing) console.info(`skipped: npm start -- --balancer ${through}: ${missing}`)

  test.skipIf(missing)(
    `npm start -- --balancer ${through}: conversations, then SIGINT ends all of it with 0`,
    async () => {
      // Holds the preferred port, unless something else on this machine already does.
      const holder = createServer().on("error", () => {})
      await new Promise<void>((resolve) => holder.listen(18_080, resolve).once("error", () => resolve()))
      const demo = runProgram("start.ts", ["--balancer", through, "--port", "18080"])
      const text = await banner(demo)
      expect(text).toMatch(/Port 18080 is taken by something else: \d+ instead\./)

      const address = /chat:client -- --server (\S+)/.exec(text)![1]!
      for (let chat = 0; chat < 2; chat++) {
        expect(await converse(address, ["你好", "结束对话"])).toMatchObject({ code: "OK" })
      }
      if (through === "sluice") {
        const page = /Open (\S+)/.exec(text)![1]!
        expect((await fetch(page)).headers.get("content-type")).toMatch(/^text\/html/)
        expect(await (await fetch(`http://${address}/`)).text()).toContain(`<a href="${page}">`)
      }
      await Promise.all([demo.log.line("[A] [收到消息]: 你好"), demo.log.line("[B] [收到消息]: 你好")])

      demo.child.kill("SIGINT")
      expect(await demo.exit).toBe(0)
      holder.close()
      const pids = [...text.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
      expect(pids.length).toBe(2)
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH")
      expect(await converse(address, ["还在吗"])).toMatchObject({ code: "UNAVAILABLE" })
    },
  )
}

test.each(["SIGKILL", "SIGTERM"] as const)(
  "a conversation goes on when its chat server gets %s, in the same stream",
  async (signal) => {
    const demo = runProgram("start.ts", ["--port", "18180"])
    const text = await banner(demo)
    const address = /chat:client -- --server (\S+)/.exec(text)![1]!
    const terminals = [1, 2].map(() => runProgram("client.ts", ["--server", address]))
    await Promise.all(terminals.map(({ log }) => log.line("请输入消息...")))
    const client = new ChatClient(address)
    const conversation = new Conversation(client).say("一", "返回数据流")
    expect(await conversation.hear(11)).toHaveLength(11)
    const name = await conversation.serverName
    const page = await webSocket(`ws://${address}/ws`, ["三"])
    expect(page.heard).toEqual(["服务端返回: 三"])
    const pids = [...text.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
    process.kill(pids[name === "A" ? 0 : 1]!, signal)
    await demo.log.line(`[${name}] ended (${signal === "SIGKILL" ? signal : "exit code 0"})`)
    conversation.say("二")
    expect(await conversation.hear(1)).toEqual(["服务端返回: 二"])
    await demo.log.line(`[${name === "A" ? "B" : "A"}] [收到消息]: 二`)
    // One in a terminal was at each: that one says where it is now.
    const other = name === "A" ? "B" : "A"
    const [moved, stayed] = terminals.sort(({ log }) => (log.lines[0] === `已连接到服务端 ${name}` ? -1 : 1))
    await moved!.log.line(`从服务端 ${name} 移到了服务端 ${other}，还是同一条流`)
    for (const { child, log, exit } of terminals) {
      child.stdin.end("五\n")
      await log.line("[客户端收到]: 服务端返回: 五")
      expect(await exit).toBe(0)
    }
    expect(stayed!.log.lines.filter((line) => line.includes("移到了"))).toEqual([])
    // The page's conversation may have been at either.
    await page.say("四")
    expect(page.heard).toEqual(["服务端返回: 三", "服务端返回: 四"])
    page.socket.close()
    conversation.say("结束对话")
    expect(await conversation.hear(1)).toEqual(["收到结束指令"])
    expect((await conversation.outcome).code).toBe("OK")
    client.close()
    demo.child.kill("SIGINT")
    expect(await demo.exit).toBe(0)
  },
)
