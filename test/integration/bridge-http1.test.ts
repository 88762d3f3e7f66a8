import { once } from "node:events"
import { connect } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

async function start(t: TestContext, config: Partial<SluiceYaml> = {}, clock?: ManualClock) {
  const backend = new TalkBackend()
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: { bridge: { grpcWeb: true, connect: true }, ...config },
    ...(clock !== undefined && { clock }),
  })
  return { bed, backend }
}

const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`

/** A client that sends octets as they stand. */
class Raw {
  readonly socket
  text = ""
  isClosed = false

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1")
    this.socket.on("data", (chunk: Buffer) => (this.text += chunk.toString("latin1")))
    this.socket.on("error", () => {})
    this.socket.on("close", () => (this.isClosed = true))
  }

  send(text: string | Buffer): this {
    this.socket.write(text)
    return this
  }

  async closed(): Promise<string> {
    if (!this.isClosed) await once(this.socket, "close")
    return this.text
  }

  async hears(text: string): Promise<void> {
    await eventually(
      () => this.text.includes(text),
      () => `${JSON.stringify(text)} in ${JSON.stringify(this.text.slice(0, 500))}`,
    )
  }
}

/** `POST /talk.Talk/…` of gRPC-Web with one word as its body. */
function webCall(method: string, fields: Parameters<typeof wordOctets>[0], more: string[] = []): Buffer {
  const message = wordOctets(fields)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  const lines = [
    `POST /talk.Talk/${method} HTTP/1.1`,
    "Host: a.test",
    "Content-Type: application/grpc-web+proto",
  ]
  const length = `Content-Length: ${5 + message.length}`
  return Buffer.concat([Buffer.from(head(...lines, length, ...more)), prefix, message])
}

describe("requests that two parsers could read in two ways are refused", () => {
  const refused: [name: string, request: string, status: number][] = [
    [
      "content-length and transfer-encoding",
      `${head("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked")}0\r\n\r\n`,
      400,
    ],
    [
      "two lengths",
      `${head("POST / HTTP/1.1", "Host: a", "Content-Length: 4", "Content-Length: 5")}four5`,
      400,
    ],
    ["a length that is no number", head("POST / HTTP/1.1", "Host: a", "Content-Length: 4x"), 400],
    ["a negative length", head("POST / HTTP/1.1", "Host: a", "Content-Length: -4"), 400],
    ["a coding after chunked", head("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked, gzip"), 400],
    ["a coding before chunked", head("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"), 501],
    [
      "a coding in a field of its own",
      head("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
      501,
    ],
    ["a space before the colon", head("POST / HTTP/1.1", "Host: a", "Content-Length : 4"), 400],
    ["a folded line", head("GET / HTTP/1.1", "Host: a", "X-A: b", " c"), 400],
    ["a bare line feed", "GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400],
    ["no host", head("GET / HTTP/1.1"), 400],
    ["two hosts", head("GET / HTTP/1.1", "Host: a", "Host: b"), 400],
    ["userinfo in the host", head("GET / HTTP/1.1", "Host: a@b"), 400],
    ["a path that climbs above the root", head("GET /../x HTTP/1.1", "Host: a"), 400],
    ["a fragment", head("GET /a#b HTTP/1.1", "Host: a"), 400],
    ["NUL in a value", head("GET / HTTP/1.1", "Host: a", "X-A: \0"), 400],
    ["CONNECT", head("CONNECT a:80 HTTP/1.1", "Host: a"), 405],
    ["a method that HTTP has not", head("BREW /pot HTTP/1.1", "Host: a"), 400],
    ["too large a head", head("GET / HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`), 400],
    ["too long a request line", head(`GET /${"a".repeat(20_000)} HTTP/1.1`, "Host: a"), 414],
    [
      "too many fields",
      head("GET / HTTP/1.1", "Host: a", ...Array.from({ length: 200 }, (_, i) => `x${i}: 1`)),
      400,
    ],
  ]
  test.for(refused)("%s", async ([_name, request, status], t) => {
    const { bed, backend } = await start(t)
    const answer = await new Raw(bed.port).send(Buffer.from(request, "latin1")).closed()
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer.split("HTTP/1.1 ").length).toBe(2)
    expect(backend.calls).toEqual([])
  })
})

