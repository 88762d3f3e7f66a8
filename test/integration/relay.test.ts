import * as grpc from "@grpc/grpc-js"
import { describe, expect, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { Flag } from "../../src/http2/frame/types.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer } from "../support/raw-server.ts"
import { EchoBackend, statusOf, TestBed } from "../support/test-bed.ts"

const message = (text: string): Buffer => {
  const body = Buffer.from(text)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

describe("a stream, through grpc-js on both ends", () => {
  test("every kind of call gets its answer, its metadata and its trailers", async (t) => {
    const bed = await TestBed.start(t)
    const client = bed.client()
    const { code, message, initial, trailers } = await client.unary(Buffer.from("hello"))
    expect([code, String(message), initial?.get("x-backend"), trailers.get("x-backend")]).toEqual([
      0,
      "hello",
      ["a"],
      ["a"],
    ])

    const pushed: string[] = []
    const push = client.push(3)
    push.on("data", (octets: Buffer) => pushed.push(String(octets)))
    expect((await statusOf(push)).code).toBe(0)
    expect(pushed).toEqual(["message 0", "message 1", "message 2"])

    const chat = client.chat()
    const heard: string[] = []
    chat.on("data", (octets: Buffer) => {
      heard.push(String(octets))
      if (heard.length === 1) chat.write(Buffer.from("two"))
      else chat.end()
    })
    chat.write(Buffer.from("one"))
    expect((await statusOf(chat)).code).toBe(0)
    expect(heard).toEqual(["one", "two"])

    const records = await bed.ended(3)
    expect(
      records.map(({ path, grpcStatus, requestMessages, responseMessages }) => ({
        path,
        grpcStatus,
        requestMessages,
        responseMessages,
      })),
    ).toEqual([
      { path: "/test.Echo/Unary", grpcStatus: 0, requestMessages: 1, responseMessages: 1 },
      { path: "/test.Echo/Push", grpcStatus: 0, requestMessages: 1, responseMessages: 3 },
      { path: "/test.Echo/Chat", grpcStatus: 0, requestMessages: 2, responseMessages: 2 },
    ])
  })

  test("binary metadata and a status with details arrive as they were sent", async (t) => {
    const backend = new EchoBackend("a", {
      Unary(_call: unknown, callback: grpc.sendUnaryData<Buffer>) {
        const metadata = new grpc.Metadata()
        metadata.set("detail-bin", Buffer.from([0, 255, 1, 254]))
        callback({ code: grpc.status.DATA_LOSS, details: "ключ → 钥匙 %", metadata })
      },
    })
    const bed = await TestBed.start(t, { backends: [backend] })
    const { code, details, trailers } = await bed.client().unary(Buffer.alloc(0))
    expect([code, details, trailers.get("detail-bin")]).toEqual([
      15,
      "ключ → 钥匙 %",
      [Buffer.from([0, 255, 1, 254])],
    ])
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 15, status: 200 })
  })

  test("ten chats on one connection alternate strictly over two backends, each staying where it began", async (t) => {
    const bed = await TestBed.start(t, { backends: 2 })
    const client = bed.client()
    const names: string[] = []
    for (let i = 0; i < 10; i++) {
      const chat = client.chat()
      const name = await new Promise<string>((resolve) => {
        chat.on("metadata", (metadata: grpc.Metadata) => resolve(String(metadata.get("x-backend"))))
        chat.write(Buffer.from("hi"))
      })
      names.push(name)
      chat.on("data", () => chat.end())
      expect((await statusOf(chat)).metadata.get("x-backend")).toEqual([name])
    }
    expect(names.join("")).toBe("ababababab")
  })

  test("a message of 3 MB passes both ways though no window is that large", async (t) => {
    const bed = await TestBed.start(t)
    const sent = Buffer.alloc(3_000_000, "0123456789abcdef")
    const { code, message } = await bed.client().unary(sent)
    expect([code, message?.equals(sent)]).toEqual([0, true])
  })
})

