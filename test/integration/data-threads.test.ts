import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, type TestContext, test } from "vitest"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const LISTENING = '"message":"listening"'
const FAULTY = fileURLToPath(new URL("../support/faulty-thread.mjs", import.meta.url))
const CLIENTS = 24

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

const requestTo = (path: string): dsl.Field[] =>
  dsl.request.map(([name, value]) => [name, name === ":path" ? path : value])

interface Settings {
  workers?: number
  backends?: number
  cluster?: object
  endpoint?: object
  config?: object
}

/** A process of two data threads before raw backends. */
async function start(t: TestContext, settings: Settings = {}, env: NodeJS.ProcessEnv = {}) {
  const backends = await Promise.all(Array.from({ length: settings.backends ?? 1 }, () => RawServer.start()))
  for (const backend of backends) t.onTestFinished(() => backend.close())
  const port = await freePort()
  const configOf = (endpoint: object = {}): object => ({
    workers: settings.workers ?? 2,
    listeners: [`127.0.0.1:${port}`],
    clusters: {
      test: {
        ...settings.cluster,
        endpoints: backends.map(({ port }) => ({
          address: `127.0.0.1:${port}`,
          ...settings.endpoint,
          ...endpoint,
        })),
      },
    },
    ...settings.config,
  })
  const sluice = new SluiceProcess(t, configOf(), env)
  await sluice.says(LISTENING)
  const connect = async (many: number): Promise<RawClient[]> => {
    const clients = await Promise.all(Array.from({ length: many }, () => RawClient.connect(port)))
    t.onTestFinished(() => {
      for (const client of clients) client.destroy()
    })
    return clients
  }
  const streams = (): number => backends.reduce((sum, backend) => sum + backend.streams.length, 0)
  const arrived = (many: number): Promise<void> =>
    eventually(
      () => streams() === many,
      () => `${many} streams at the backends, which have ${streams()}`,
    )
  return { sluice, port, backends, connect, arrived, configOf }
}

describe("counts hold for all threads", () => {
  test("least_streams: the streams of many connections are spread evenly", async (t) => {
    const { backends, connect, arrived } = await start(t, {
      backends: 3,
      cluster: { policy: "least_streams" },
    })
    const clients = await connect(CLIENTS)
    // One at a time: each is to see all that were opened before it, in whichever thread.
    for (const [at, client] of clients.entries()) {
      client.open()
      await arrived(at + 1)
      expect(Math.max(...backends.map(({ streams }) => streams.length))).toBe(Math.ceil((at + 1) / 3))
    }
  })

  test("max_conns: no endpoint has more, and what one stream leaves another takes", async (t) => {
    const { backends, connect, arrived } = await start(t, { backends: 2, endpoint: { maxStreams: 3 } })
    const clients = await connect(CLIENTS)
    const ids = clients.map((client) => client.open())
    await arrived(6)
    const answered = (): number => clients.filter((client, at) => client.about(ids[at]!).length > 0).length
    await eventually(
      () => answered() === CLIENTS - 6,
      () => `${CLIENTS - 6} streams refused, of which ${answered()} are`,
    )
    expect(backends.map(({ streams }) => streams.length)).toEqual([3, 3])
    answerOk(backends[0]!.streams[0]!)
    await eventually(
      () => answered() === CLIENTS - 5,
      () => "the stream has ended",
    )
    const again = clients.map((client) => client.open())
    await arrived(7)
    await eventually(
      () => clients.filter((client, at) => client.about(again[at]!).length > 0).length === CLIENTS - 1,
      () => "all but one are refused",
    )
    expect(backends[0]!.streams.length).toBe(4)
  })

  test("queue: places that streams of any thread leave are taken by those that wait in any, also over a reload", async (t) => {
    const { sluice, backends, connect, arrived, configOf } = await start(t, {
      endpoint: { maxStreams: 1 },
      cluster: { queue: { streams: CLIENTS - 1 } },
    })
    const clients = await connect(CLIENTS)
    const ids = clients.map((client) => client.open())
    await arrived(1)
    // Another weight: the cluster is made anew.
    sluice.configure(configOf({ weight: 7 }))
    sluice.signal("SIGHUP")
    await sluice.says('"configuration reloaded"')
    for (let at = 0; at < CLIENTS; at++) {
      await arrived(at + 1)
      answerOk(backends[0]!.streams[at]!)
    }
    await Promise.all(clients.map((client, at) => client.end(ids[at]!)))
    expect(
      clients.filter((client, at) => client.about(ids[at]!).join().includes("grpc-status=0")),
    ).toHaveLength(CLIENTS)
  })

  test("a reload that keeps an endpoint keeps its count", async (t) => {
    const { sluice, backends, connect, arrived, configOf } = await start(t, { endpoint: { maxStreams: 2 } })
    const [client] = await connect(1)
    const live = client!.open()
    await arrived(1)
    // Another weight: the cluster is made anew.
    sluice.configure(configOf({ weight: 7 }))
    sluice.signal("SIGHUP")
    await sluice.says('"configuration reloaded"')
    const second = client!.open()
    await arrived(2)
    const third = client!.open()
    await client!.end(third)
    expect(client!.about(third)[0]).toContain("no endpoint is available")
    for (const stream of backends[0]!.streams) answerOk(stream)
    for (const id of [live, second]) await client!.end(id)
    const fourth = client!.open()
    await arrived(3)
    answerOk(backends[0]!.streams[2]!)
    await client!.end(fourth)
  })
})

