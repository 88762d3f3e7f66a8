/** Answers to callers of HTTP/1 that do not read, or that have said all they will. */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { describe, expect, type TestContext, test } from "vitest"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const get = (version: string): string => `GET / HTTP/1.${version}\r\nHost: a\r\n\r\n`
const answersIn = (text: string): number => text.split("HTTP/1.1 200 ").length - 1

/** All that comes until the other side closes. */
async function read(socket: Socket): Promise<string> {
  const parts: Buffer[] = []
  socket.on("data", (octets: Buffer) => parts.push(octets)).resume()
  await once(socket, "close")
  return Buffer.concat(parts).toString("latin1")
}

describe("a client that does not read, whose answers end by a DATA of their own without octets", () => {
  /** A Unix socket, on which the kernel holds little, and a client of it. */
  async function start(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-unread-"))
    t.onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, "sluice.sock")
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, { backends: [backend], config: { listeners: `unix:${path}` } })
    const client = connect(path).pause()
    t.onTestFinished(() => void client.destroy())
    return { bed, backend, client }
  }

  const answer = async ({ connection, id }: RawStream, octets: number, ...more: dsl.Field[]) => {
    const pieces: Buffer[] = []
    for (let at = 0; at < octets; at += 16_384)
      pieces.push(dsl.data(id, "x".repeat(Math.min(16_384, octets - at))))
    connection.send(dsl.headers(id, [[":status", "200"], ...more]), ...pieces)
    await connection.settled()
  }
  const end = async ({ connection, id }: RawStream) => {
    connection.send(dsl.data(id, "", { endStream: true }))
    await connection.settled()
  }

  test.for([3, 30_000])("gets them all, each of %i octets, on one connection", async (octets, t) => {
    const { bed, backend, client } = await start(t)
    const isHeld = (): boolean => bed.balancer.snapshot().bufferedOctets > 0
    let asked = 0
    const ask = async (size: number) => {
      client.write(get("1"))
      const stream = await backend.stream(asked++)
      await answer(stream, size, ["content-length", String(size)])
      return stream
    }
    // The kernel is full once something is left with Sluice.
    for (let held = false; !held; ) {
      const stream = await ask(octets === 3 ? 2000 : octets)
      held = isHeld()
      await end(stream)
    }
    // The next request is looked at once little is left of the answers before, as in nginx.
    const isLittle = octets === 3
    const whileReading = isLittle ? null : read(client)
    for (let i = 0; i < 3; i++) await end(await ask(octets))
    const heard = whileReading ?? read(client)
    client.write(get("1").replace("Host", "Connection: close\r\nHost"))
    const last = await backend.stream(asked++)
    await answer(last, 1, ["content-length", "1"])
    await end(last)
    expect(answersIn(await heard)).toBe(asked)
    await bed.ended(asked)
  })

  test("is told by the close that one without a length is whole: HTTP/1.0", async (t) => {
    const { bed, backend, client } = await start(t)
    client.write(get("0"))
    const stream = await backend.stream()
    const isHeld = (): boolean => bed.balancer.snapshot().bufferedOctets > 0
    await answer(stream, 0)
    let octets = 0
    for (const piece = dsl.data(stream.id, "x".repeat(16_384)); !isHeld(); octets += 2 * 16_384) {
      stream.connection.send(piece, piece)
      await stream.connection.settled()
    }
    await end(stream)
    const text = await read(client)
    expect([answersIn(text), text.split("\r\n\r\n")[1]!.length]).toEqual([1, octets])
    expect((await bed.ended())[0]).toMatchObject({ responseOctets: octets })
  })
})

describe("a client that pipelines without end and does not read", () => {
  const returning = (prefix: string, status: number, text?: string) => ({
    prefix,
    return: { status, ...(text !== undefined && { text }) },
  })
  const routes = [returning("/none", 204), returning("/same", 304), returning("/", 200, "fine")]

  /** No turn of the event loop brings another request: what could be taken is. */
  async function settled(bed: TestBed): Promise<void> {
    for (let turns = 0, last = -1; turns < 100; turns++) {
      if (bed.records.length !== last) turns = 0
      last = bed.records.length
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  test.for<[name: string, request: string, answer: RegExp]>([
    ["204", "GET /none HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 204 /],
    ["304", "GET /same HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 304 /],
    ["HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 200 /],
    [
      "204 to small bodies",
      "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok",
      /^HTTP\/1\.1 204 /,
    ],
  ])("is read no further, and answered once it reads: %s", async ([, request, answer], t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-unread-"))
    t.onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, "sluice.sock")
    const config = { clusters: {}, routes, listeners: `unix:${path}` }
    const bed = await TestBed.start(t, { backends: 0, config })
    const client = connect(path).pause()
    t.onTestFinished(() => void client.destroy())
    const all = 12_000
    client.write(request.repeat(all - 1))
    client.write(request.replace("Host", "Connection: close\r\nHost"))
    await once(client, "connect")
    await settled(bed)
    expect(bed.records.length).toBeGreaterThan(0)
    expect(bed.records.length).toBeLessThan(all)
    expect(bed.balancer.snapshot().bufferedOctets).toBeLessThan(200_000)
    const answers = (await read(client)).split("\r\n\r\n").slice(0, -1)
    expect(answers.length).toBe(all)
    expect(answers.every((head) => answer.test(head))).toBe(true)
    expect(answers.map((head) => /close/.test(head)).indexOf(true)).toBe(all - 1)
  })

  test("has the next answered too where its listener goes", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-unread-"))
    t.onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, "sluice.sock")
    const bed = await TestBed.start(t, {
      backends: 0,
      config: { clusters: {}, routes, listeners: `unix:${path}` },
    })
    const client = connect(path).pause()
    t.onTestFinished(() => void client.destroy())
    client.write("GET /none HTTP/1.1\r\nHost: a\r\n\r\n".repeat(12_000))
    await once(client, "connect")
    await settled(bed)
    const answered = bed.records.length
    const closing = bed.close(60_000)
    const answers = (await read(client)).split("\r\n\r\n").slice(0, -1)
    await closing
    expect(answers.length).toBe(answered + 1)
    expect(answers.map((head) => /close/.test(head)).indexOf(true)).toBe(answered)
  })
})

describe("a client that pipelines three requests and ends its side gets three answers", () => {
  const config = { clusters: {}, routes: [{ return: { status: 200, text: "fine" } }] }

  test("in the clear", async (t) => {
    const bed = await TestBed.start(t, { backends: 0, config })
    const client = connect({ port: bed.port, host: "127.0.0.1", allowHalfOpen: true })
    client.end(get("1").repeat(3))
    client.on("end", () => client.destroy())
    expect(answersIn(await read(client))).toBe(3)
  })

  test("over TLS", async (t) => {
    const root = await Certificate.root("CN=Root")
    const pair = new CertificateFiles(t).pair("server", await root.issue({ names: ["chat.test"] }))
    const listeners = [{ address: "127.0.0.1:0", tls: { certificates: [pair] } }]
    const bed = await TestBed.start(t, { backends: 0, config: { ...config, listeners } })
    // Not a literal in place: Node's types do not know of `allowHalfOpen` here.
    const options = {
      ...{ port: bed.port, host: "127.0.0.1", allowHalfOpen: true },
      ...{ ca: root.pem, servername: "chat.test", ALPNProtocols: ["http/1.1"] },
    }
    const client = connectTls(options)
    client.end(get("1").repeat(3))
    client.on("end", () => client.destroy())
    expect(answersIn(await read(client))).toBe(3)
  })
})
