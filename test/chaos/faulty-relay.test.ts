import { once } from "node:events"
import { connect, createServer } from "node:net"
import { expect, type TestContext, test } from "vitest"
import { seededRandom } from "../../src/base/random.ts"
import { eventually } from "../support/eventually.ts"
import { FaultyRelay } from "./faulty-relay.ts"

const TEXT = "The quick brown fox jumps over the lazy dog. ".repeat(20)

/** A server that sends back what comes, a relay before it, and a client. */
async function start(t: TestContext) {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const relay = await FaultyRelay.start((server.address() as { port: number }).port, seededRandom(1))
  const client = connect(relay.port, "127.0.0.1")
  const seen = { text: "", end: "" }
  client.on("data", (octets) => void (seen.text += octets.toString("latin1")))
  client.on("error", (error: NodeJS.ErrnoException) => void (seen.end ||= error.code ?? "error"))
  client.on("close", () => void (seen.end ||= "closed"))
  t.onTestFinished(() => {
    client.destroy()
    relay.close()
    server.close()
  })
  client.write("first")
  await eventually(
    () => seen.text === "first",
    () => `the first echo; ${seen.text} did`,
  )
  return { relay, client, seen }
}

test.for(["clear", "delay", "trickle"] as const)("%s: every octet arrives, in order", async (weather, t) => {
  const { relay, client, seen } = await start(t)
  relay.weather = weather
  client.write(TEXT)
  await eventually(
    () => seen.text === `first${TEXT}`,
    () => `the text; ${seen.text} did`,
  )
})

test("cut: part of a chunk, then the end", async (t) => {
  const { relay, client, seen } = await start(t)
  relay.weather = "cut"
  client.write(TEXT)
  await eventually(
    () => seen.end === "closed",
    () => `the end; ${seen.end} did`,
  )
  expect(TEXT.startsWith(seen.text.slice("first".length))).toBe(true)
  expect(seen.text.length).toBeLessThan(TEXT.length)
  expect(relay.connections).toBe(0)
})

test("blackhole: nothing arrives, and everything once it is over", async (t) => {
  const { relay, client, seen } = await start(t)
  relay.weather = "blackhole"
  client.end(TEXT)
  await once(client, "finish")
  expect(seen).toEqual({ text: "first", end: "" })
  relay.weather = "clear"
  await eventually(
    () => seen.end === "closed",
    () => `the end; ${seen.end} did`,
  )
  expect(seen.text).toBe(`first${TEXT}`)
})

test("reset: at once, on both sides", async (t) => {
  const { relay, seen } = await start(t)
  relay.reset()
  await eventually(
    () => seen.end === "ECONNRESET",
    () => `the reset; ${seen.end} did`,
  )
})
