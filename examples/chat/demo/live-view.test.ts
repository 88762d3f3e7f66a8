import { createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, type TestContext, test } from "vitest"
import type { ChatServerProcess } from "./chat-server-process.ts"
import { liveView } from "./live-view.ts"
import { ServerSwitch } from "./server-switch.ts"

async function listening(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A chat server that ends when it is killed. */
function fake(port: number): ChatServerProcess {
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  return { port, pid: 1, ended, stop: async () => resolve("stopped"), kill: () => resolve("SIGKILL") }
}

async function bed(t: TestContext) {
  const started: string[] = []
  const servers = new ServerSwitch(
    async (port, name) => {
      started.push(name)
      return fake(port)
    },
    () => {},
  )
  servers.add("A", fake(3000))
  const adminPort = await listening(
    t,
    createServer(
      ({ url }, response) =>
        void response.setHeader("content-type", "application/json").end(`{"url":"${url}"}`),
    ),
  )
  const view: { handle: ReturnType<typeof liveView>["handle"] } = { handle: () => false }
  const server = createServer((asked, response) => {
    if (!view.handle(asked, response)) response.writeHead(404).end()
  })
  const port = await listening(t, server)
  view.handle = liveView({ adminPort, port, servers }).handle
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    new Promise<[number, unknown]>((resolve, reject) => {
      const asking = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
        let text = ""
        answer.on("data", (octets: Buffer) => (text += octets.toString()))
        answer.on("end", () => resolve([answer.statusCode!, text === "" ? null : JSON.parse(text)]))
      })
      asking.on("error", reject)
      asking.end()
    })
  return { ask, servers, started, port }
}

const JSON_TYPE = { "content-type": "application/json" }

test("the button kills a server, and starts it again at the same place, once", async (t) => {
  const { ask, started } = await bed(t)
  const state = (isRunning: boolean) => ({ servers: [{ name: "A", address: "127.0.0.1:3000", isRunning }] })
  expect(await ask("GET", "/live/servers")).toEqual([200, state(true)])
  expect(await ask("POST", "/live/servers/A/kill", JSON_TYPE)).toEqual([200, state(false)])
  expect(await ask("POST", "/live/servers/A/kill", JSON_TYPE)).toEqual([200, state(false)])
  const both = await Promise.all([1, 2].map(() => ask("POST", "/live/servers/A/start", JSON_TYPE)))
  expect(both).toEqual([
    [200, state(true)],
    [200, state(true)],
  ])
  expect(started).toEqual(["A"])
  expect((await ask("POST", "/live/servers/C/kill", JSON_TYPE))[0]).toBe(404)
})

test("of the admin API it shows streams and clusters, and nothing else", async (t) => {
  const { ask } = await bed(t)
  expect(await ask("GET", "/live/streams?limit=5")).toEqual([200, { url: "/streams?limit=5" }])
  expect(await ask("GET", "/live/clusters")).toEqual([200, { url: "/clusters" }])
  expect((await ask("GET", "/live/config"))[0]).toBe(404)
  expect((await ask("POST", "/live/streams"))[0]).toBe(405)
  expect((await ask("GET", "/other"))[0]).toBe(404)
})

test("no other page may order: foreign Host, foreign Origin, a form", async (t) => {
  const { ask, servers, port } = await bed(t)
  const kill = (headers: Record<string, string>) => ask("POST", "/live/servers/A/kill", headers)
  expect((await kill({ ...JSON_TYPE, host: "evil.example" }))[0]).toBe(403)
  expect((await kill({ ...JSON_TYPE, origin: "http://evil.example" }))[0]).toBe(403)
  expect((await kill({ "content-type": "text/plain" }))[0]).toBe(415)
  expect(servers.states[0]!.isRunning).toBe(true)
  expect((await kill({ ...JSON_TYPE, origin: `http://127.0.0.1:${port}` }))[0]).toBe(200)
})