describe("what is like HTTP/1 is answered in HTTP/1, with a line in the access log", () => {
  const likes: [name: string, octets: string, status: number, method: string, path: string][] = [
    ["bare line feeds", "GET /a HTTP/1.1\nHost: a\n\n", 400, "GET", "/a"],
    ["HTTP/0.9", "GET /b\r\n", 505, "GET", "/b"],
    ["HTTP/0.9 with a bare line feed", "GET /b\n", 505, "GET", "/b"],
    ["a version to come", "GET /c HTTP/1.2\r\nHost: a\r\n\r\n", 400, "GET", "/c"],
    ["HTTP/2 in a request line", "GET /d HTTP/2.0\r\n\r\n", 505, "GET", "/d"],
    ["a version before all", "GET /e HTTP/0.9\r\n\r\n", 505, "GET", "/e"],
    ["a space first", " GET /f HTTP/1.1\r\nHost: a\r\n\r\n", 400, "", ""],
    ["lower case", "get /g http/1.1\r\nHost: a\r\n\r\n", 400, "get", "/g"],
    ["a path with a space", "GET /h h HTTP/1.1\r\nHost: a\r\n\r\n", 400, "GET", "/h"],
    ["a path of other octets", "GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "GET", "/"],
    ["a method that HTTP has not", head("BREW /pot HTTP/1.1", "Host: a"), 400, "BREW", "/pot"],
    ["no host", head("GET /i HTTP/1.1"), 400, "GET", "/i"],
    ["a path above the root", head("GET /../j HTTP/1.1", "Host: a"), 400, "GET", "/../j"],
    ["CONNECT", head("CONNECT a:80 HTTP/1.1", "Host: a"), 405, "CONNECT", "a:80"],
    ["too large a head", head("GET /k HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`), 400, "GET", "/k"],
  ]
  test.for(likes)("%s", async ([_name, octets, status, method, path], t) => {
    const { bed } = await start(t)
    const answer = await new Raw(bed.port).send(Buffer.from(octets, "latin1")).closed()
    expect(answer).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [A-Z][\\s\\S]*\\r\\n\\r\\n<html>[\\s\\S]+</html>\\r\\n$`),
    )
    const [record] = await bed.ended()
    expect(record).toMatchObject({ status, method, path, responseOctets: expect.any(Number) })
  })

  test("gRPC gets 400 in gRPC's words where its content type can be read", async (t) => {
    const { bed } = await start(t)
    const grpc = ["Host: a", "Content-Type: application/grpc"]
    const told = await new Raw(bed.port).send(head("POST /../x HTTP/1.1", ...grpc)).closed()
    expect(told).toMatch(/^HTTP\/1\.1 200 [\s\S]*grpc-status: 13\r\ngrpc-message: the path has no meaning/)
    const unread = await new Raw(bed.port).send(head("POST /a.B/C HTTP/1.1", ...grpc, "Te : x")).closed()
    expect(unread).toMatch(/^HTTP\/1\.1 400 /)
    expect((await bed.ended(2)).map(({ path, status }) => [path, status])).toEqual([
      ["/../x", 200],
      ["/a.B/C", 400],
    ])
  })

  test("empty lines before a request are none of it", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port).send(
      Buffer.concat([Buffer.from("\r\n\r\n"), webCall("Say", { text: "x" })]),
    )
    await raw.hears("grpc-status: 0")
    raw.socket.destroy()
  })
})

describe("what is neither HTTP/1 nor HTTP/2 is not answered in HTTP/1", () => {
  test.for(["INVALID CONNECTION PREFACE\r\n\r\n", "HELP\r\n", "\0\0\0\0", "GET /\0 HTTP/1.1\r\n"])(
    "%j",
    async (octets, t) => {
      const { bed } = await start(t)
      const answer = await new Raw(bed.port).send(Buffer.from(octets, "latin1")).closed()
      expect(answer).not.toContain("HTTP/1")
      expect(answer.charCodeAt(3)).toBe(4)
      expect(bed.balancer.snapshot().counters.preface_malformed).toBe(1)
    },
  )

  test("TLS on a listener without TLS is closed without a word, and the log says who it was", async (t) => {
    const lines = new LogLines()
    const bed = await TestBed.start(t, { backends: 0, config: { clusters: {}, routes: [] }, log: lines.log })
    const raw = new Raw(bed.port)
    await once(raw.socket, "connect")
    const client = `127.0.0.1:${raw.socket.localPort}`
    expect(await raw.send(Buffer.from("16030100c8010000c40303", "hex")).closed()).toBe("")
    expect(lines.saying("TLS on a listener without TLS")).toEqual([
      expect.objectContaining({ listener: "127.0.0.1:0", client }),
    ])
    expect(bed.balancer.snapshot().counters.preface_malformed).toBe(1)
  })
})

describe("a connection", () => {
  test("carries one request after another, and several sent at once, in order", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    raw.send(webCall("Say", { text: "first" }))
    await raw.hears("grpc-status: 0")
    raw.send(Buffer.concat([webCall("Say", { text: "second" }), webCall("Say", { text: "third" })]))
    await raw.hears("third")
    expect(raw.text.indexOf("second")).toBeLessThan(raw.text.indexOf("third"))
    await eventually(
      () => bed.records.length === 3,
      () => "three streams ended",
    )
    expect(bed.records.map(({ requestNumber }) => requestNumber)).toEqual([1, 2, 3])
    raw.socket.destroy()
  })

  test("takes a request octet by octet, chunked too", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    const message = wordOctets({ text: "slow" })
    const lines = ["POST /talk.Talk/Say HTTP/1.1", "Host: a.test", "Content-Type: application/grpc-web"]
    raw.send(head(...lines, "Transfer-Encoding: chunked"))
    for (const octet of [0, 0, 0, 0, message.length, ...message]) {
      raw.send(Buffer.concat([Buffer.from("1\r\n"), Buffer.from([octet]), Buffer.from("\r\n")]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    raw.send("0\r\n\r\n")
    await raw.hears("grpc-status: 0")
    expect(raw.text).toContain("slow")
    raw.socket.destroy()
  })

  describe("that is silent is closed in time", () => {
    const pass = async (clock: ManualClock, seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1000)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const connections = (bed: TestBed, many: number) =>
      eventually(
        () => bed.balancer.snapshot().connections === many,
        () => `${many} connections, not ${bed.balancer.snapshot().connections}`,
      )

    test.for<[name: string, octets: string, answer: RegExp, counter: string]>([
      ["without a word", "", /^$/, "preface_timeout"],
      ["after one octet", "G", /^HTTP\/1\.1 408 /, "header_block_timeout"],
      ["after half a request line", "GET /slow HT", /^HTTP\/1\.1 408 /, "header_block_timeout"],
      ["after half a head", "GET / HTTP/1.1\r\nHost: ", /^HTTP\/1\.1 408 /, "header_block_timeout"],
      ["after half a word of no protocol", "hello", /^(?!HTTP)[\s\S]{9}/, "preface_malformed"],
      ["after half a preface", "PR", /^(?!HTTP)[\s\S]{9}/, "preface_timeout"],
    ])("%s", async ([_name, octets, answer, counter], t) => {
      const clock = new ManualClock()
      const { bed } = await start(t, {}, clock)
      const raw = new Raw(bed.port)
      if (octets !== "") raw.send(octets)
      await connections(bed, 1)
      await new Promise((resolve) => setImmediate(resolve))
      await pass(clock, 9)
      expect(raw.isClosed).toBe(false)
      await pass(clock, 3)
      expect(await raw.closed()).toMatch(answer)
      expect(bed.balancer.snapshot().counters).toMatchObject({ [counter]: 1 })
    })

    test("after a request, when it was idle for as long as the listener says", async (t) => {
      const clock = new ManualClock()
      const { bed } = await start(t, {}, clock)
      const idle = new Raw(bed.port).send(webCall("Say", { text: "x" }))
      await idle.hears("grpc-status: 0")
      await pass(clock, 70)
      expect(idle.isClosed).toBe(false)
      await pass(clock, 10)
      await idle.closed()
      expect(bed.balancer.snapshot().counters).not.toHaveProperty("preface_timeout")
    })
  })

  test("that breaks in the middle is a cancellation", async (t) => {
    const { bed, backend } = await start(t)
    const raw = new Raw(bed.port).send(webCall("Count", { number: 1n, text: "hang" }))
    await raw.hears("200 OK")
    raw.socket.destroy()
    await eventually(
      () => backend.calls[0]!.isCancelled,
      () => "the backend saw the cancellation",
    )
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: -1, connection: { protocol: "HTTP/1.1" } })
  })

  const upgrade = head("GET / HTTP/1.1", "Host: a.test", "Upgrade: websocket", "Connection: upgrade")

  test.for([
    ["a request without a host", head("POST / HTTP/1.1", "Content-Length: 0"), 400],
    ["an expectation", head("POST / HTTP/1.1", "Host: a.test", "Content-Length: 0", "Expect: tea"), 417],
    ["an upgrade", upgrade, 400],
    ["CONNECT", head("CONNECT a:80 HTTP/1.1", "Host: a"), 405],
    ["garbage", "garbage\r\n\r\n", 400],
    ["a head that is too large", head("GET / HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`), 400],
  ] as const)(
    "answers %s in its turn, behind the answers before it, and ends",
    async ([, behind, status], t) => {
      const { bed } = await start(t)
      const calls = [webCall("Say", { text: "one" }), webCall("Say", { text: "two" })]
      const raw = new Raw(bed.port).send(Buffer.concat([...calls, Buffer.from(behind)]))
      const text = await raw.closed()
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", `HTTP/1.1 ${status}`])
      expect(text.match(/grpc-status: 0/g)).toHaveLength(2)
      expect((await bed.ended(3)).map((record) => record.status)).toEqual([200, 200, status])
      expect(bed.balancer.snapshot().streams).toEqual([])
    },
  )

  test.for<[name: string, behind: string, listener: object, answers: number[]]>([
    ["was refused", head("GET /../x HTTP/1.1", "Host: a"), {}, [200, 400]],
    [
      "was refused, nor is garbage",
      `${head("GET /../x HTTP/1.1", "Host: a")}garbage\r\n\r\n`,
      {},
      [200, 400],
    ],
    [
      "ends its connection",
      head("GET /last HTTP/1.1", "Host: a"),
      { maxRequestsPerConnection: 2 },
      [200, 200],
    ],
    ["says close", head("GET /last HTTP/1.1", "Host: a", "Connection: close"), {}, [200, 200]],
    [
      "says close, nor is garbage",
      `${head("GET / HTTP/1.1", "Host: a", "Connection: close")}\0\0`,
      {},
      [200, 200],
    ],
    ["is of HTTP/1.0", head("GET /last HTTP/1.0"), {}, [200, 200]],
  ])("does nothing for requests behind one that %s", async ([_name, behind, listener, answers], t) => {
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, {
      backends: [backend],
      config: { listeners: [{ address: "127.0.0.1:0", ...listener }] },
    })
    // In one piece, so that all of it has been read when the first is answered.
    const [one, three] = ["one", "three"].map((path) => head(`GET /${path} HTTP/1.1`, "Host: a"))
    const raw = new Raw(bed.port).send(`${one}${behind}${three}`)
    const calls = answers.filter((status) => status === 200).length
    for (let i = 0; i < calls; i++) {
      const { connection, id } = await backend.stream(i)
      raw.send(head("GET /four HTTP/1.1", "Host: a"))
      connection.send(
        dsl.headers(
          id,
          [
            [":status", "200"],
            ["content-length", "0"],
          ],
          { endStream: true },
        ),
      )
    }
    const text = await raw.closed()
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(answers.map((status) => `HTTP/1.1 ${status}`))
    expect(backend.streams.length).toBe(calls)
    expect((await bed.ended(answers.length)).map(({ status }) => status)).toEqual(answers)
  })

  test("of HTTP/1.0 that is kept alive gets its answers in turn, each request begun after the answer before it", async (t) => {
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, { backends: [backend] })
    const requests = ["one", "two", "three"].map((path) =>
      head(`GET /${path} HTTP/1.0`, "Connection: keep-alive"),
    )
    const raw = new Raw(bed.port).send(requests.join(""))
    for (let i = 0; i < 3; i++) {
      const { connection, id } = await backend.stream(i)
      expect(backend.streams.length).toBe(i + 1)
      const length: dsl.Field[] = i < 2 ? [["content-length", "1"]] : []
      connection.send(
        dsl.headers(id, [[":status", "200"], ...length]),
        dsl.data(id, `${i}`, { endStream: true }),
      )
    }
    // The last has no length, so it ends with the connection.
    const text = await raw.closed()
    expect(text.replaceAll(/HTTP\/1\.1 200 [\s\S]*?\r\n\r\n/g, "+")).toBe("+0+1+2")
  })

  test("that breaks with a call that waits for its turn, and an upgrade behind it, leaves nothing", async (t) => {
    const { bed, backend } = await start(t)
    const calls = [1, 2].map(() => webCall("Count", { number: 1n, text: "hang" }))
    const raw = new Raw(bed.port).send(Buffer.concat([...calls, Buffer.from(upgrade)]))
    await eventually(
      () => bed.balancer.snapshot().bufferedOctets > 0,
      () => "what is behind the first waits",
    )
    await raw.hears("200 OK")
    raw.socket.destroy()
    await eventually(
      () => backend.calls.length === 1 && backend.calls[0]!.isCancelled,
      () => "the backend saw the cancellation, and no other call",
    )
    expect(bed.balancer.snapshot()).toMatchObject({ streams: [], connections: 0 })
  })

  test("is told UNAVAILABLE when the balancer closes", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port).send(webCall("Count", { number: 1n, text: "hang" }))
    await raw.hears("200 OK")
    await bed.close(0)
    expect(await raw.closed()).toContain("grpc-status: 14")
  })

  test("that does not read is given no more than the windows hold", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    raw.socket.pause()
    raw.send(webCall("Count", { number: 400n, octets: Buffer.alloc(100_000) }))
    const received = (): number => bed.balancer.snapshot().streams[0]?.responseOctets ?? 0
    let before = -1
    await eventually(
      () => {
        const isSteady = received() > 100_000 && received() === before
        before = received()
        return isSteady
      },
      () => `the stream came to rest at ${received()}`,
    )
    expect(received()).toBeLessThan(20_000_000)
    expect(bed.balancer.snapshot().streams[0]!.bufferedOctets).toBeLessThan(1_000_000)
    // Of 40 MB the end alone is looked at: to search all of it at each look would take longer than to send it.
    let end = ""
    raw.socket.removeAllListeners("data")
    raw.socket.on("data", (chunk: Buffer) => {
      end = `${end}${chunk.toString("latin1", Math.max(0, chunk.length - 200))}`.slice(-200)
    })
    raw.socket.resume()
    await eventually(
      () => end.includes("grpc-status: 0"),
      () => `a status in ${JSON.stringify(end)}`,
    )
    raw.socket.destroy()
  })
})