describe("half-close", () => {
  test("the client's passes up, and the backend may go on for as long as it likes", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    client.send(dsl.data(id, message("all I have"), { endStream: true }))
    const stream = await bed.raw.stream()
    await stream.connection.end(stream.id)
    stream.connection.send(dsl.headers(stream.id, dsl.response))
    for (let i = 0; i < 3; i++) stream.connection.send(dsl.data(stream.id, message(`more ${i}`)))
    await client.until(() => client.dataOf(id).length === 33, "three messages")
    stream.connection.send(dsl.headers(stream.id, dsl.okTrailers, { endStream: true }))
    await client.end(id)
    expect(client.about(id).at(-1)).toBe(`HEADERS ${id} END_STREAM grpc-status=0`)
  })

  test("an empty DATA frame with END_STREAM is a half-close too, and nothing else is", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    client.send(dsl.data(id, message("x")))
    const { connection, id: above } = await bed.raw.stream()
    await connection.until(() => connection.dataOf(above).length === 6, "the message")
    await client.settled()
    expect(connection.seen.some(dsl.endsStream)).toBe(false)
    client.send(dsl.data(id, "", { endStream: true }))
    await connection.end(above)
    connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await client.end(id)
  })

  test("of plain HTTP: the answer may be whole while the request goes on", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.withFields(dsl.request, { "content-type": "text/plain", te: undefined }))
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, [[":status", "200"]], { endStream: true }))
    await client.end(id)
    client.send(dsl.data(id, "still here", { endStream: true }))
    await connection.end(above)
    expect(connection.dataOf(above).toString()).toBe("still here")
    expect(client.about(id)).toEqual([`HEADERS ${id} END_STREAM :status=200`])
  })
})

describe("endings keep their form", () => {
  test("Trailers-Only stays one HEADERS frame", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    const { connection, id: above } = await bed.raw.stream()
    const fields: dsl.Field[] = [...dsl.response, ["grpc-status", "5"], ["grpc-message", "no such chat"]]
    connection.send(dsl.headers(above, fields, { endStream: true }))
    const frame = await client.end(id)
    expect(frame.flags & Flag.END_STREAM).toBe(Flag.END_STREAM)
    expect(frame.fields).toEqual(fields)
    expect(client.about(id)).toHaveLength(1)
  })

  test("trailers after no message stay trailers: two HEADERS frames", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.headers(above, dsl.okTrailers, { endStream: true }))
    await client.end(id)
    expect(client.about(id)).toEqual([
      `HEADERS ${id} :status=200 content-type=application/grpc`,
      `HEADERS ${id} END_STREAM grpc-status=0`,
    ])
  })

  test("fields that no hop may index are still marked so behind the balancer, both ways", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const fields: dsl.Field[] = [...dsl.request, ["authorization", "Bearer secret"]]
    client.send(dsl.headers(1, fields, { endStream: true, neverIndexed: ["authorization"] }))
    const { connection, id: above } = await bed.raw.stream()
    const head = await connection.head(above)
    expect(head.neverIndexed).toEqual(["authorization"])
    const answer: dsl.Field[] = [...dsl.response, ["set-cookie", "secret"], ["grpc-status", "0"]]
    connection.send(dsl.headers(above, answer, { endStream: true, neverIndexed: ["set-cookie"] }))
    expect((await client.end(1)).neverIndexed).toEqual(["set-cookie"])
  })

  test.for([
    ["NO_ERROR", 0x0],
    ["PROTOCOL_ERROR", 0x1],
    ["INTERNAL_ERROR", 0x2],
    ["FLOW_CONTROL_ERROR", 0x3],
    ["STREAM_CLOSED", 0x5],
    ["CANCEL", 0x8],
    ["ENHANCE_YOUR_CALM", 0xb],
    ["INADEQUATE_SECURITY", 0xc],
    ["HTTP_1_1_REQUIRED", 0xd],
    ["a code nobody knows", 0xdead],
  ] as const)("RST_STREAM %s passes from the backend as it is", async ([_name, code], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.rstStream(above, code))
    expect(dsl.codeOf(await client.end(id))).toBe(code)
  })

  test("REFUSED_STREAM after the response has begun is no longer proof of anything: it passes as it is", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start(), await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response))
    await client.head(id)
    connection.send(dsl.rstStream(above, ErrorCode.REFUSED_STREAM))
    expect(dsl.codeOf(await client.end(id))).toBe(ErrorCode.REFUSED_STREAM)
  })

  test.for([
    ["CANCEL", ErrorCode.CANCEL, ErrorCode.CANCEL],
    ["INTERNAL_ERROR", ErrorCode.INTERNAL_ERROR, ErrorCode.INTERNAL_ERROR],
    ["a code nobody knows", 0xdead, 0xdead],
  ] as const)("RST_STREAM %s from the client reaches the backend", async ([_name, code, expected], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    client.send(dsl.rstStream(id, code))
    expect(dsl.codeOf(await connection.end(above))).toBe(expected)
  })

  test("a client that is gone cancels each of its streams upstream, and no one else's", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const [gone, stays] = [await bed.rawClient(), await bed.rawClient()]
    gone.open()
    gone.open()
    await bed.raw.stream(1)
    const kept = stays.open()
    const { connection, id: above } = await bed.raw.stream(2)
    gone.destroy()
    for (const id of [1, 3]) expect(dsl.codeOf(await connection.end(id))).toBe(ErrorCode.CANCEL)
    connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await stays.end(kept)
    expect(dsl.describeFrame(await connection.end(above))).toBe(`DATA ${above} 0 END_STREAM`)
  })

  test("a gRPC server that ends before the client has half-closed: trailers, then RST_STREAM NO_ERROR", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    client.send(dsl.data(id, message("one")))
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.headers(above, dsl.okTrailers, { endStream: true }))
    await client.until(() => client.about(id).length === 3, "trailers and RST_STREAM")
    expect(client.about(id).slice(1)).toEqual([
      `HEADERS ${id} END_STREAM grpc-status=0`,
      `RST_STREAM ${id} NO_ERROR`,
    ])
    // Servers count resets, those of calls that they have ended too, and end connections for too many.
    expect(dsl.describeFrame(await connection.end(above))).toBe(`DATA ${above} 0 END_STREAM`)
  })

  test("where the request said its length, half of it is left by RST_STREAM NO_ERROR", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.withFields(dsl.request, { "content-length": "100" }))
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await client.end(id)
    expect(dsl.codeOf(await connection.end(above))).toBe(ErrorCode.NO_ERROR)
  })

  test("early trailers wait behind what the client has yet to read, and only then comes the reset", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 10 }, givesCredit: false })
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(
      dsl.headers(above, dsl.response),
      dsl.data(above, message("a long answer")),
      dsl.headers(above, dsl.okTrailers, { endStream: true }),
    )
    await client.until(() => client.dataOf(id).length === 10, "what the window lets through")
    await client.settled()
    expect(client.about(id)).toHaveLength(2)
    client.send(dsl.windowUpdate(id, 100))
    await client.frame((frame) => frame.streamId === id && frame.payload.length === 4 && frame.type === 3)
    expect(client.about(id)).toEqual([
      `HEADERS ${id} :status=200 content-type=application/grpc`,
      `DATA ${id} 10`,
      `DATA ${id} 8`,
      `HEADERS ${id} END_STREAM grpc-status=0`,
      `RST_STREAM ${id} NO_ERROR`,
    ])
  })
})

