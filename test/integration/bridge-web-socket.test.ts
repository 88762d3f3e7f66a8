import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, type TestContext, test } from "vitest"
import { WebSocket } from "ws"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { TalkBackend, talkDescriptors } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

type Bridge = NonNullable<SluiceYaml["bridge"]>

interface Stage {
  bed: TestBed
  backend: TalkBackend
}

async function start(
  t: TestContext,
  options: { bridge?: Bridge; backend?: TalkBackend; clock?: ManualClock; limits?: object } = {},
): Promise<Stage> {
  const backend = options.backend ?? new TalkBackend()
  const { clock } = options
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: {
      bridge: { webSocket: true, ...options.bridge },
      ...(options.limits && { limits: options.limits }),
    },
    ...(clock !== undefined && { clock }),
  })
  return { bed, backend }
}

/** A page's WebSocket: what came over it, and how it closed. */
class Page {
  readonly heard: string[] = []
  readonly socket: WebSocket
  /** 0 while open; the handshake's HTTP status where there was no WebSocket. */
  closeCode = 0
  refusal = ""

  constructor(port: number, path: string, protocols: string[] = [], options: WebSocket.ClientOptions = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options)
    this.socket.on("message", (data) => this.heard.push((data as Buffer).toString()))
    this.socket.on("close", (code) => (this.closeCode ||= code))
    this.socket.on("error", () => {})
    this.socket.on("unexpected-response", (_request, response) => {
      this.closeCode = response.statusCode ?? 0
      response.on("data", (chunk: Buffer) => (this.refusal += chunk.toString()))
    })
  }

  async opened(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, "open")
    return this
  }

  async say(...texts: (string | object)[]): Promise<this> {
    await this.opened()
    for (const text of texts) this.socket.send(typeof text === "string" ? text : JSON.stringify(text))
    return this
  }

  async hears(many: number): Promise<unknown[]> {
    await eventually(
      () => this.heard.length >= many || this.closeCode > 0,
      () => `${many} messages; there are ${JSON.stringify(this.heard).slice(0, 500)}`,
    )
    return this.heard.map((text) => JSON.parse(text) as unknown)
  }

  /** Once it is closed: all that was heard. */
  async ended(): Promise<unknown[]> {
    await eventually(
      () => this.closeCode > 0,
      () => `a Close; heard ${JSON.stringify(this.heard).slice(0, 500)}`,
    )
    return this.hears(0)
  }
}

const END = '{"@end":{}}'
const OK = { "@status": { code: 0, message: "OK", details: [] } }

