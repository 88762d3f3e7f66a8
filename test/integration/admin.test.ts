import { once } from "node:events"
import { readdirSync, statSync, writeFileSync } from "node:fs"
import { connect as connectTo, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import type { StreamDetail, StreamRow } from "../../src/balancer/live/stream-row.ts"
import { loadYaml } from "../../src/config/yaml/load.ts"
import * as shapes from "../../src/control/admin/schema.ts"
import { askAdmin, listenForEvents } from "../support/admin-client.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const LISTENING = '"message":"listening"'

async function start(t: TestContext, config: object = {}, backends = 2) {
  const servers = await Promise.all(Array.from({ length: backends }, () => RawServer.start()))
  for (const server of servers) t.onTestFinished(() => server.close())
  const [port, admin] = [await freePort(), await freePort()]
  const addresses = servers.map((server) => `127.0.0.1:${server.port}`)
  const sluice = new SluiceProcess(t, {
    workers: 2,
    listeners: [{ address: `127.0.0.1:${port}`, name: "web" }],
    admin,
    clusters: { chat: addresses },
    ...config,
  })
  await sluice.says(LISTENING)
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    return client
  }
  const arrived = (many: number): Promise<void> => {
    const open = (): number => servers.reduce((sum, { streams }) => sum + streams.length, 0)
    return eventually(
      () => open() === many,
      () => `${many} streams at the backends, which have ${open()}`,
    )
  }
  const streams = async (
    query = "",
  ): Promise<{ matched: number; streams: StreamRow[]; next: string | null }> => {
    const { status, json, text } = await askAdmin(admin, `/streams${query}`)
    expect(status, text).toBe(200)
    return shapes.streams.parse(json)
  }
  return { sluice, port, admin, addresses, servers, connect, arrived, streams }
}

async function connectedTo(port: number): Promise<Socket> {
  const socket = connectTo(port, "127.0.0.1")
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}