describe.skipIf(process.platform !== "linux")("a data thread that dies", () => {
  async function withFault(t: TestContext, workers: number) {
    const fault = join(testDirectory(t), "fault")
    const NODE_OPTIONS = `--import=${FAULTY} --max-old-space-size=64`
    const started = await start(t, { workers }, { SLUICE_TEST_FAULT: fault, NODE_OPTIONS })
    const fail = (what: string): void => {
      writeFileSync(`${fault}.new`, what)
      // Whole at once: threads look for it all the time.
      renameSync(`${fault}.new`, fault)
    }
    return { ...started, fail }
  }

  test.for([
    ["throws past everything", "throw", "past everything"],
    ["has a full heap", "heap", "its heap is full"],
  ] as const)("because it %s loses its streams alone, and is replaced", async ([, fault, reason], t) => {
    const { sluice, backends, connect, arrived, fail } = await withFault(t, 2)
    const clients = await connect(CLIENTS)
    for (const client of clients) client.open()
    await arrived(CLIENTS)
    const before = sluice.threads
    fail(fault)
    await sluice.says('"message":"a data thread died')
    expect(sluice.said).toContain(reason)
    await sluice.says('"message":"a data thread listens again"')
    const left = clients.filter(({ isClosed }) => !isClosed)
    expect(left.length).toBeGreaterThan(0)
    expect(left.length).toBeLessThan(CLIENTS)
    // Those of the other thread go on.
    const live = new Set(left)
    for (const stream of backends[0]!.streams) answerOk(stream)
    for (const client of live) await client.end(1)
    expect(left.every((client) => client.about(1)[0]!.includes("grpc-status=0"))).toBe(true)
    expect(sluice.threads).toHaveLength(2)
    expect(sluice.threads.filter((thread) => before.includes(thread))).toHaveLength(1)
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
  })

  test("leaves no stream in the counts", async (t) => {
    const { sluice, connect, arrived, fail, configOf } = await withFault(t, 1)
    const [client] = await connect(1)
    client!.open()
    client!.open()
    await arrived(2)
    fail("throw")
    await sluice.says('"message":"a data thread listens again"')
    sluice.configure(configOf({ maxStreams: 1 }))
    sluice.signal("SIGHUP")
    await sluice.says('"configuration reloaded"')
    const [next] = await connect(1)
    next!.open()
    await arrived(3)
  })

  test("refuses nothing meanwhile: who connects is served by the one in its place", async (t) => {
    const { sluice, port, connect, arrived, fail } = await withFault(t, 1)
    await connect(1)
    fail("throw")
    await sluice.says('"message":"a data thread died')
    const failed: string[] = []
    const clients = Array.from({ length: 10 }, () => {
      const socket = createConnection(port, "127.0.0.1")
      socket.on("error", ({ message }) => failed.push(message))
      const client = new RawClient(socket, "client")
      t.onTestFinished(() => client.destroy())
      return client
    })
    for (const client of clients) client.open()
    await arrived(10)
    expect(failed).toEqual([])
  })

  test("an error that nothing caught is said and counted, and the thread goes on with its streams", async (t) => {
    const { sluice, backends, connect, arrived, fail } = await withFault(t, 1)
    const [client] = await connect(1)
    const live = client!.open()
    await arrived(1)
    fail("uncaught")
    await sluice.says('"message":"unexpected error"')
    answerOk(backends[0]!.streams[0]!)
    await client!.end(live)
    expect(sluice.said).not.toContain("died")
  })
})

