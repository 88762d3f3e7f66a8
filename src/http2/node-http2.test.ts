import { once } from "node:events"
import http2, { type ClientHttp2Session, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import fc from "fast-check"
import { afterEach, describe, expect, test } from "vitest"
import { EventLog, takeOutput } from "../../test/support/memory-link.ts"
import { defaultLimits } from "../base/limits.ts"
import { seededRandom } from "../base/random.ts"
import { Http2Connection } from "./connection.ts"
import type { StreamEnd } from "./events.ts"
import { HeaderList } from "./header-list.ts"
import type { RequestHead, ResponseHead } from "./message-head.ts"
import type { Http2Stream } from "./stream.ts"

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** Two ends of one real connection: on streams made in JavaScript node's http2 trips over its own assertions. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const theirs = connect((server.address() as AddressInfo).port, "127.0.0.1")
  const [ours] = (await once(server, "connection")) as [Socket]
  server.close()
  open.push(() => ours.destroy())
  ours.on("error", () => {})
  ours.setNoDelay()
  theirs.setNoDelay()
  return [ours, theirs]
}

/** Our end of a stream of octets whose other end is node's. Reads arrive cut as `random` will. */
function attach(connection: Http2Connection<string>, end: Socket, random: () => number): void {
  const flush = (): void => {
    for (const octets of takeOutput(connection)) end.write(octets)
  }
  end.on("data", (octets: Buffer) => {
    for (let at = 0; at < octets.length; ) {
      const next = Math.min(octets.length, at + 1 + Math.floor(random() * 3000))
      connection.receive(octets, at, next, 0)
      at = next
    }
    flush()
  })
  connection.start()
  flush()
}

/** Ours: every request is echoed, a half-close answered by trailers. */
class EchoServer extends EventLog {
  /** A half-close is answered by nothing. */
  holds = false

  override onRequest(stream: Http2Stream<string>, head: RequestHead, endStream: boolean): void {
    super.onRequest(stream, head, endStream)
    stream.sendHeaders(
      new HeaderList([":status", "200", "x-path", head.path, "content-type", "application/grpc"]),
      false,
    )
    if (endStream) this.#end(stream)
  }

  override onData(
    stream: Http2Stream<string>,
    octets: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    const taken = stream.sendData(octets, start, end, false)
    stream.consume(taken)
    if (endStream) this.#end(stream)
  }

  override onSent(stream: Http2Stream<string>, octets: number): void {
    stream.consume(octets)
  }

  override onTrailers(stream: Http2Stream<string>): void {
    this.#end(stream)
  }

  #end(stream: Http2Stream<string>): void {
    if (!this.holds) stream.sendHeaders(new HeaderList(["grpc-status", "0"]), true)
  }
}

async function serveNode(seed: number): Promise<{ client: ClientHttp2Session; events: EchoServer }> {
  const [ours, theirs] = await socketPair()
  const events = new EchoServer()
  const connection = new Http2Connection<string>({ role: "server", limits: defaultLimits, events, nowMs: 0 })
  attach(connection, ours, seededRandom(seed))
  const client = http2.connect("http://test.example", { createConnection: () => theirs })
  open.push(() => client.destroy())
  return { client, events }
}

async function echoed(client: ClientHttp2Session, pieces: readonly Buffer[]) {
  const stream = client.request({ ":method": "POST", ":path": "/test.Echo/Chat", te: "trailers" })
  const came: Buffer[] = []
  let trailers: http2.IncomingHttpHeaders = {}
  stream.on("trailers", (fields) => (trailers = fields))
  stream.on("data", (octets: Buffer) => came.push(octets))
  for (const piece of pieces) stream.write(piece)
  stream.end()
  const [headers] = await once(stream, "response")
  await once(stream, "close")
  return { headers, octets: Buffer.concat(came), trailers, code: stream.rstCode }
}

const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3 }), { maxLength: 4 })
const sized = fc
  .tuple(pieces, fc.oneof(fc.nat(10), fc.nat(20_000)))
  .map(([parts, times]) => parts.map((part) => Buffer.alloc(part.length * times + 1, part)))

describe("our server, node's client", () => {
  test("random streams at once are echoed octet by octet, with heads and trailers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sized, { minLength: 1, maxLength: 8 }), fc.nat(), async (streams, seed) => {
        const { client } = await serveNode(seed)
        const results = await Promise.all(streams.map((parts) => echoed(client, parts)))
        results.forEach(({ headers, octets, trailers, code }, index) => {
          expect([headers[":status"], headers["x-path"], trailers["grpc-status"], code]).toEqual([
            200,
            "/test.Echo/Chat",
            "0",
            0,
          ])
          expect(octets.equals(Buffer.concat(streams[index]!))).toBe(true)
        })
        client.destroy()
      }),
      { numRuns: 20 },
    )
  }, 60_000)

  test("its settings, PING and GOAWAY are understood", async () => {
    const { client, events } = await serveNode(1)
    await once(client, "connect")
    const settings = await new Promise<http2.Settings>((resolve) => client.on("remoteSettings", resolve))
    expect(settings).toMatchObject({
      maxConcurrentStreams: 1000,
      initialWindowSize: 256 * 1024,
      headerTableSize: 4096,
    })
    const payload = Buffer.from("abcdefgh")
    const answer = await new Promise<Buffer>((resolve) =>
      client.ping(payload, (_error, _ms, octets) => resolve(octets)),
    )
    expect(answer).toEqual(payload)
    client.settings({ initialWindowSize: 1000 })
    const { octets } = await echoed(client, [Buffer.alloc(50_000, "x")])
    expect(octets.length).toBe(50_000)
    client.close()
    await once(client, "close")
    expect(events.lines.at(-1)).toBe("end")
  })

  test("a cancel is a reset with its code, both ways", async () => {
    const { client, events } = await serveNode(2)
    events.holds = true
    const stream = client.request({ ":method": "POST", ":path": "/" })
    await once(stream, "response")
    stream.close(http2.constants.NGHTTP2_CANCEL)
    await once(stream, "close")
    await new Promise((resolve) => client.ping(() => resolve(null)))
    expect(events.lines).toEqual(["request 1 /", "reset 1 CANCEL peer"])
    const other = client.request({ ":method": "POST", ":path": "/" })
    other.on("error", () => {})
    await once(other, "response")
    events.streams.get(3)!.reset(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
    // Frames wait for the next thing that is read.
    await new Promise((resolve) => client.ping(() => resolve(null)))
    expect(other.rstCode).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
  })

  test("fields it never indexes stay so, and cookies arrive", async () => {
    const { client, events } = await serveNode(3)
    const stream = client.request({
      ":path": "/",
      cookie: "a=1; b=2",
      authorization: "secret",
      [http2.sensitiveHeaders]: ["authorization"],
    })
    await once(stream, "response")
    const [request] = [...events.streams.values()]
    expect(request).toBeDefined()
    stream.close()
  })
})