/** Resolves also where it was reset, of which `once` makes an error. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once("close", () => resolve()))

const withPath = (path: string) => dsl.withFields(dsl.request, { ":path": path })

describe("what it answers", () => {
  test("each shape is as the document says, with live streams", async (t) => {
    const { admin, addresses, connect, arrived } = await start(t)
    const client = await connect()
    for (let many = 0; many < 4; many++) client.open()
    await arrived(4)
    const { json: status } = await askAdmin(admin, "/status")
    expect(shapes.status.parse(status)).toMatchObject({
      state: "running",
      streams: { open: 4, ended: 0 },
      connections: { accepted: 1 },
      threads: [{ thread: 1, state: "listening" }, { thread: 2 }],
      listeners: [{ name: "web", tls: false }],
    })
    const { json: clusters } = await askAdmin(admin, "/clusters")
    expect(shapes.clusters.parse(clusters)).toMatchObject({
      isComplete: true,
      clusters: [
        {
          name: "chat",
          streams: 4,
          endpoints: addresses.map((address) => ({
            address,
            state: "up",
            streams: 2,
            fairStreams: 2,
            slowStartShare: null,
          })),
        },
      ],
    })
    const { json: config } = await askAdmin(admin, "/config")
    expect(config).toMatchObject({ workers: 2, clusters: [{ name: "chat" }] })
    for (const [path, headers] of [
      ["/config?format=yaml", {}],
      ["/config", { accept: "application/yaml" }],
    ] as const) {
      const { text, headers: said } = await askAdmin(admin, path, { headers })
      expect(said["content-type"]).toBe("application/yaml")
      expect(loadYaml(text, "sluice.yaml").config).toEqual(config)
    }
    expect((await askAdmin(admin, "/config?format=xml")).status).toBe(400)
    const { text: metrics } = await askAdmin(admin, "/metrics")
    expect(metrics).toContain(`sluice_streams_open{cluster="chat",endpoint="${addresses[0]}"} 2\n`)
  })

  test("health and readiness, also while it drains", async (t) => {
    const { sluice, admin, connect, arrived } = await start(t)
    const client = await connect()
    client.open()
    await arrived(1)
    expect(await askAdmin(admin, "/healthz")).toMatchObject({ status: 200, text: "ok\n" })
    expect(await askAdmin(admin, "/readyz")).toMatchObject({ status: 200, text: "ready\n" })
    sluice.signal("SIGTERM")
    await sluice.says('"draining"')
    expect(await askAdmin(admin, "/healthz")).toMatchObject({ status: 200 })
    expect(await askAdmin(admin, "/readyz")).toMatchObject({ status: 503, text: "draining\n" })
    expect((await askAdmin(admin, "/status")).json).toMatchObject({ state: "draining" })
  })

  test("streams of all threads, filtered, sorted, page by page", async (t) => {
    const { addresses, connect, arrived, streams } = await start(t)
    const clients = await Promise.all(Array.from({ length: 8 }, connect))
    for (const [at, client] of clients.entries()) {
      client.open(withPath(at % 2 === 0 ? "/chat.Chat/BidStream?token=abc" : "/chat.Chat/Watch"))
      await arrived(at + 1)
    }
    const all = await streams()
    expect(all).toMatchObject({ matched: 8, next: null })
    expect(new Set(all.streams.map(({ id }) => id)).size).toBe(8)
    expect(all.streams[0]).toMatchObject({
      cluster: "chat",
      listener: "web",
      route: "/",
      legs: 1,
      waitsFor: null,
    })
    expect(JSON.stringify(all)).not.toContain("abc")
    // Longest first, unless asked otherwise.
    const ages = all.streams.map(({ startedAtMs }) => startedAtMs)
    expect(ages).toEqual(ages.toSorted((one, other) => one - other))
    const paged: string[] = []
    for (let next: string | null = ""; next !== null; ) {
      const page = await streams(`?limit=3${next === "" ? "" : `&after=${next}`}`)
      paged.push(...page.streams.map(({ id }) => id))
      next = page.next
    }
    expect(paged).toEqual(all.streams.map(({ id }) => id))
    expect(await streams("?filter=path:BidStream")).toMatchObject({ matched: 4 })
    expect(await streams("?filter=-path:BidStream%20endpoint:127.0.0.1")).toMatchObject({ matched: 4 })
    const matched = await Promise.all(addresses.map((one) => streams(`?filter=endpoint:${one}`)))
    expect(matched.map((page) => page.matched).reduce((sum, one) => sum + one)).toBe(8)
    expect(Math.min(...matched.map((page) => page.matched))).toBeGreaterThan(0)
    expect(await streams("?filter=idle:%3E1h")).toMatchObject({ matched: 0, streams: [] })
    expect(await streams(`?filter=id:${paged[5]}`)).toMatchObject({ matched: 1, streams: [{ id: paged[5] }] })
  })

  test("a stream has its head with secrets masked, and its timeline", async (t) => {
    const { admin, servers, connect, arrived, streams } = await start(t)
    const client = await connect()
    client.open([
      ...withPath("/chat.Chat/Watch?token=t0ps3cret&room=1"),
      ["authorization", "Bearer t0ps3cret"],
    ])
    await arrived(1)
    const [stream] = servers.flatMap((server) => server.streams)
    stream!.connection.send(dsl.headers(stream!.id, [...dsl.response, ["set-cookie", "t0ps3cret"]]))
    await client.settled()
    const { id } = (await streams()).streams[0]!
    const { json, text } = await askAdmin(admin, `/streams/${id}`)
    const detail: StreamDetail = shapes.streamDetail.parse(json)
    expect(text).not.toContain("t0ps3cret")
    expect(detail.pathAndQuery).toBe("/chat.Chat/Watch?token=<masked>&room=1")
    expect(detail.requestHeaders).toContainEqual(["authorization", "<masked, 16 octets>"])
    expect(detail.responseHeaders).toContainEqual(["set-cookie", "<masked, 9 octets>"])
    expect(detail.timeline.map(({ what }) => what)).toEqual([
      "the request came",
      "an endpoint was picked",
      "the request went to the endpoint",
      "the endpoint's head came, status 200",
    ])
    expect(await askAdmin(admin, "/streams/999-1")).toMatchObject({ status: 404 })
    expect(await askAdmin(admin, "/streams/x")).toMatchObject({ status: 400 })
  })

  test("events come as they happen, and those missed when a listener comes again", async (t) => {
    const { sluice, admin } = await start(t)
    const first = listenForEvents(admin)
    t.onTestFinished(() => first.close())
    const has = (events: typeof first.events, kind: string): Promise<void> =>
      eventually(
        () => events.some(({ event }) => event === kind),
        () => `${kind} among ${JSON.stringify(events)}`,
      )
    await has(first.events, "start")
    first.close()
    sluice.signal("SIGHUP")
    await sluice.says('"configuration reloaded"')
    const again = listenForEvents(admin, "/events", { "last-event-id": String(first.events[0]!.id) })
    t.onTestFinished(() => again.close())
    await has(again.events, "reload")
    expect(again.events[0]).toMatchObject({ id: first.events[0]!.id + 1, event: "reload" })
    const { json } = await askAdmin(admin, "/events")
    expect(shapes.events.parse(json).events.map(({ kind }) => kind)).toEqual(["start", "reload"])
    expect((await askAdmin(admin, "/events?after=x")).status).toBe(400)
  })
})

describe("who may ask", () => {
  test("no page of another site, and no name that is not known", async (t) => {
    const { admin } = await start(t, { admin: { address: 0, hosts: ["sluice.example"] } }, 1).then(
      async ({ sluice }) => ({ admin: Number(/"admin":"127\.0\.0\.1:(\d+)"/.exec(sluice.said)![1]) }),
    )
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await askAdmin(admin, "/status", { headers })).status
    const own = `127.0.0.1:${admin}`
    expect(await status({ host: own })).toBe(200)
    expect(await status({ host: `localhost:${admin}` })).toBe(200)
    expect(await status({ host: `sluice.example:${admin}` })).toBe(200)
    expect(await status({ host: `rebound.example:${admin}` })).toBe(403)
    expect(await status({ host: own, origin: `http://${own}` })).toBe(200)
    expect(await status({ host: own, origin: "https://evil.example" })).toBe(403)
    expect(await status({ host: own, origin: "null" })).toBe(403)
    expect(await status({ host: own, "sec-fetch-site": "cross-site" })).toBe(403)
    expect(await status({ host: own, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(
      200,
    )
    expect((await askAdmin(admin, "/healthz", { headers: { host: "10.1.2.3.example" } })).status).toBe(200)
  })

  test("with a token no caller without it, and an answer that does not say it", async (t) => {
    const token = join(testDirectory(t), "token")
    writeFileSync(token, "correct-horse-battery\n")
    const port = await freePort()
    const { sluice } = await start(t, { admin: { address: `0.0.0.0:${port}`, token } }, 1)
    const ask = (authorization?: string) =>
      askAdmin(port, "/status", { headers: { host: "any.example", ...(authorization && { authorization }) } })
    expect(await ask()).toMatchObject({
      status: 401,
      json: { error: "a token is needed: Authorization: Bearer ..." },
      headers: { "www-authenticate": 'Bearer realm="sluice"' },
    })
    expect(await ask("Bearer correct-horse-batterx")).toMatchObject({
      status: 401,
      json: { error: "wrong token" },
    })
    expect((await ask("Bearer correct-horse-battery")).status).toBe(200)
    const { text } = await askAdmin(port, "/config", {
      headers: { authorization: "Bearer correct-horse-battery" },
    })
    expect(text + sluice.said).not.toContain("correct-horse")
  })

  test("a bound that is met is counted, and said", async (t) => {
    const { sluice, admin } = await start(t, { limits: { adminBodyOctets: 1024, adminConnectionsMax: 2 } })
    const body = "x".repeat(2000)
    const large = await askAdmin(admin, "/reload", { method: "POST", body })
    expect(large).toMatchObject({
      status: 413,
      json: { error: "adminBodyOctets: a body has at most 1024 octets" },
    })
    const held = await Promise.all([0, 1].map(() => connectedTo(admin)))
    for (const socket of held) t.onTestFinished(() => void socket.destroy())
    const third = await connectedTo(admin)
    await closed(third)
    held[0]!.destroy()
    let text = ""
    await eventually(
      async () => {
        // Each ask is a connection, and may be the third.
        text = (await askAdmin(admin, "/metrics").catch(() => null))?.text ?? ""
        return text !== ""
      },
      () => "one place is free again",
    )
    expect(text).toContain('sluice_limit_reached_total{limit="admin_requests_refused"} 1')
    expect(text).toMatch(/sluice_limit_reached_total\{limit="admin_connections_exceeded"\} [1-9]/)
    expect(sluice.said).not.toContain("unexpected error")
  })

  test("a head that is too large is told so, and who asks on without an answer is let go", async (t) => {
    const { admin } = await start(t, {}, 1)
    const large = await askAdmin(admin, `/streams?filter=path:${"a".repeat(20_000)}`)
    expect(large).toMatchObject({
      status: 431,
      json: { error: "the head of a request has at most 16384 octets" },
    })
    const broken = await connectedTo(admin)
    let said = ""
    broken.on("data", (chunk) => (said += String(chunk))).end("no request\r\n\r\n")
    await closed(broken)
    expect(said).toMatch(/^HTTP\/1\.1 400 (?:.|\s)*\{"error":"this is no request of HTTP\/1\.1"\}\n$/)
    const hasty = await connectedTo(admin)
    hasty.resume().write("GET /streams HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000))
    await closed(hasty)
    const { text } = await askAdmin(admin, "/metrics")
    expect(text).toContain('sluice_limit_reached_total{limit="admin_requests_refused"} 1')
  })

  test("who reads nothing of what it asked for is let go, and who listens to events is not", async (t) => {
    const path = join(testDirectory(t), "admin.sock")
    await start(t, { admin: `unix:${path}`, limits: { adminUnreadMs: 200 } }, 1)
    const ask = (what: string) =>
      `GET ${what} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n`
    const [listener, idler] = [connectTo(path), connectTo(path)]
    for (const socket of [listener, idler]) {
      socket.on("error", () => {})
      t.onTestFinished(() => void socket.destroy())
    }
    listener.resume().write(ask("/events"))
    // More than the system takes for it.
    idler.pause().write(ask("/openapi.json").repeat(16))
    const dropped = async () =>
      /admin_readers_dropped"\} (\d+)/.exec(
        (await askAdmin(path, "/metrics").catch(() => null))?.text ?? "",
      )?.[1]
    await eventually(
      async () => (await dropped()) === "1",
      () => "one reader that does not read",
    )
    expect(listener.closed).toBe(false)
  })

  test("of the default socket its own user alone, and it goes with the process", async (t) => {
    const directory = testDirectory(t)
    const port = await freePort()
    const config = { listeners: [`127.0.0.1:${port}`], clusters: { chat: ["127.0.0.1:1"] } }
    const sluice = new SluiceProcess(t, config, { XDG_RUNTIME_DIR: directory, RUNTIME_DIRECTORY: "" })
    await sluice.says(LISTENING)
    const path = join(directory, "sluice", `admin-${sluice.child.pid}.sock`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, "sluice")).mode & 0o777).toBe(0o700)
    expect((await askAdmin(path, "/status")).json).toMatchObject({ pid: sluice.child.pid })
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
    expect(readdirSync(join(directory, "sluice"))).toEqual([])
  })
})

describe("one clear line", () => {
  const reasons: readonly (readonly [what: string, path: string, status: number, error: string])[] = [
    ["an unknown path", "/stream", 404, "there is no /stream here; GET /openapi.json has what there is"],
    [
      "an unknown parameter",
      "/streams?fliter=x",
      400,
      'there is no parameter "fliter"; did you mean "filter"?',
    ],
    [
      "a bad sort",
      "/streams?sort=size",
      400,
      'sort: one of age, idle, messages, bytes, held, legs, id, "-" before it for the largest first',
    ],
    ["a bad limit", "/streams?limit=1e9", 400, "limit: a whole number from 0 to 10000"],
    ["a bad cursor", "/streams?after=1", 400, "after: must be the `next` of another page"],
    [
      "a bad time",
      "/streams?filter=idle:%3Efive",
      400,
      'filter: "idle:>five" cannot be read; write for instance idle:>5m',
    ],
  ]
  test("for each request that cannot be answered", async (t) => {
    const { admin } = await start(t, {}, 1)
    for (const [what, path, status, error] of reasons)
      expect(await askAdmin(admin, path), what).toMatchObject({ status, json: { error } })
    expect(await askAdmin(admin, "/status", { method: "DELETE" })).toMatchObject({ status: 405 })
    expect((await askAdmin(admin, "/status", { method: "HEAD" })).text).toBe("")
  })

  test("for a port that is taken, and a token that cannot be read: nothing starts", async (t) => {
    const taken = createServer().listen(0, "127.0.0.1")
    t.onTestFinished(() => void taken.close())
    await new Promise((resolve) => taken.once("listening", resolve))
    const { port } = taken.address() as { port: number }
    const listeners = [`127.0.0.1:${await freePort()}`]
    const config = { listeners, clusters: { chat: ["127.0.0.1:1"] } }
    const withPort = new SluiceProcess(t, { ...config, admin: port })
    expect(await withPort.ended).toBe(1)
    expect(withPort.said).toContain(
      `the admin API cannot listen on 127.0.0.1:${port}: the port is taken by another program`,
    )
    const short = join(testDirectory(t), "token")
    writeFileSync(short, "short\n")
    const withToken = new SluiceProcess(t, { ...config, admin: { address: 0, token: short } })
    expect(await withToken.ended).toBe(1)
    expect(withToken.said).toContain(`the admin token in ${short} is of no use`)
    expect(withToken.said).not.toContain('"short"')
    const open = new SluiceProcess(t, { ...config, admin: "0.0.0.0:9901" })
    expect(await open.ended).toBe(2)
    expect(open.said).toContain("others can reach 0.0.0.0: a file with a token is needed")
    const none = new SluiceProcess(t, { ...config, admin: { address: 0, token: `${short}x` } })
    expect(await none.ended).toBe(2)
    expect(none.said).toContain(`cannot read "${short}x"`)
  })

  test("off: nothing listens, and the streams do", async (t) => {
    const { sluice, admin, connect } = await start(t, { admin: "off" }, 1)
    expect(sluice.said).not.toContain('"admin"')
    await expect(askAdmin(admin, "/status")).rejects.toThrow("ECONNREFUSED")
    await connect()
  })
})

describe("orders", () => {
  const order = (admin: number, path: string, body: object = {}) =>
    askAdmin(admin, path, { method: "POST", body })

  test("an endpoint drains, gets another weight, and takes streams again", async (t) => {
    const { sluice, admin, addresses, servers, connect, arrived } = await start(t, { workers: 1 })
    const at = `/clusters/chat/endpoints/${addresses[0]}`
    const drained = `${addresses[0]} of chat drains`
    expect((await order(admin, `${at}/drain`)).json).toEqual({ done: true, message: drained })
    expect((await order(admin, `${at}/drain`)).json).toEqual({ done: false, message: drained })
    const client = await connect()
    for (let many = 0; many < 4; many++) client.open()
    await arrived(4)
    expect(servers.map(({ streams }) => streams.length)).toEqual([0, 4])
    const { json } = await askAdmin(admin, "/clusters")
    expect(shapes.clusters.parse(json).clusters[0]!.endpoints).toMatchObject([
      { state: "draining", fairStreams: null },
      { state: "up", fairStreams: 4 },
    ])
    expect((await order(admin, `${at}/weight`, { weight: 3 })).json).toMatchObject({ done: true })
    expect((await order(admin, `${at}/resume`)).json).toMatchObject({ done: true })
    expect((await order(admin, `${at}/resume`)).json).toMatchObject({ done: false })
    for (let many = 0; many < 4; many++) client.open()
    await arrived(8)
    expect(servers.map(({ streams }) => streams.length)).toEqual([3, 5])
    expect(sluice.said).toMatch(
      /"order":"drain","cluster":"chat","endpoint":"[^"]+","graceMs":null,"by":"127\.0\.0\.1:\d+"/,
    )
    const { json: events } = await askAdmin(admin, "/events")
    expect(shapes.events.parse(events).events.map(({ kind }) => kind)).toContain("drain")
  })

  test("an endpoint that is back says which share of its weight it has, where it starts slowly", async (t) => {
    const slowStart = { window: "1h", minWeight: 20 }
    const [backend, other] = [await RawServer.start(), await RawServer.start()]
    for (const server of [backend, other]) t.onTestFinished(() => server.close())
    const endpoints = [
      { address: `127.0.0.1:${backend.port}` },
      { address: `127.0.0.1:${other.port}`, slowStart: "0s" },
    ]
    const { admin } = await start(t, { clusters: { chat: { endpoints, slowStart } } })
    for (const { address } of endpoints)
      for (const what of ["drain", "resume"])
        await order(admin, `/clusters/chat/endpoints/${address}/${what}`)
    const { json } = await askAdmin(admin, "/clusters")
    const shares = shapes.clusters
      .parse(json)
      .clusters[0]!.endpoints.map((endpoint) => endpoint.slowStartShare)
    expect(shares.map((share) => share?.toFixed(2))).toEqual(["0.20", undefined])
  })

  test("a stream ends with the status that is ordered, once", async (t) => {
    const { admin, connect, arrived, streams } = await start(t)
    const client = await connect()
    const id = client.open()
    await arrived(1)
    const [stream] = (await streams()).streams
    expect(await order(admin, `/streams/${stream!.id}/move`)).toMatchObject({
      status: 409,
      json: { error: expect.stringContaining("cannot move now") as string },
    })
    expect(await order(admin, "/streams/9-9/move")).toMatchObject({ status: 404 })
    const ended = await order(admin, `/streams/${stream!.id}/end`, { status: "ABORTED" })
    expect(ended.json).toEqual({ done: true, message: `stream ${stream!.id} ended with ABORTED` })
    await client.end(id)
    expect(client.about(id).join()).toContain("grpc-status=10")
    expect(await order(admin, `/streams/${stream!.id}/end`)).toMatchObject({
      status: 404,
      json: { error: `there is no live stream ${stream!.id}` },
    })
  })

  test("a reload says what it changed, and what it would", async (t) => {
    const { sluice, admin, addresses, port } = await start(t)
    const configOf = (clusters: object) => ({
      workers: 2,
      listeners: [{ address: `127.0.0.1:${port}`, name: "web" }],
      admin,
      clusters,
    })
    expect((await order(admin, "/reload")).json).toMatchObject({ done: true, changes: [] })
    sluice.configure(configOf({ chat: [addresses[0], "127.0.0.1:9"] }))
    const changes = [`- endpoint ${addresses[1]} of chat`, "+ endpoint 127.0.0.1:9 of chat"]
    expect((await askAdmin(admin, "/config/diff")).json).toEqual({ changes, problems: [] })
    const { json } = await order(admin, "/reload")
    expect(shapes.reloadAnswer.parse(json)).toMatchObject({ message: "configuration reloaded", changes })
    expect((await askAdmin(admin, "/config/diff")).json).toEqual({ changes: [], problems: [] })
    sluice.configure(configOf({ chat: ["nonsense"] }))
    const refused = await order(admin, "/reload")
    expect(refused).toMatchObject({
      status: 409,
      json: { error: "the configuration has errors; the old one stays" },
    })
    expect(JSON.stringify(refused.json)).toContain("must be an address")
    expect((await askAdmin(admin, "/status")).json).toMatchObject({ configuration: { version: 2 } })
  })

  test("the log's level, in every thread", async (t) => {
    const { sluice, admin } = await start(t, {}, 1)
    expect((await order(admin, "/log", { level: "error" })).json).toMatchObject({ done: true })
    expect((await order(admin, "/reload")).status).toBe(200)
    expect((await order(admin, "/log", { level: "info" })).json).toMatchObject({ done: true })
    expect((await order(admin, "/reload")).status).toBe(200)
    await sluice.says('"configuration reloaded"')
    expect(sluice.times('"configuration reloaded"')).toBe(1)
    // Events do not depend on the log's level.
    const { json } = await askAdmin(admin, "/events")
    expect(shapes.events.parse(json).events.filter(({ kind }) => kind === "reload")).toHaveLength(2)
  })

  const wrong: readonly (readonly [path: string, body: unknown, status: number, error: RegExp])[] = [
    ["/clusters/nope/endpoints/a:1/drain", {}, 404, /^there is no cluster "nope"$/],
    ["/clusters/chat/endpoints/a:1/drain", {}, 404, /^cluster "chat" has no endpoint a:1$/],
    ["/clusters/chat/endpoints/a:1/drain", { grace: 1 }, 400, /Unrecognized key/],
    ["/log", { level: "loud" }, 400, /^level: /],
    ["/streams/1-1/end", { status: 17 }, 400, /^status: /],
    ["/streams/1-1/end", {}, 404, /^there is no live stream 1-1$/],
  ]
  test("one clear line for each that cannot be followed", async (t) => {
    const { admin } = await start(t, {}, 1)
    for (const [path, body, status, error] of wrong)
      expect(await askAdmin(admin, path, { method: "POST", body }), path).toMatchObject({
        status,
        json: { error: expect.stringMatching(error) },
      })
    expect(await askAdmin(admin, "/reload")).toMatchObject({ status: 405 })
    const foreign = { method: "POST", headers: { origin: "https://evil.example" } }
    expect(await askAdmin(admin, "/reload", foreign)).toMatchObject({ status: 403 })
    expect(
      await askAdmin(admin, "/log", {
        method: "POST",
        headers: { "content-length": "70000" },
        body: "x".repeat(69_998),
      }),
    ).toMatchObject({ status: 413 })
  })
})