describe("a client that asks the same again", () => {
  const routes = (text: string) => ({ routes: [{ return: { status: 200, text } }] })
  const asked = (path: string): string => head(`GET ${path} HTTP/1.1`, "Host: a.test", "X-Who: me")

  test("is answered each time, and so is what it asks between", async (t) => {
    const { bed } = await start(t, routes("$request_uri $http_x_who $connection_requests;"))
    const raw = new Raw(bed.port)
    // At once and one by one: a head that comes with others is read as one that comes alone.
    raw.send(asked("/a")).send(asked("/a") + asked("/a") + asked("/b") + asked("/a"))
    await raw.hears("/a me 5;")
    raw.send(asked("/a"))
    await raw.hears("/a me 6;")
    raw.send(asked("/b"))
    await raw.hears("/b me 7;")
    expect(raw.text.match(/\/[ab] me \d;/g)).toEqual([
      "/a me 1;",
      "/a me 2;",
      "/a me 3;",
      "/b me 4;",
      "/a me 5;",
      "/a me 6;",
      "/b me 7;",
    ])
    raw.socket.destroy()
  })

  test("sends a body of its own each time", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    for (const text of ["one", "two", "six"]) {
      raw.send(webCall("Say", { text }))
      await raw.hears(text)
    }
    expect(raw.text.match(/grpc-status: 0/g)).toHaveLength(3)
    raw.socket.destroy()
  })

  test("is answered by the routes that there are then", async (t) => {
    const { bed } = await start(t, routes("before;"))
    const raw = new Raw(bed.port)
    raw.send(asked("/a"))
    await raw.hears("before;")
    await bed.balancer.reload(fromInput({ listeners: "127.0.0.1:0", ...routes("after;") }).config!)
    raw.send(asked("/a"))
    await raw.hears("after;")
    raw.socket.destroy()
  })

  test("is refused each time where it was", async (t) => {
    const { bed } = await start(t, routes("$request_uri;"))
    const raw = new Raw(bed.port)
    raw.send(asked("/a"))
    await raw.hears("/a;")
    raw.send(head("GET /a HTTP/1.1", "Host: a.test", "X-Who: me", "X : 1"))
    expect(await raw.closed()).toContain("HTTP/1.1 400 ")
  })
})