describe("what is neither gRPC nor an ending passes too", () => {
  test("interim responses come before the final one", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    const { connection, id: above } = await bed.raw.stream()
    connection.send(
      dsl.headers(above, [
        [":status", "103"],
        ["link", "</style.css>"],
      ]),
      dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }),
    )
    await client.end(id)
    expect(client.about(id)[0]).toBe(`HEADERS ${id} :status=103 link=</style.css>`)
  })

  test.for([
    ["HEAD", "200"],
    ["GET", "204"],
    ["GET", "304"],
  ] as const)("%s answered with %s says a length and sends nothing", async ([method, status], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open(dsl.withFields(dsl.request, { ":method": method, "content-type": undefined }), {
      endStream: true,
    })
    const { connection, id: above } = await bed.raw.stream()
    const fields: dsl.Field[] =
      status === "204"
        ? [[":status", status]]
        : [
            [":status", status],
            ["content-length", "1234"],
          ]
    connection.send(dsl.headers(above, fields, { endStream: true }))
    await client.end(id)
    expect(client.about(id)).toEqual([
      `HEADERS ${id} END_STREAM ${fields.map((field) => field.join("=")).join(" ")}`,
    ])
  })

  test("request trailers reach the backend, framing fields taken out", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open()
    client.send(
      dsl.data(id, message("x")),
      dsl.headers(
        id,
        [
          ["x-checksum", "1"],
          ["content-length", "6"],
        ],
        { endStream: true },
      ),
    )
    const { connection, id: above } = await bed.raw.stream()
    await connection.end(above)
    expect(connection.about(above).at(-1)).toBe(`HEADERS ${above} END_STREAM x-checksum=1`)
    connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await client.end(id)
  })
})