describe("JSON over a WebSocket", () => {
  test("is a conversation, ended by either side's half-close", async (t) => {
    const { bed } = await start(t)
    const page = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "one", number: "1" })
    expect(await page.hears(1)).toEqual([{ text: "one", number: "1" }])
    await page.say({ text: "two" }, END)
    expect(await page.ended()).toEqual([{ text: "one", number: "1" }, { text: "two" }, OK])
    expect(page.closeCode).toBe(1000)
    expect((await bed.ended())[0]).toMatchObject({
      method: "GET",
      path: "/talk.Talk/Chat",
      status: 101,
      grpcStatus: 0,
      requestMessages: 2,
      responseMessages: 2,
      connection: { protocol: "HTTP/1.1" },
    })
  })

  test("needs no @end where a method takes one message", async (t) => {
    const { bed } = await start(t)
    const unary = await new Page(bed.port, "/talk.Talk/Say").say({ octets: "AP8=" })
    expect(await unary.ended()).toEqual([{ octets: "AP8=" }, OK])
    const stream = await new Page(bed.port, "/talk.Talk/Count").say({ number: 3 })
    expect(await stream.ended()).toEqual([{}, { number: "1" }, { number: "2" }, OK])
    const upload = await new Page(bed.port, "/talk.Talk/Gather").say({ number: 2 }, { number: "40" }, END)
    expect(await upload.ended()).toEqual([{ number: "42" }, OK])
  })

  test("tells an error with its details, in words where the type is known", async (t) => {
    const { bed } = await start(t)
    const page = await new Page(bed.port, "/talk.Talk/Say").say({ text: "fail" })
    expect(await page.ended()).toEqual([
      {
        "@status": {
          code: 9,
          message: "no: 不",
          details: [{ "@type": "type.googleapis.com/talk.Word", text: "why" }],
        },
      },
    ])
  })

  test("takes its method from the route, and metadata from query, token and cookie", async (t) => {
    const { bed, backend } = await start(t, {
      bridge: { method: "/talk.Talk/Say", metadataQuery: ["x-echo"], metadataCookie: "session" },
    })
    const page = new Page(bed.port, "/ws?x-echo=from%20query&y=1", [], {
      headers: { cookie: "a=1; session=s3cret" },
    })
    await page.say({ text: "x" })
    expect(await page.ended()).toEqual([
      { "@headers": { "x-initial": "from query" } },
      { text: "x" },
      { "@status": { code: 0, message: "OK", details: [], metadata: { "x-trailing": "from query" } } },
    ])
    const empty = await new Page(bed.port, "/ws", [], { headers: { cookie: "session=" } }).say({ text: "w" })
    expect((await empty.ended()).at(-1)).toMatchObject({ "@status": { code: 0 } })
    const bearer = await new Page(bed.port, "/ws", ["Bearer", "t0ken"]).say({ text: "y" })
    expect(bearer.socket.protocol).toBe("Bearer")
    await bearer.ended()
    const both = await new Page(bed.port, "/ws", ["sluice.json", "Bearer", "t0ken"]).say({ text: "z" })
    expect(both.socket.protocol).toBe("sluice.json")
    await both.ended()
    expect(backend.calls.map(({ metadata }) => metadata.get("authorization"))).toEqual([
      ["Bearer s3cret"],
      // An empty cookie is no token.
      [],
      ["Bearer t0ken"],
      ["Bearer t0ken"],
    ])
  })

  test.for<[what: string, query: string, subprotocols: string[], cookie: string, expected: string[]]>([
    ["a token is said in place of a cookie", "", ["Bearer", "t0ken"], "session=s3cret", ["Bearer t0ken"]],
    [
      "and in place of a query's",
      "?Authorization=a",
      ["Bearer", "t0ken"],
      "session=s3cret",
      ["Bearer t0ken"],
    ],
    ["a query's in place of a cookie", "?Authorization=a", [], "session=s3cret", ["a"]],
    ["a cookie alone", "?y=1", [], "session=s3cret", ["Bearer s3cret"]],
    ["an empty cookie beside a token", "", ["Bearer", "t0ken"], "session=", ["Bearer t0ken"]],
  ])("says who asks once: %s", async ([, query, subprotocols, cookie, expected], t) => {
    const { bed, backend } = await start(t, {
      bridge: { method: "/talk.Talk/Say", metadataQuery: ["Authorization"], metadataCookie: "session" },
    })
    const page = await new Page(bed.port, `/ws${query}`, subprotocols, { headers: { cookie } }).say({
      text: "x",
    })
    await page.ended()
    expect(backend.calls.map(({ metadata }) => metadata.get("authorization"))).toEqual([expected])
  })

  test("keeps a path prefix out of the method, where the route says so", async (t) => {
    const { bed } = await start(t, { bridge: { pathPrefix: "/api/v1" } })
    const page = await new Page(bed.port, "/api/v1/talk.Talk/Say").say({ text: "x" })
    expect(await page.ended()).toEqual([{ text: "x" }, OK])
    const other = await new Page(bed.port, "/else/talk.Talk/Say").say({ text: "x" })
    expect(await other.ended()).toMatchObject([{ "@status": { code: 12 } }])
  })

  test("lives on without a word while it answers pings, and ends when it does not", async (t) => {
    const clock = new ManualClock()
    const { bed, backend } = await start(t, { clock })
    const alive = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "alive" })
    const dead = await new Page(bed.port, "/talk.Talk/Chat", [], { autoPong: false }).say({ text: "dead" })
    await alive.hears(1)
    await dead.hears(1)
    for (let minute = 0; minute < 4; minute += 0.25) {
      clock.advance(15_000)
      const pinged = new Promise((resolve) => alive.socket.once("pong", resolve))
      alive.socket.ping()
      await pinged
    }
    await dead.ended()
    expect(bed.balancer.snapshot().counters.ping_timeout).toBe(1)
    await eventually(
      () => backend.calls.some(({ isCancelled }) => isCancelled),
      () => "the backend saw the cancellation",
    )
    await alive.say({ text: "still here" }, END)
    expect(await alive.ended()).toEqual([{ text: "alive" }, { text: "still here" }, OK])
  })

  test("is told UNAVAILABLE, and closed, when the balancer closes", async (t) => {
    const { bed } = await start(t)
    const page = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "x" })
    await page.hears(1)
    await bed.close(0)
    expect(await page.ended()).toMatchObject([{ text: "x" }, { "@status": { code: 14 } }])
    expect(page.closeCode).toBe(1000)
  })

  test("a page that is gone is a cancellation, at once", async (t) => {
    const { bed, backend } = await start(t)
    for (const leave of ["close", "terminate"] as const) {
      const page = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "x" })
      await page.hears(1)
      page.socket[leave]()
      await eventually(
        () => backend.calls.at(-1)!.isCancelled,
        () => `the backend saw the cancellation after ${leave}`,
      )
    }
    expect((await bed.ended(2)).map(({ status, grpcStatus }) => [status, grpcStatus])).toEqual([
      [101, -1],
      [101, -1],
    ])
  })

  test("a page that does not read is given no more than the windows hold", async (t) => {
    const { bed } = await start(t)
    const page = new Page(bed.port, "/talk.Talk/Count")
    await page.opened()
    page.socket.pause()
    await page.say(JSON.stringify({ number: 400, octets: Buffer.alloc(100_000).toString("base64") }))
    const held = (): number => bed.balancer.snapshot().streams[0]?.bufferedOctets ?? 0
    const received = (): number => bed.balancer.snapshot().streams[0]?.responseOctets ?? 0
    let before = -1
    await eventually(
      () => {
        const isSteady = received() > 1_000_000 && received() === before
        before = received()
        return isSteady
      },
      () => `the stream came to rest; ${received()} octets came`,
    )
    // Of 40 MB: what the kernel's buffers took, one message, and the upstream's window in JSON.
    expect(received()).toBeLessThan(20_000_000)
    expect(held()).toBeLessThan(1_000_000)
    page.socket.resume()
    const heard = await page.ended()
    expect([heard.length, heard.at(-1)]).toEqual([401, OK])
  })

  test("a backend that does not read holds the page back", async (t) => {
    const { bed } = await start(t, { limits: { streamWindowOctets: 65_536 } })
    const page = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "compute" })
    const big = JSON.stringify({ octets: Buffer.alloc(100_000).toString("base64") })
    await page.say(big, big, big, END)
    expect((await page.ended()).length).toBe(4)
  })
})