describe("what no bridge is for", () => {
  test("is answered by the route, in HTTP/1.1", async (t) => {
    const { bed } = await start(t, {
      routes: [
        { exact: "/healthz", return: { status: 200, text: "fine" } },
        { exact: "/old", return: { status: 301, text: "https://new.test/" } },
      ],
    })
    const health = await fetch(`http://127.0.0.1:${bed.port}/healthz`)
    expect([health.status, await health.text()]).toEqual([200, "fine"])
    const old = await fetch(`http://127.0.0.1:${bed.port}/old`, { redirect: "manual" })
    expect([old.status, old.headers.get("location")]).toEqual([301, "https://new.test/"])
    const none = await fetch(`http://127.0.0.1:${bed.port}/none`, {
      method: "POST",
      body: "x".repeat(100_000),
    })
    expect(none.status).toBe(404)
  })

  test("is answered all the same when it offers another protocol", async (t) => {
    const { bed } = await start(t, { routes: [{ return: { status: 200, text: "fine" } }] })
    const raw = new Raw(bed.port)
    raw.send(
      head("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    )
    // A Node that cannot ignore the offer refuses it.
    await raw.hears("HTTP/1.1 ")
    expect(raw.text).toMatch(/^HTTP\/1\.1 (?:200|400) /)
    raw.socket.destroy()
  })

  test("is relayed with its trailers, gRPC too", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    const call = webCall("Say", { text: "plain" }, ["TE: trailers", "Connection: TE"])
    raw.send(Buffer.from(call.toString("latin1").replace("grpc-web+proto", "grpc+proto"), "latin1"))
    await raw.hears("grpc-status: 0")
    expect(raw.text).toMatch(/transfer-encoding: chunked/i)
    raw.socket.destroy()
  })
})

test.for(["HTTP/1.0", "HTTP/1.1"])("a request of %s is one in the access log", async (version, t) => {
  const bed = await TestBed.start(t, { backends: 0, config: { clusters: {}, routes: [{ return: 200 }] } })
  const raw = new Raw(bed.port).send(head(`GET /x ${version}`, "Host: a"))
  const [record] = await bed.ended()
  expect(record!.connection.protocol).toBe(version)
  raw.socket.destroy()
})

describe("an answer with a trailer field costs no neighbour its stream", () => {
  const get = head("GET /x HTTP/1.1", "Host: a")
  const answers: [name: string, request: string, status: string, field: dsl.Field | null][] = [
    ["to HTTP/1.0", head("GET /x HTTP/1.0", "Host: a"), "200", null],
    ["to HEAD", head("HEAD /x HTTP/1.1", "Host: a"), "200", null],
    ["with a length", get, "200", ["content-length", "0"]],
    ["204", get, "204", null],
    ["304", get, "304", null],
    ["in chunks", get, "200", null],
  ]
  test.for(answers)("%s", async ([_name, request, status, field], t) => {
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, { backends: [backend] })
    const neighbour = await bed.rawClient()
    const id = neighbour.open()
    const { connection, id: upstreamId } = await backend.stream(0)
    const raw = new Raw(bed.port).send(request)
    const asked = await backend.stream(1)
    expect(asked.connection).toBe(connection)
    const fields: dsl.Field[] = [
      [":status", status],
      ["trailer", "x-sum"],
      ...(field === null ? [] : [field]),
    ]
    connection.send(dsl.headers(asked.id, fields, { endStream: true }))
    await raw.hears("\r\n\r\n")
    expect(raw.text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    connection.send(
      dsl.headers(upstreamId, dsl.response),
      dsl.headers(upstreamId, dsl.okTrailers, { endStream: true }),
    )
    expect(dsl.describeFrame(await neighbour.end(id))).toMatch(/^HEADERS .*END_STREAM/)
    expect(bed.balancer.snapshot().counters.uncaught ?? 0).toBe(0)
    raw.socket.destroy()
  })
})

describe("CORS", () => {
  const origins = ["https://app.test"]
  const bridge = { grpcWeb: true, connect: true, origins }

  test("a preflight is answered for the origins of the route", async (t) => {
    const { bed, backend } = await start(t, { bridge })
    const ask = (origin: string) =>
      fetch(`http://127.0.0.1:${bed.port}/talk.Talk/Say`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,x-grpc-web,x-echo",
        },
      })
    const yes = await ask("https://app.test")
    expect([yes.status, Object.fromEntries(yes.headers)]).toEqual([
      204,
      expect.objectContaining({
        "access-control-allow-origin": "https://app.test",
        "access-control-allow-methods": "POST, GET",
        "access-control-allow-headers": "content-type,x-grpc-web,x-echo",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "7200",
        vary: "origin",
      }),
    ])
    const no = await ask("https://evil.test")
    expect([no.status, no.headers.get("access-control-allow-origin")]).toEqual([204, null])
    expect(backend.calls).toEqual([])
  })

  test("a response shows its status and metadata to the page that may read it", async (t) => {
    const { bed } = await start(t, { bridge })
    const ask = async (origin: string): Promise<Record<string, string>> => {
      const response = await fetch(`http://127.0.0.1:${bed.port}/talk.Talk/Say`, {
        method: "POST",
        headers: { origin, "content-type": "application/grpc-web+proto", "x-echo": "1" },
        body: Buffer.alloc(5),
      })
      await response.arrayBuffer()
      return Object.fromEntries(response.headers)
    }
    const yes = await ask("https://app.test")
    expect(yes["access-control-allow-origin"]).toBe("https://app.test")
    expect(yes["access-control-expose-headers"]).toMatch(/grpc-status, grpc-message, .*x-initial/)
    expect(await ask("https://evil.test")).not.toHaveProperty("access-control-allow-origin")
  })
})

