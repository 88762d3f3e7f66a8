/** `sluice/web`: a stream of a page outlives the Sluice under it, and its backend. */
import { createClient } from "@connectrpc/connect"
import { describe, expect, type TestContext, test } from "vitest"
import { Chat } from "../../examples/chat/gen/chat_pb.ts"
import { type ChatServer, startChatServer } from "../../examples/chat/start-chat-server.ts"
import { createWebSocketTransport, type WebContinuity } from "../../src/web/index.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

type Trust = "trusted" | "ignored"

/** Chat servers, and so many Sluices before them. */
async function start(t: TestContext, sluices: number, clients: Trust = "trusted") {
  const servers: ChatServer[] = []
  for (const name of ["A", "B"])
    servers.push(await startChatServer({ host: "127.0.0.1", port: 0, name, log: () => {} }))
  t.onTestFinished(() => void Promise.all(servers.map((server) => server.shutdown(0))))
  const ports: number[] = []
  const processes: SluiceProcess[] = []
  for (let at = 0; at < sluices; at++) {
    const port = await freePort()
    ports.push(port)
    const config = {
      ...{ workers: 1, listeners: `127.0.0.1:${port}`, admin: "off", bridge: { webSocket: true } },
      continuity: { mode: ["handoff", "resume"], clients },
      clusters: { chat: servers.map((server) => `127.0.0.1:${server.port}`) },
    }
    const sluice = new SluiceProcess(t, config)
    processes.push(sluice)
    await sluice.says('"message":"listening"')
  }
  return { servers, ports, processes }
}

/** A page's conversation: what it says is answered, a line each. */
class Talk {
  readonly heard: string[] = []
  said = 0
  error: unknown = null
  isOver = false
  readonly header: Promise<Headers>
  #wake: () => void = () => {}
  #hasEnded = false

  constructor(ports: readonly number[], continuity?: WebContinuity) {
    const [first, ...others] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, ...string[]]
    const transport = createWebSocketTransport({
      baseUrl: [first, ...others],
      ...(continuity !== undefined && { continuity }),
    })
    const chat = createClient(Chat, transport)
    let onHeader: (header: Headers) => void
    this.header = new Promise((resolve) => (onHeader = resolve))
    void this.#read(chat.bidStream(this.#inputs(), { onHeader: (header) => onHeader(header) }))
  }

  async #read(outputs: AsyncIterable<{ output: string }>): Promise<void> {
    try {
      for await (const { output } of outputs) this.heard.push(output)
    } catch (error) {
      this.error = error
    }
    this.isOver = true
  }

  async *#inputs(): AsyncGenerator<{ input: string }> {
    for (let next = 1; ; next++) {
      while (this.said < next && !this.#hasEnded) await new Promise<void>((resolve) => (this.#wake = resolve))
      if (this.said < next) return
      yield { input: `message ${next}` }
    }
  }

  say(many = 1): void {
    this.said += many
    this.#wake()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  async hears(many: number): Promise<void> {
    await eventually(
      () => this.heard.length >= many || this.isOver,
      () => `${many} answers: ${this.heard.join("; ")}, ${String(this.error)}`,
    )
  }
}

const answers = (many: number): string[] =>
  Array.from({ length: many }, (_, at) => `服务端返回: message ${at + 1}`)

describe("a page's stream", () => {
  test("goes on with another Sluice when its own is killed, again and again: nothing lost, nothing twice", async (t) => {
    const { ports, processes } = await start(t, 3)
    const talk = new Talk(ports, {})
    for (const process of processes.slice(0, 2)) {
      talk.say(20)
      await talk.hears(talk.said - 5)
      process.signal("SIGKILL")
      talk.say(10)
      await talk.hears(talk.said)
    }
    talk.end()
    await eventually(
      () => talk.isOver,
      () => "it ends",
    )
    expect(talk.error).toBeNull()
    expect(talk.heard).toEqual(answers(60))
    expect([...(await talk.header).keys()].filter((name) => name.startsWith("continuity-"))).toEqual([])
  })

  test("goes on with another backend when its own stops", async (t) => {
    const { ports, servers } = await start(t, 1)
    const talk = new Talk(ports, {})
    talk.say(5)
    await talk.hears(5)
    const name = (await talk.header).get("x-chat-server")
    await servers[name === "A" ? 0 : 1]!.shutdown(2_000)
    talk.say(5)
    await talk.hears(10)
    talk.end()
    await eventually(
      () => talk.isOver,
      () => "it ends",
    )
    expect([talk.error, talk.heard]).toEqual([null, answers(10)])
  })

  test("begins at the next address where the first does not answer", async (t) => {
    const { ports } = await start(t, 1)
    const talk = new Talk([await freePort(), ...ports], {})
    talk.say(2)
    await talk.hears(2)
    talk.end()
    expect([talk.error, talk.heard]).toEqual([null, answers(2)])
  })

  test.for<[what: string, trust: Trust, continuity: WebContinuity | undefined]>([
    ["without continuity in the page", "trusted", undefined],
    ["on a route that does not trust it", "ignored", {}],
  ])("ends with its Sluice %s", async ([, trust, continuity], t) => {
    const { ports, processes } = await start(t, 2, trust)
    const talk = new Talk(ports, continuity)
    talk.say(2)
    await talk.hears(2)
    processes[0]!.signal("SIGKILL")
    await eventually(
      () => talk.isOver,
      () => "it ends",
    )
    expect(String(talk.error)).toContain("unavailable")
    expect(talk.heard).toEqual(answers(2))
  })

  test("ends after gapMaxMs where no Sluice is left", async (t) => {
    const { ports, processes } = await start(t, 2)
    const talk = new Talk(ports, { gapMaxMs: 300 })
    talk.say(2)
    await talk.hears(2)
    for (const process of processes) process.signal("SIGKILL")
    await eventually(
      () => talk.isOver,
      () => "it ends",
    )
    expect(String(talk.error)).toContain("unavailable")
  })
})