describe("what is wrong has its own answer", () => {
  const refused: [
    name: string,
    path: string,
    says: (string | object)[],
    code: number,
    message: string | RegExp,
  ][] = [
    ["a path that is no method", "/", ["{}"], 12, "/ is no gRPC method"],
    ["an unknown service", "/no.Such/Say", ["{}"], 12, /no\.Such/],
    ["an unknown method", "/talk.Talk/Nope", ["{}"], 12, "unknown method /talk.Talk/Nope"],
    [
      "malformed JSON",
      "/talk.Talk/Chat",
      ['{"text": '],
      3,
      /^malformed JSON: .*position 9|^malformed JSON: Unexpected end/,
    ],
    ["no object", "/talk.Talk/Chat", ["[]"], 3, /^talk\.Word, position 0: /],
    [
      "an unknown field",
      "/talk.Talk/Chat",
      ['{"text":"x", "texd": 5}'],
      3,
      /^field texd of talk\.Word, position 21: /,
    ],
    [
      "a value of the wrong type",
      "/talk.Talk/Chat",
      ['{"text": 5}'],
      3,
      "field text of talk.Word, position 9: expected string, got 5",
    ],
    [
      "the same, deep inside",
      "/talk.Talk/Chat",
      ['{"text":"]}", "more": [{"number": 1}, {"inner": {"number": "x"}}]}'],
      3,
      /^field more\[1\]\.inner\.number of talk\.Word, position 59: /,
    ],
    ["a binary message", "/talk.Talk/Chat", [], 3, "a binary message: JSON comes as text"],
    ["a message after @end", "/talk.Talk/Gather", [END, "{}"], 3, "a message after @end"],
    ["two messages for one", "/talk.Talk/Say", ['{"text":"compute"}', "{}"], 3, "Say takes one message"],
  ]

  test.for(refused)("%s", async ([name, path, says, code, message], t) => {
    const { bed, backend } = await start(t)
    const page = await new Page(bed.port, path).say(...says)
    if (name === "a binary message") page.socket.send(Buffer.from("{}"))
    expect(await page.ended()).toEqual([
      { "@status": { code, message: expect.stringMatching(message) as string, details: [] } },
    ])
    expect(page.closeCode).toBe(1000)
    await eventually(
      () => backend.calls.every(({ isCancelled }) => isCancelled),
      () => "what the backend had seen was cancelled",
    )
  })

  test("an oversized message, from either side", async (t) => {
    const { bed, backend } = await start(t, { limits: { messageOctetsMax: 10_000 } })
    const page = await new Page(bed.port, "/talk.Talk/Chat").say({ text: "x" }, { text: "y".repeat(10_001) })
    const heard = await page.ended()
    expect(heard.at(-1)).toEqual({
      "@status": {
        code: 8,
        message:
          "a WebSocket message is larger than messageOctetsMax (10000 octets), which grpc_message_max_size sets in nginx.conf",
        details: [],
      },
    })
    expect(page.closeCode).toBe(1009)
    const count = await new Page(bed.port, "/talk.Talk/Count").say({
      number: 1,
      octets: Buffer.alloc(7_400).toString("base64"),
    })
    expect((await count.ended()).length).toBe(2)
    expect(backend.calls.length).toBe(2)
    expect(bed.balancer.snapshot().counters.message_too_large).toBe(1)
  })

  test("a backend without reflection", async (t) => {
    const { bed } = await start(t, { backend: new TalkBackend({ hasReflection: false }) })
    const page = await new Page(bed.port, "/talk.Talk/Chat").say("{}")
    const message =
      "the backend has no server reflection, and the route no descriptor set (grpc_descriptor_set) to take its place"
    expect(await page.ended()).toEqual([{ "@status": { code: 12, message, details: [] } }])
  })

  test("unless a descriptor set takes its place", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"))
    t.onTestFinished(() => rmSync(folder, { recursive: true }))
    const descriptorSet = join(folder, "talk.binpb")
    writeFileSync(descriptorSet, toBinary(FileDescriptorSetSchema, talkDescriptors))
    const { bed } = await start(t, {
      backend: new TalkBackend({ hasReflection: false }),
      bridge: { descriptorSet },
    })
    const page = await new Page(bed.port, "/talk.Talk/Say").say({ text: "x" })
    expect(await page.ended()).toEqual([{ text: "x" }, OK])
  })

  test("no backend at all", async (t) => {
    const { bed } = await start(t)
    await bed.backends[0]!.close()
    const page = await new Page(bed.port, "/talk.Talk/Chat").say("{}")
    expect(await page.ended()).toMatchObject([{ "@status": { code: 14 } }])
  })

  test("half a handshake, which ends when its time is over", async (t) => {
    const clock = new ManualClock()
    const { bed } = await start(t, { clock })
    const socket = connect(bed.port, "127.0.0.1")
    const answer = answerOf(socket)
    socket.write("GET /talk.Talk/Chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n")
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "the connection is there",
    )
    for (let second = 0; second < 12; second++) {
      clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(bed.balancer.snapshot().counters.header_block_timeout).toBe(1)
  })

  const malformed: [name: string, fields: string[], status: number][] = [
    ["a handshake without a key", ["Sec-WebSocket-Version: 13"], 400],
    [
      "a handshake of another version",
      ["Sec-WebSocket-Version: 99", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
      400,
    ],
  ]
  test.for(malformed)("%s", async ([_name, fields, status], t) => {
    const { bed } = await start(t)
    const socket = connect(bed.port, "127.0.0.1")
    const lines = [
      "GET /talk.Talk/Chat HTTP/1.1",
      "Host: a.test",
      "Connection: Upgrade",
      "Upgrade: websocket",
      ...fields,
    ]
    socket.write(`${lines.join("\r\n")}\r\n\r\n`)
    expect(await answerOf(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  const handshakes: [name: string, protocols: string[], options: WebSocket.ClientOptions, status: number][] =
    [
      ["a subprotocol that nobody knows", ["chat"], {}, 400],
      ["Bearer without a token", ["Bearer"], {}, 400],
      ["a page of another origin", [], { origin: "https://elsewhere.example" }, 403],
      ["a page without an origin of its own", [], { origin: "null" }, 403],
      ["the same host on another port", [], { origin: "http://127.0.0.1:1" }, 403],
    ]
  test.for(handshakes)("%s", async ([_name, protocols, options, status], t) => {
    const { bed, backend } = await start(t)
    const page = new Page(bed.port, "/talk.Talk/Chat", protocols, options)
    await page.ended()
    expect([page.closeCode, page.refusal]).toEqual([status, expect.stringMatching(/^\S.*\n$/)])
    expect(bed.balancer.snapshot().counters.origin_refused ?? 0).toBe(status === 403 ? 1 : 0)
    expect((await bed.ended())[0]).toMatchObject({ status, method: "GET" })
    expect(backend.calls).toEqual([])
  })

  test("a page of another origin is told which origin it has, and which host it asked", async (t) => {
    const { bed } = await start(t)
    const origin = "https://evil.test/$remote_addr"
    const page = new Page(bed.port, "/talk.Talk/Chat", [], { origin, headers: { host: "shop.test" } })
    await page.ended()
    expect([page.closeCode, page.refusal]).toEqual([
      403,
      `pages of the origin ${origin} may not call here: it is neither this host, shop.test, nor allowed by name\n`,
    ])
  })

  test("origins that the route names may call", async (t) => {
    const { bed } = await start(t, { bridge: { origins: ["https://app.example"] } })
    for (const origin of ["https://app.example", `http://127.0.0.1:${bed.port}`]) {
      const page = await new Page(bed.port, "/talk.Talk/Say", [], { origin }).say({ text: "x" })
      expect(await page.ended()).toEqual([{ text: "x" }, OK])
    }
  })
})

describe("a visitor's cookies", () => {
  const session = ["Bearer s3cret"]
  test.for<[name: string, origin: string | undefined, origins: string[], token: string[]]>([
    ["go along from a page that is named", "https://app.example", ["*", "https://app.example"], session],
    ["go along from a page of the same host", "http://{host}", ["*"], session],
    ["go along from a program", undefined, ["*"], session],
    ["stay behind when any page may call", "https://evil.example", ["*"], []],
    ["stay behind from a page without an origin of its own", "null", ["*"], []],
  ])("%s", async ([_name, origin, origins, token], t) => {
    const { bed, backend } = await start(t, { bridge: { origins, metadataCookie: "session" } })
    const page = new Page(bed.port, "/talk.Talk/Say", [], {
      headers: { cookie: "a=1; session=s3cret", "x-echo": "e" },
      ...(origin !== undefined && { origin: origin.replace("{host}", `127.0.0.1:${bed.port}`) }),
    })
    await page.say({ text: "x" })
    await page.ended()
    const { metadata } = backend.calls[0]!
    expect(metadata.get("authorization")).toEqual(token)
    expect(metadata.get("cookie")).toEqual(token.length > 0 ? ["a=1; session=s3cret"] : [])
    expect(metadata.get("x-echo")).toEqual(["e"])
  })
})

test("1,000 WebSockets hold a conversation each over one upstream connection, and leave nothing behind", async (t) => {
  const { bed, backend } = await start(t)
  const pages = Array.from({ length: 1000 }, () => new Page(bed.port, "/talk.Talk/Chat"))
  await Promise.all(pages.map((page, i) => page.say({ number: i })))
  for (const [i, page] of pages.entries())
    expect(await page.hears(1)).toEqual([i === 0 ? {} : { number: String(i) }])
  const { streams, clusters } = bed.balancer.snapshot()
  expect([streams.length, clusters[0]!.endpoints[0]!.connections]).toEqual([1000, 1])
  for (const [i, page] of pages.entries()) {
    if (i % 3 === 0) await page.say(END)
    else if (i % 3 === 1) page.socket.close()
    else page.socket.terminate()
  }
  const ways = Map.groupBy(await bed.ended(1000), ({ grpcStatus }) =>
    grpcStatus === 0 ? "ended" : "cancelled",
  )
  expect([ways.get("ended")?.length, ways.get("cancelled")?.length]).toEqual([334, 666])
  await eventually(
    () => backend.calls.every(({ isCancelled }) => isCancelled),
    () => "the backend has no call left",
  )
  await eventually(
    () => bed.balancer.snapshot().connections === 0,
    () => `every connection is gone: ${JSON.stringify(bed.balancer.snapshot()).slice(0, 300)}`,
  )
  expect(bed.balancer.snapshot()).toMatchObject({ streams: [], bufferedOctets: 0, deadlines: 0 })
})

/** All that comes until the close. */
async function answerOf(socket: Socket): Promise<string> {
  let text = ""
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
  socket.on("error", () => {})
  await once(socket, "close")
  return text
}
