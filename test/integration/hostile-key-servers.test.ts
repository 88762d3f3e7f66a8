/** Servers of keys that are slow, wrong or gone, as octets on real sockets: no caller gets in by them, and none of others waits. */
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { gzipSync } from "node:zlib"
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { endless } from "../support/endless-answer.ts"
import { eventually } from "../support/eventually.ts"
import { LogLines } from "../support/log-lines.ts"
import { statusOf, TestBed } from "../support/test-bed.ts"
import { Issuer, keySetOf } from "../support/tokens.ts"

const { OK, UNAVAILABLE } = grpc.status
const issuer = await Issuer.make()
const GOOD = keySetOf(issuer)
const SECRET = "hunter2hunter2"

/** What a server does with a connection on which it was asked. */
type Answer = (socket: Socket) => void

const head = (...fields: string[]): string =>
  `HTTP/1.1 200 OK\r\n${fields.map((one) => `${one}\r\n`).join("")}\r\n`
const whole = (body: string | Buffer, ...fields: string[]): Answer => {
  const octets = Buffer.from(body)
  return (socket) =>
    void socket.end(Buffer.concat([Buffer.from(head(`content-length: ${octets.length}`, ...fields)), octets]))
}
const cut =
  (text: string): Answer =>
  (socket) =>
    void socket.write(text, () => socket.destroy())
const redirect =
  (status: number, where: (own: string) => string): Answer =>
  (socket) =>
    void socket.end(
      `HTTP/1.1 ${status} Moved\r\nlocation: ${where(`http://127.0.0.1:${socket.localPort}/`)}\r\ncontent-length: 0\r\n\r\n`,
    )

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const CHUNKED = "transfer-encoding: chunked"
const LENGTH = `content-length: ${GOOD.length}`

const USELESS: Record<string, Answer> = {
  "says nothing": () => {},
  "hangs up at once": (socket) => void socket.destroy(),
  resets: (socket) => void socket.resetAndDestroy(),
  "begins a status line": (socket) => void socket.write("HTTP/1.1 20"),
  "sends its head octet by octet, without end": endless(head().slice(0, -2), "x"),
  "sends fields without end": endless(head().slice(0, -2), "x: y\r\n"),
  "sends 100 Continue without end": endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
  "sends 103 Early Hints without end": endless("", "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"),
  "sends octet by octet, without end": endless(head(CHUNKED), chunk(" ")),
  "sends a chunk without end": endless(`${head(CHUNKED)}ffffffff\r\n`, " ".repeat(65_536)),
  "sends a chunk's extension without end": endless(`${head(CHUNKED)}1;`, "x".repeat(1000)),
  "sends until it closes, and does not": endless(head(), " ".repeat(65_536)),
  "stops in the middle": (socket) => void socket.write(head(LENGTH) + GOOD.slice(0, 20)),
  "stops before the last octet": (socket) => void socket.write(head(LENGTH) + GOOD.slice(0, -1)),
  "stops before the last chunk": (socket) => void socket.write(head(CHUNKED) + chunk(GOOD)),
  "hangs up in the middle": cut(head(LENGTH) + GOOD.slice(0, 20)),
  "hangs up in a chunk": cut(`${head(CHUNKED)}fff\r\n${GOOD}`),
  "hangs up before the last chunk": cut(head(CHUNKED) + chunk(GOOD)),
  "closes too soon, without a length": cut(head() + GOOD.slice(0, -1)),
  "says two lengths": cut(`${head(LENGTH, "content-length: 5")}${GOOD}`),
  "says a length and a coding": cut(`${head(LENGTH, CHUNKED)}${chunk(GOOD)}0\r\n\r\n`),
  "says a chunk of no length": cut(`${head(CHUNKED)}zz\r\n${GOOD}\r\n0\r\n\r\n`),
  "says 10 MiB": whole(" ".repeat(10 * 1024 * 1024) + GOOD),
  "has 5000 keys": whole(JSON.stringify({ keys: Array.from({ length: 5000 }, () => issuer.jwk) })),
  "has lists within each other": whole(`{"keys":${"[".repeat(500_000)}`),
  "has brackets within each other, in a key": whole(
    `{"keys":[{"kty":${"[".repeat(5000)}${"]".repeat(5000)}}]}`,
  ),
  compresses: whole(gzipSync(GOOD), "content-encoding: gzip"),
  "speaks UTF-16": whole(Buffer.from(GOOD, "utf16le")),
  "speaks HTTP/2": cut("\0\0\0\x04\0\0\0\0\0"),
  "speaks TLS": cut("\x16\x03\x03\0\x02\x02\x28"),
  "speaks nonsense": cut("nonsense\r\n\r\n"),
  "speaks HTTP/0.9": cut(GOOD),
  "redirects to itself": redirect(302, (own) => own),
  "redirects for good": redirect(308, (own) => own),
  "redirects to a file": redirect(301, () => "file:///etc/passwd"),
  "sends a part": cut(`HTTP/1.1 206 Partial Content\r\n${LENGTH}\r\n\r\n${GOOD}`),
  "has no content": cut("HTTP/1.1 204 No Content\r\n\r\n"),
  "switches protocols": cut(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n${GOOD}`,
  ),
  "asks for a password": cut(`HTTP/1.1 401 No\r\n${LENGTH}\r\n\r\n${GOOD}`),
  "says that nothing has changed": cut("HTTP/1.1 304 Not Modified\r\n\r\n"),
  fails: cut(`HTTP/1.1 500 No\r\n${LENGTH}\r\n\r\n${GOOD}`),
  "has no keys": whole('{"keys":[]}'),
  "has null for keys": whole('{"keys":[null,1,"x",[],{"kty":1},{}]}'),
  "has a list": whole("[]"),
  "has a key alone": whole(JSON.stringify(issuer.jwk)),
}

async function serverOf(t: TestContext, answer: Answer) {
  const sockets = new Set<Socket>()
  const own = { answer, url: "", asked: 0 }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    socket.once("data", () => {
      own.asked++
      own.answer(socket)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  own.url = `http://admin:${SECRET}@127.0.0.1:${(server.address() as AddressInfo).port}/keys?token=${SECRET}`
  return { own, sockets }
}

function bearing(token: string): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set("authorization", `Bearer ${token}`)
  return metadata
}

