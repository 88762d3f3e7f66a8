import { connect } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { FrameType } from "../../src/http2/frame/types.ts"
import { type Network, systemNetwork } from "../../src/net/network.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

const isGoaway = ({ type }: dsl.SeenFrame): boolean => type === FrameType.GOAWAY
const isPing = ({ type, flags }: dsl.SeenFrame): boolean => type === FrameType.PING && flags === 0

const configOf = (input: SluiceYaml) => fromInput(input).config!
const listener = (name: string) => ({ address: "127.0.0.1:0", name })

function http1Client(t: TestContext, port: number) {
  const socket = connect(port, "127.0.0.1")
  t.onTestFinished(() => void socket.destroy())
  let heard = ""
  let isClosed = false
  socket.on("data", (octets: Buffer) => (heard += octets.toString()))
  socket.on("close", () => (isClosed = true))
  return {
    /** In one write. */
    ask: (...paths: string[]) =>
      socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`).join("")),
    async heardInAll(): Promise<string> {
      await eventually(
        () => isClosed,
        () => `closed after ${heard}`,
      )
      return heard
    },
  }
}

describe("a listener that a reload takes away", () => {
  /** `public` leads to the shop, `internal` to the administration; the reload leaves the second alone. */
  async function start(t: TestContext) {
    const [shop, admin] = [await RawServer.start(), await RawServer.start()]
    const text = (what: string) => ({ exact: "/who", return: { status: 200, text: what } })
    const forAdmin = { listeners: ["internal"], routes: [text("internal"), { cluster: "admin" }] }
    const adminOnly = { admin: [`127.0.0.1:${admin.port}`] }
    const bed = await TestBed.start(t, {
      backends: [shop, admin],
      config: {
        listeners: [listener("public"), listener("internal")],
        clusters: { shop: [`127.0.0.1:${shop.port}`], ...adminOnly },
        servers: [{ listeners: ["public"], routes: [text("public"), { cluster: "shop" }] }, forAdmin],
      },
    })
    const reload = () =>
      bed.balancer.reload(
        configOf({ listeners: [listener("internal")], clusters: adminOnly, servers: [forAdmin] }),
      )
    return { bed, shop, admin, reload }
  }

  test("HTTP/2: its clients are told to go, and reach its own routes until they are gone", async (t) => {
    const { bed, shop, admin, reload } = await start(t)
    const client = await bed.rawClient()
    client.isPolite = false
    const live = client.open()
    await shop.stream()
    await reload()
    const late = client.open()
    await shop.stream(1)
    expect(admin.streams).toEqual([])
    await client.frame(isGoaway, "GOAWAY")
    expect(client.about(0)).toContain(`GOAWAY ${2 ** 31 - 1} NO_ERROR`)
    const ping = await client.frame(isPing, "PING")
    client.send(dsl.ping(ping.payload.toString("latin1"), { ack: true }))
    for (const stream of shop.streams) answerOk(stream)
    for (const id of [live, late]) {
      await client.end(id)
      expect(client.about(id)[0]).toContain("grpc-status=0")
    }
    await client.closed()
  })

  test("HTTP/1.1: a request behind one that goes on reaches its own routes, and is the last", async (t) => {
    const { bed, shop, reload } = await start(t)
    const client = http1Client(t, bed.port)
    // The proxy that has the first has read the second.
    client.ask("/live", "/who")
    const live = await shop.stream()
    await reload()
    answerOk(live)
    expect(await client.heardInAll()).toMatch(/\r\nconnection: close\r\n.*\r\npublic$/is)
  })

  test("HTTP/1.1: a client that waits for its answer is told that it is the last", async (t) => {
    const { bed, shop, reload } = await start(t)
    const client = http1Client(t, bed.port)
    client.ask("/live")
    const live = await shop.stream()
    await reload()
    answerOk(live)
    expect(await client.heardInAll()).toMatch(/^HTTP\/1.1 200 .*\r\nconnection: close\r\n/is)
  })

  test("one that is idle is closed at once, whatever it speaks", async (t) => {
    const { bed, reload } = await start(t)
    const [silent, http1] = [connect(bed.port, "127.0.0.1"), connect(bed.port, "127.0.0.1")]
    const open = new Set([silent, http1])
    for (const socket of open) socket.on("close", () => open.delete(socket)).resume()
    http1.write("GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n")
    const http2 = await bed.rawClient()
    await bed.ended()
    await eventually(
      () => bed.balancer.snapshot().connections === 3,
      () => "three connections",
    )
    await reload()
    await http2.closed()
    await eventually(
      () => open.size === 0,
      () => `${open.size} still open`,
    )
  })

  test("one of the same name that comes back has nothing to do with its clients", async (t) => {
    const { bed, shop, admin, reload } = await start(t)
    const client = await bed.rawClient()
    client.isPolite = false
    const ids = [client.open()]
    await shop.stream()
    await reload()
    const again = {
      listeners: [listener("public"), listener("internal")],
      clusters: { admin: [`127.0.0.1:${admin.port}`] },
      servers: [{ listeners: ["public", "internal"], routes: [{ cluster: "admin" }] }],
    }
    await bed.balancer.reload(configOf(again))
    ids.push(client.open())
    await shop.stream(1)
    for (const stream of shop.streams) answerOk(stream)
    for (const id of ids) await client.end(id)
    expect(admin.streams).toEqual([])
  })
})

describe("a listener that a reload brings", () => {
  /** Of the listeners `a`, `b` and `c` the first is open, the second opens, and the third waits for its end. */
  async function start(t: TestContext) {
    let settle = { resolve: (): void => {}, reject: (_: Error): void => {} }
    const held = new Promise<void>((resolve, reject) => (settle = { resolve, reject }))
    let asked = 0
    const network: Network = {
      ...systemNetwork,
      listen: async (...args) => {
        asked++
        if (asked === 3) await held
        return systemNetwork.listen(...args)
      },
    }
    const [before, after] = [await RawServer.start(), await RawServer.start()]
    before.onStream = answerOk
    const bed = await TestBed.start(t, {
      backends: [before, after],
      config: {
        listeners: [listener("a")],
        clusters: { same: [`127.0.0.1:${before.port}`] },
      },
      network,
    })
    const reloading = bed.balancer.reload(
      configOf({
        listeners: [listener("a"), listener("b"), listener("c")],
        clusters: { same: [`127.0.0.1:${after.port}`] },
      }),
    )
    await eventually(
      () => bed.balancer.addresses.length === 2,
      () => "b is open",
    )
    const client = await RawClient.connect(bed.balancer.addresses[1]!.port!)
    t.onTestFinished(() => client.destroy())
    return { bed, before, after, client, reloading, settle }
  }

  test("leads to the clusters of its own configuration from its first stream on", async (t) => {
    const { bed, before, after, client, reloading, settle } = await start(t)
    after.onStream = answerOk
    await client.end(client.open(dsl.request, { endStream: true }))
    expect([before.streams.length, after.streams.length]).toEqual([0, 1])
    const old = await bed.rawClient()
    await old.end(old.open(dsl.request, { endStream: true }))
    expect(before.streams).toHaveLength(1)
    settle.resolve()
    await reloading
    await old.end(old.open(dsl.request, { endStream: true }))
    await client.end(client.open(dsl.request, { endStream: true }))
    expect([before.streams.length, after.streams.length, after.connections.length]).toEqual([1, 3, 1])
  })

  test("goes when the reload fails; its streams may end, and the rest is as before", async (t) => {
    const { bed, before, after, client, reloading, settle } = await start(t)
    const id = client.open()
    const stream = await after.stream()
    settle.reject(new Error("no room for c"))
    await expect(reloading).rejects.toThrow("no room for c")
    expect(bed.balancer.addresses).toHaveLength(1)
    await client.frame(isGoaway, "GOAWAY")
    answerOk(stream)
    await client.end(id)
    await client.closed()
    // No other route knows its cluster.
    await stream.connection.closed()
    const old = await bed.rawClient()
    await old.end(old.open(dsl.request, { endStream: true }))
    expect(before.streams).toHaveLength(1)
  })
})