/** Ours: notes what comes back. */
class Asker extends EventLog {
  readonly heads = new Map<number, ResponseHead>()
  readonly octets = new Map<number, Buffer[]>()
  readonly trailers = new Map<number, HeaderList>()
  readonly ends = new Map<number, StreamEnd>()
  onAny: () => void = () => {}

  override onResponse(stream: Http2Stream<string>, head: ResponseHead): void {
    this.heads.set(stream.id, head)
  }

  override onData(stream: Http2Stream<string>, octets: Buffer, start: number, end: number): void {
    const parts = this.octets.get(stream.id) ?? []
    parts.push(Buffer.from(octets.subarray(start, end)))
    this.octets.set(stream.id, parts)
    stream.consume(end - start)
    this.onAny()
  }

  override onTrailers(stream: Http2Stream<string>, trailers: HeaderList): void {
    this.trailers.set(stream.id, trailers)
    this.onAny()
  }

  override onReset(stream: Http2Stream<string>, end: StreamEnd): void {
    this.ends.set(stream.id, end)
    this.onAny()
  }

  override onSettings(): void {
    this.onAny()
  }

  override onGoaway(code: number, debug: string): void {
    super.onGoaway(code, debug)
    this.onAny()
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => (this.onAny = resolve))
  }
}

interface Asking {
  connection: Http2Connection<string>
  events: Asker
  session: ServerHttp2Session
  send(stream: Http2Stream<string>, parts: readonly Buffer[]): void
}

const refuse = (stream: ServerHttp2Stream): void => {
  stream.on("error", () => {})
  stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
}

async function askNode(
  seed: number,
  onStream: (stream: ServerHttp2Stream) => void,
  settings: http2.Settings = {},
): Promise<Asking> {
  const [ours, theirs] = await socketPair()
  const session = http2.performServerHandshake(theirs, { settings })
  session.on("stream", onStream)
  session.on("error", () => {})
  open.push(() => session.destroy())
  const events = new Asker()
  const connection = new Http2Connection<string>({ role: "client", limits: defaultLimits, events, nowMs: 0 })
  attach(connection, ours, seededRandom(seed))
  await events.until(() => connection.isReady)
  return {
    connection,
    events,
    session,
    send(stream, parts) {
      for (const part of parts) stream.sendData(part, 0, part.length, false)
      stream.sendData(Buffer.alloc(0), 0, 0, true)
      for (const octets of takeOutput(connection)) ours.write(octets)
    },
  }
}

const ask = new HeaderList([
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/a",
  ":authority",
  "test.example",
  "te",
  "trailers",
])

const echo = (stream: ServerHttp2Stream): void => {
  stream.respond({ ":status": 200 }, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
  stream.pipe(stream)
}

describe("our client, node's server", () => {
  test("random streams at once are echoed octet by octet, with heads and trailers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sized, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.nat(100_000),
        async (streams, seed, window) => {
          const { connection, events, session, send } = await askNode(seed, echo, {
            initialWindowSize: window + 1,
          })
          const asked = streams.map(() => connection.open(ask, false, false, "test"))
          for (const [index, stream] of asked.entries()) send(stream, streams[index]!)
          await events.until(() => events.trailers.size + events.ends.size === streams.length)
          expect([...events.ends.values()]).toEqual([])
          asked.forEach(({ id }, index) => {
            expect(events.heads.get(id)).toMatchObject({ status: 200 })
            expect(events.trailers.get(id)!.fields).toEqual(["grpc-status", "0"])
            expect(Buffer.concat(events.octets.get(id) ?? []).equals(Buffer.concat(streams[index]!))).toBe(
              true,
            )
          })
          expect(connection.streams.size).toBe(0)
          session.destroy()
        },
      ),
      { numRuns: 20 },
    )
  }, 60_000)

  test("its refusals and its GOAWAY are understood", async () => {
    const { connection, events, session, send } = await askNode(1, refuse)
    const stream = connection.open(ask, false, false, "test")
    send(stream, [])
    await events.until(() => events.ends.size === 1)
    expect(events.ends.get(1)).toMatchObject({
      code: http2.constants.NGHTTP2_REFUSED_STREAM,
      unprocessed: true,
    })
    session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too many"))
    await events.until(() => connection.isDraining)
    expect(events.lines).toContain("goaway ENHANCE_YOUR_CALM too many")
  })
})