test("a configuration that one thread could not take changes nothing in any of them", async (t) => {
  const { sluice, port, connect, arrived, configOf } = await start(t)
  const taken = await freePort()
  const holder = await RawServer.start()
  t.onTestFinished(() => holder.close())
  // The port is taken, which the threads find; and the certificate is not there, which is found before they are asked.
  const tls = { certificates: [{ cert: "/nowhere.pem", key: "/nowhere.key" }] }
  for (const [listener, reason] of [
    [`127.0.0.1:${holder.port}`, "the port is taken by another program"],
    [{ address: `127.0.0.1:${taken}`, tls }, '"problems":['],
  ] as const) {
    sluice.configure({ ...configOf(), listeners: [`127.0.0.1:${port}`, listener] })
    sluice.signal("SIGHUP")
    await sluice.says(reason)
  }
  expect(sluice.said).toContain("cannot reload")
  expect(sluice.said).toContain("/nowhere.pem")
  const clients = await connect(4)
  for (const client of clients) client.open()
  await arrived(4)
  // What was opened for it is closed again.
  await expect(RawClient.connect(taken)).rejects.toThrow()
})

test("a listener that a reload brings is there in all threads, and gone with the next", async (t) => {
  const { sluice, port, connect, configOf } = await start(t)
  await connect(1)
  const second = await freePort()
  sluice.configure({ ...configOf(), listeners: [`127.0.0.1:${port}`, `127.0.0.1:${second}`] })
  sluice.signal("SIGHUP")
  await sluice.says('"configuration reloaded"')
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(second)))
  t.onTestFinished(() => {
    for (const client of clients) client.destroy()
  })
  sluice.configure(configOf())
  sluice.signal("SIGHUP")
  await sluice.says('"configuration reloaded"', 2)
  for (const client of clients) await client.frame(({ type }) => type === FrameType.GOAWAY, "GOAWAY")
  const socket = createConnection(second, "127.0.0.1")
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException]
  expect(error.code).toBe("ECONNREFUSED")
})

test.for([
  ["a port of the system's choice", () => "127.0.0.1:0"],
  ["IPv6", () => "[::1]:0"],
  ["a Unix socket", (directory: string) => `unix:${directory}/s.sock`],
] as const)("several threads listen on %s", async ([, address], t) => {
  const directory = testDirectory(t)
  const sluice = new SluiceProcess(t, {
    workers: 2,
    listeners: [address(directory)],
    clusters: { test: ["127.0.0.1:9"] },
    routes: [{ return: { status: 200, text: "here" } }],
  })
  await sluice.says(LISTENING)
  const [, shown] = /"addresses":"([^"]+)"/.exec(sluice.said)!
  const where = shown!.startsWith("unix:")
    ? { path: shown!.slice(5) }
    : {
        host: new URL(`http://${shown}`).hostname.replace(/[[\]]/g, ""),
        port: Number(/\d+$/.exec(shown!)![0]),
      }
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new RawClient(createConnection(where), "client")
      t.onTestFinished(() => client.destroy())
      await client.until(() => client.about(0).includes("SETTINGS"), "SETTINGS")
      return client
    }),
  )
  expect(clients).toHaveLength(8)
})

// /proc says what an operator sees.
test.skipIf(process.platform !== "linux")(
  "ps, top and ss show sluice, and its threads by name",
  async (t) => {
    const { sluice } = await start(t)
    const pid = sluice.child.pid!
    expect(readFileSync(`/proc/${pid}/comm`, "latin1")).toBe("sluice\n")
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", "")).toBe("sluice")
    expect(execFileSync("ps", ["-o", "comm=", "-p", String(pid)], { encoding: "latin1" })).toBe("sluice\n")
    const names = sluice.threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/comm`, "latin1").trim())
    expect(names.sort()).toEqual(["sluice-data-1", "sluice-data-2"])
  },
)

test("a reload of thousands of routes and endpoints, which comes in parts, is whole", async (t) => {
  const backend = await RawServer.start()
  t.onTestFinished(() => backend.close())
  backend.onStream = answerOk
  const port = await freePort()
  const clusterOf = (many: number): object => ({
    endpoints: Array.from({ length: many }, (_, at) => `127.0.${at >> 8}.${at & 255}:1`),
  })
  const configOf = (routes: object[]): object => ({
    listeners: [`127.0.0.1:${port}`],
    servers: [{ routes }],
    clusters: { last: [`127.0.0.1:${backend.port}`], many: clusterOf(2_000) },
  })
  const sluice = new SluiceProcess(t, configOf([{ exact: "/first", cluster: "many" }]))
  await sluice.says(LISTENING)
  const routes = Array.from({ length: 2_000 }, (_, at) => ({ exact: `/route/${at}`, cluster: "many" }))
  sluice.configure(configOf([...routes, { exact: "/route/last", cluster: "last" }]))
  sluice.signal("SIGHUP")
  await sluice.says("configuration reloaded")
  const client = await RawClient.connect(port)
  t.onTestFinished(() => client.destroy())
  const id = client.open(requestTo("/route/last"))
  await client.end(id)
  expect(backend.streams).toHaveLength(1)
})