/** Two routes: unary calls are let in by the keys of the server of `answer`, chats by those of a good one. */
async function startBed(t: TestContext, answer: Answer) {
  const bad = await serverOf(t, answer)
  const good = await serverOf(t, whole(GOOD))
  const logs = new LogLines()
  const routeOf = (prefix: string, { own: { url } }: typeof bad) => ({
    ...{ prefix, cluster: "test" },
    access: { jwt: { keys: [{ url }] } },
  })
  const bed = await TestBed.start(t, {
    log: logs.log,
    config: {
      routes: [routeOf("/test.Echo/Unary", bad), routeOf("/", good)],
      limits: { jwksTimeoutMs: 300 },
    },
  })
  const token = await issuer.sign({ sub: "a" })
  const ask = async () => {
    const { code, details } = await bed.client().unary(Buffer.from("x"), bearing(token))
    return [code, details]
  }
  const beside = async () => {
    const chat = bed.client().chat(bearing(token))
    chat.on("data", () => {}).end(Buffer.from("x"))
    return (await statusOf(chat)).code
  }
  return { bad, logs, ask, beside, token }
}

const NONE = [UNAVAILABLE, "the keys by which tokens are verified cannot be had"]

describe("no caller gets in where the server of keys", () => {
  test.for(Object.entries(USELESS))("%s", async ([, answer], t) => {
    const { bad, logs, ask, beside, token } = await startBed(t, answer)
    const asked = [ask(), ask()]
    expect(await beside()).toBe(OK)
    expect(await Promise.all(asked)).toEqual([NONE, NONE])
    expect(await ask()).toEqual(NONE)
    // Asked once, whatever comes, and let go.
    expect(bad.own.asked).toBe(1)
    await eventually(
      () => bad.sockets.size === 0,
      () => "its connection is closed",
    )
    expect(logs.saying("keys for tokens cannot be had")).toHaveLength(1)
    const said = JSON.stringify(logs.lines)
    for (const secret of [SECRET, token.slice(-20), issuer.jwk.x!]) expect(said).not.toContain(secret)
  })
})

describe("no caller gets in where, asked through a location, it", () => {
  test.for(Object.entries(USELESS))("%s", async ([, answer], t) => {
    const bad = await serverOf(t, answer)
    const logs = new LogLines()
    const bed = await TestBed.start(t, {
      log: logs.log,
      config: (addresses) => ({
        clusters: { test: addresses, keys: [new URL(bad.own.url).host] },
        routes: [
          { prefix: "/test.Echo/Unary", cluster: "test", access: { jwt: { keys: [{ request: "/keys" }] } } },
          { prefix: "/", cluster: "test" },
          { exact: "/keys", internal: true, proxy: { cluster: "keys", path: "/jwks.json" } },
        ],
        limits: { subrequestTimeoutMs: 300 },
      }),
    })
    const token = await issuer.sign({ sub: "a" })
    const asked = bed.client().unary(Buffer.from("x"), bearing(token))
    const chat = bed.client().chat()
    chat.on("data", () => {}).end(Buffer.from("x"))
    expect((await statusOf(chat)).code).toBe(OK)
    const { code, details } = await asked
    expect([code, details]).toEqual(NONE)
    expect(JSON.stringify(logs.lines)).not.toContain(token.slice(-20))
  })
})
