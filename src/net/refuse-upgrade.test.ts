import { once } from "node:events"
import { type AddressInfo, connect, createServer } from "node:net"
import { expect, type TestContext, test } from "vitest"
import { AdminClient } from "../cli/admin/admin-client.ts"
import { askHttp } from "./ask-http.ts"
import { JsonClient } from "./json-client.ts"
import { TextClient } from "./text-client.ts"

/** Switches to a protocol that it was not asked for. Returns its port. */
async function switching(t: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n{}")
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const never = (): never => {
  throw new Error("it was taken for an answer")
}

test.for<[what: string, ask: (port: number) => Promise<unknown>]>([
  [
    "a text",
    (port) =>
      new TextClient({
        ...{ url: `http://127.0.0.1:${port}/`, timeoutMs: 60_000, octetsMax: 100 },
        ...{ ca: () => undefined, onTooLong: never, onTimeout: never },
      }).get(),
  ],
  [
    "JSON",
    (port) =>
      new JsonClient({ baseUrl: `http://127.0.0.1:${port}` }).ask(
        { method: "GET", path: "/", timeoutMs: 60_000 },
        new AbortController().signal,
      ),
  ],
  [
    "JSON, line by line",
    (port) =>
      new JsonClient({ baseUrl: `http://127.0.0.1:${port}` }).follow(
        { method: "GET", path: "/", timeoutMs: 60_000 },
        new AbortController().signal,
        never,
      ),
  ],
  [
    "an endpoint's health",
    (port) =>
      new Promise((_resolve, onError) => {
        const socket = connect(port, "127.0.0.1")
        askHttp(socket, { host: "localhost", uri: "/", wantsBody: true, onAnswer: never, onError })
      }),
  ],
  ["a running Sluice", (port) => AdminClient.find({ admin: String(port), json: false }, {}).get("/")],
])("one who asks for %s and is answered 101 is told that there is no answer", async ([, ask], t) => {
  await expect(ask(await switching(t))).rejects.toThrow(/answered 101/)
})
