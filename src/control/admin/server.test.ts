import { channel } from "node:diagnostics_channel"
import { once } from "node:events"
import type { ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { expect, type TestContext, test } from "vitest"
import { z } from "zod"
import { askAdmin } from "../../../test/support/admin-client.ts"
import { eventually } from "../../../test/support/eventually.ts"
import { LogLines } from "../../../test/support/log-lines.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits, type Limits } from "../../base/limits.ts"
import type { AdminRoute } from "./route.ts"
import { AdminServer } from "./server.ts"

/** More than the system takes for a socket that reads nothing. */
const LARGE = "x".repeat(16 * 1024 * 1024)

const route = (path: string, handle: AdminRoute["handle"], isLong = false): AdminRoute => ({
  method: "GET",
  path,
  summary: "",
  isLong,
  answer: z.unknown(),
  handle,
})
const large = { text: LARGE, contentType: "text/plain" }
const asks = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

async function listening(t: TestContext, routes: AdminRoute[], more: Partial<Limits> = {}) {
  const counters = new Counters()
  const clock = new ManualClock()
  const bounds = { counters, limits: { ...defaultLimits, ...more }, clock }
  const server = new AdminServer(
    routes,
    { token: null, isUnix: false, hosts: [] },
    new LogLines().log,
    bounds,
  )
  t.onTestFinished(() => server.close())
  const config = { host: "127.0.0.1", port: 0, unixPath: null, tokenFile: null, hosts: [] }
  const port = Number((await server.listen(config)).split(":")[1])
  const connected = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1")
    socket.on("error", () => {})
    t.onTestFinished(() => void socket.destroy())
    await once(socket, "connect")
    return socket
  }
  const counted = (what: Parameters<Counters["get"]>[0], many: number): Promise<void> =>
    eventually(
      () => counters.get(what) === many,
      () => `${what} ${many}, now ${counters.get(what)}`,
    )
  return { port, clock, connected, counted }
}

/** The next response that a server of this process begins to make. */
function nextResponse(): Promise<ServerResponse> {
  const begun = channel("http.server.request.start")
  return new Promise((resolve) => {
    const take = (message: unknown): void => {
      begun.unsubscribe(take)
      resolve((message as { response: ServerResponse }).response)
    }
    begun.subscribe(take)
  })
}

test("an answer whose client leaves while it is made is not written, nor those behind it, and none counts as unread", async (t) => {
  const asked = Promise.withResolvers<void>()
  const made = Promise.withResolvers<void>()
  let isWritten = false
  const writes = { toJSON: () => (isWritten = true) }
  const slow = async () => {
    asked.resolve()
    await made.promise
    return { json: [writes, "x".repeat(2000)] }
  }
  const { port, connected } = await listening(
    t,
    [
      route("/slow", slow, true),
      route("/behind", () => {
        isWritten = true
        return large
      }),
      route("/long", () => ({ json: 1 }), true),
    ],
    { adminAnswersOctets: 1024 },
  )
  const client = await connected()
  const response = nextResponse()
  client.write(asks("/slow") + asks("/behind"))
  await asked.promise
  client.resetAndDestroy()
  await once(await response, "close")
  made.resolve()
  expect((await askAdmin(port, "/long")).status).toBe(200)
  expect(isWritten).toBe(false)
})

test("of a connection that reads nothing one answer is made, whatever it asks for", async (t) => {
  let many = 0
  const metrics = () => (++many === 1 ? large : { json: "x".repeat(2000) })
  const { port, connected } = await listening(
    t,
    [route("/metrics", metrics), route("/streams", () => ({ json: 1 }), true)],
    { adminAnswersOctets: LARGE.length + 1000 },
  )
  const client = await connected()
  client.pause().write(asks("/metrics").repeat(16))
  await eventually(
    () => many > 0,
    () => "the first answer",
  )
  expect((await askAdmin(port, "/streams")).status).toBe(200)
  expect(many).toBe(1)
  // Once it reads it gets all of them.
  let octets = 0
  client.on("data", (chunk) => (octets += chunk.length)).resume()
  await eventually(
    () => octets > LARGE.length + 15 * 2000,
    () => `16 answers; ${octets} octets`,
  )
  expect(many).toBe(16)
})

test("who reads nothing gives way to who asks, who reads slowly does not", async (t) => {
  const asked: string[] = []
  const answering = (path: string): AdminRoute => ({
    ...route(path, () => {
      asked.push(path)
      return large
    }),
    isLarge: true,
  })
  const { port, clock, connected, counted } = await listening(t, ["/a", "/b"].map(answering), {
    adminAnswersOctets: 2 * LARGE.length,
  })
  const reading = await connected()
  let octets = 0
  reading.on("data", (chunk) => (octets += chunk.length)).pause()
  reading.write(asks("/a"))
  await eventually(
    () => asked.length === 1,
    () => "the first answer",
  )
  const still = await connected()
  still.pause().write(asks("/b"))
  await eventually(
    () => asked.length === 2,
    () => "the second answer",
  )
  // Neither stands still for long yet: there is no room.
  clock.advance(9500)
  expect(await askAdmin(port, "/b")).toMatchObject({ status: 503 })
  await counted("admin_answers_exceeded", 1)
  clock.advance(600)
  // A part of it leaves.
  const before = octets
  reading.resume()
  await eventually(
    () => octets > before + 4 * 1024 * 1024,
    () => `a part; ${octets} octets`,
  )
  reading.pause()
  expect((await askAdmin(port, "/b")).status).toBe(200)
  await counted("admin_readers_dropped", 1)
  await once(still.resume(), "close")
  reading.resume()
  await eventually(
    () => octets > LARGE.length,
    () => `all of it; ${octets} octets`,
  )
})

test("who has asked nothing yet is not taken for one that does not read", async (t) => {
  const { connected, counted } = await listening(
    t,
    [route("/large", () => large), route("/ping", () => ({ json: 1 }))],
    { adminUnreadMs: 100 },
  )
  const quiet = await connected()
  // Its time begins later, and is over later.
  const unreading = await connected()
  unreading.pause().write(asks("/large"))
  await counted("admin_readers_dropped", 1)
  let said = ""
  quiet.on("data", (chunk) => (said += String(chunk))).write(asks("/ping"))
  await eventually(
    () => said !== "" || quiet.closed,
    () => "an answer",
  )
  expect(said).toMatch(/^HTTP\/1\.1 200 /)
})