describe("a request that its backend does not read yet", () => {
  const begun = head("POST /a.B/C HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
  const MANY = 110_000
  /** Each octet a chunk of its own. */
  const chunks = (octets: Buffer): string =>
    [...octets].map((octet) => `1\r\n${String.fromCharCode(octet)}\r\n`).join("")
  const body = Buffer.from(Array.from({ length: MANY }, (_, i) => 97 + (i % 26)))
  /** The first of it, in one chunk, fills the backend's window. */
  const FIRST = 70_000
  const first = `${FIRST.toString(16)}\r\n${body.toString("latin1", 0, FIRST)}\r\n`

  test("waits in one queue, a window of it, and comes whole when it is read", async (t) => {
    const backend = await RawServer.start({ givesCredit: false })
    const bed = await TestBed.start(t, {
      backends: [backend],
      config: { limits: { streamWindowOctets: 20_000 } },
    })
    const raw = new Raw(bed.port).send(`${begun}${first}${chunks(body.subarray(FIRST))}0\r\n\r\n`)
    t.onTestFinished(() => void raw.socket.destroy())
    const { connection, id } = await backend.stream(0)
    const held = (): number => bed.balancer.snapshot().bufferedOctets
    let before = -1
    await eventually(
      () => {
        const isSteady = held() > 0 && held() === before
        before = held()
        return isSteady
      },
      () => `${held()} octets held, and no more`,
    )
    // The window, what one read brought beyond it, and one read more that is not looked at yet, of 240 kB.
    expect(held()).toBeLessThan(20_000 + 11_000 + 82_000)
    connection.send(dsl.windowUpdate(0, 2 * MANY), dsl.windowUpdate(id, 2 * MANY))
    await eventually(
      () => dsl.endsStream(connection.seen.at(-1)!),
      () => `the end of the request; ${held()} octets are held`,
    )
    expect(connection.dataOf(id).equals(body)).toBe(true)
    connection.send(
      dsl.headers(
        id,
        [
          [":status", "200"],
          ["content-length", "0"],
        ],
        { endStream: true },
      ),
    )
    await raw.hears("200 OK")
    expect(held()).toBe(0)
  })

  test("does not keep its client from going: the backend learns of it", async (t) => {
    const backend = await RawServer.start({ givesCredit: false })
    const bed = await TestBed.start(t, { backends: [backend] })
    const raw = new Raw(bed.port).send(`${begun}${first}${chunks(body.subarray(FIRST))}`)
    const { connection, id } = await backend.stream(0)
    raw.socket.destroy()
    expect(dsl.describeFrame(await connection.end(id))).toBe(`RST_STREAM ${id} CANCEL`)
    expect((await bed.ended())[0]).toMatchObject({ status: 499 })
  })

  test("with others behind it, on one connection, is answered in turn, and each body is its own", async (t) => {
    const { bed } = await start(t)
    const words = Array.from({ length: 50 }, (_, i) => `word ${i} `.repeat(3000))
    const calls = words.map((text) => webCall("Say", { text }))
    const raw = new Raw(bed.port).send(Buffer.concat(calls))
    await eventually(
      () => raw.text.split("grpc-status: 0").length === 51,
      () => `${raw.text.split("grpc-status: 0").length - 1} answers`,
    )
    const answers = raw.text.split("grpc-status: 0")
    expect(
      words.every((text, i) => answers[i]!.replace(/\r\n[0-9a-f]+\r\n/g, "").includes(text.slice(0, 2000))),
    ).toBe(true)
    raw.socket.destroy()
  })
})

describe("an answer that is whole before its request", () => {
  const begun = head(
    "POST /talk.Talk/NoSuchMethod HTTP/1.1",
    "Host: a.test",
    "Content-Type: application/grpc-web+proto",
    "Transfer-Encoding: chunked",
  )
  /** An answer's end, in chunks. */
  const end = "\r\n0\r\n\r\n"

  test("keeps its connection: the client ends its request and sends the next one on it", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    t.onTestFinished(() => void raw.socket.destroy())
    raw.send(`${begun}5\r\n\0\0\0\0\0\r\n`)
    await raw.hears(end)
    expect(raw.text).not.toContain("onnection: close")
    const before = raw.text.length
    raw.send(`0\r\n\r\n${begun}0\r\n\r\n`)
    await eventually(
      () => raw.text.slice(before).includes(end),
      () => raw.text.slice(before),
    )
    expect(raw.isClosed).toBe(false)
  })

  test("leaves the client its time for the rest of the body, which is no head", async (t) => {
    const clock = new ManualClock()
    const { bed } = await start(t, {}, clock)
    const raw = new Raw(bed.port)
    t.onTestFinished(() => void raw.socket.destroy())
    raw.send(`${begun}5\r\n\0\0\0\0\0\r\n`)
    await raw.hears(end)
    for (let i = 0; i < 15; i++) {
      raw.send("1\r\nx\r\n")
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1000)
    }
    const before = raw.text.length
    raw.send(`0\r\n\r\n${begun}0\r\n\r\n`)
    await eventually(
      () => raw.text.slice(before).includes(end),
      () => raw.text.slice(before),
    )
    expect(bed.balancer.snapshot().counters).not.toHaveProperty("header_block_timeout")
  })

  test("is not followed by a request without end: past a stream's window the connection goes", async (t) => {
    const { bed } = await start(t)
    const raw = new Raw(bed.port)
    raw.send(`${begun}5\r\n\0\0\0\0\0\r\n`)
    await raw.hears(end)
    const size = 64 * 1024
    const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`
    for (let i = 0; i < 8; i++) raw.send(chunk)
    await eventually(
      () => raw.isClosed,
      () => "it is still open",
    )
  })
})
