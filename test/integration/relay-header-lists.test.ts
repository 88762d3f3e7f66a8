import { describe, expect, type TestContext, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const plain = dsl.withFields(dsl.request, { "content-type": undefined, te: undefined, ":method": "GET" })

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

describe("more headers than are allowed", () => {
  const many = Array.from({ length: 129 }, (_, i): dsl.Field => [`x-${i}`, ""])
  test.for([
    [
      "gRPC, too many",
      [...dsl.request, ...many],
      "grpc-status=8 grpc-message=the request's header list is larger than headerFieldsMax (128 fields)",
    ],
    [
      "gRPC, too large",
      [...dsl.request, ["x", "y".repeat(1200)]],
      "grpc-status=8 grpc-message=the request's header list is larger than headerListOctets (1024 octets)",
    ],
    ["HTTP", [...plain, ...many], ":status=400 content-type=text/html"],
    [
      "gRPC, encoded in more than a header list may have octets",
      [...dsl.request, ["x", "y".repeat(70_000)]],
      "grpc-status=8 grpc-message=the request's header list is larger than headerListOctets (65536 octets)",
    ],
    [
      "the same, of 250 kB and its content-type last",
      [
        ...dsl.withFields(dsl.request, { "content-type": undefined }),
        ["x", "y".repeat(250_000)],
        ["content-type", "application/grpc"],
      ],
      "grpc-status=8 grpc-message=the request's header list is larger than headerListOctets (65536 octets)",
    ],
    ["HTTP, the same", [...plain, ["x", "y".repeat(70_000)]], ":status=400 content-type=text/html"],
  ] as [string, dsl.Field[], string][])("%s", async ([what, fields, expected], t) => {
    const limits = what.includes("too large") ? { headerListOctets: 1024 } : {}
    const bed = await TestBed.start(t, { config: { limits } })
    const client = await bed.rawClient()
    const id = client.open(fields)
    await client.until(() => client.about(id).at(-1) === `RST_STREAM ${id} NO_ERROR`, "RST_STREAM")
    expect(client.about(id)[0]).toContain(expected)
    const [record] = await bed.ended()
    expect([record!.status, record!.grpcStatus]).toEqual(what.includes("HTTP") ? [400, -1] : [200, 8])
    expect((await bed.client().unary(Buffer.from("x"))).code).toBe(0)
    const next = client.open()
    client.send(dsl.data(next, "", { endStream: true }))
    await client.end(next)
    expect(client.about(next).at(-1)).toContain("grpc-status=0")
  })
})

describe("more headers than the backend takes (SETTINGS_MAX_HEADER_LIST_SIZE)", () => {
  const large: dsl.Field = ["x-large", "x".repeat(12_000)]

  const fussy = async (t: TestContext) => {
    const backends = [await RawServer.start(), await RawServer.start()]
    for (const backend of backends) backend.options = { settings: { MAX_HEADER_LIST_SIZE: 8192 } }
    const bed = await TestBed.start(t, { backends })
    return { bed, backends, client: await bed.rawClient() }
  }

  test("the head is not sent to it, nor to others after it", async (t) => {
    const { backends, client } = await fussy(t)
    const id = client.open([...dsl.request, large])
    await client.end(id)
    expect(client.about(id)[0]).toMatch(
      /grpc-status=8 grpc-message=cluster test, endpoint .*: takes header lists of 8192 octets, this one has 12\d\d\d/,
    )
    expect(backends.map(({ streams }) => streams.length)).toEqual([0, 0])
  })

  test("nor are trailers, and the call is taken back", async (t) => {
    const { backends, client } = await fussy(t)
    const id = client.open()
    await eventually(
      () => backends.some(({ streams }) => streams.length === 1),
      () => "a stream",
    )
    client.send(dsl.headers(id, [large], { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toContain("takes header lists of 8192 octets")
    const { connection, id: above } = backends.flatMap(({ streams }) => streams)[0]!
    expect(dsl.codeOf(await connection.end(above))).toBe(ErrorCode.CANCEL)
  })
})

describe("more headers than the client takes (SETTINGS_MAX_HEADER_LIST_SIZE)", () => {
  const large: dsl.Field = ["x-large", "x".repeat(12_000)]
  const notFound: dsl.Field[] = [
    ["grpc-status", "5"],
    ["grpc-message", "no such document"],
    ["x-small", "1"],
  ]

  test("in a head: the call fails, and its neighbours go on", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient({ settings: { MAX_HEADER_LIST_SIZE: 8192 } })
    const id = client.open()
    const { connection } = await bed.raw.stream()
    connection.send(dsl.headers(1, [...dsl.response, large]))
    await client.end(id)
    expect(client.about(id).join()).toMatch(
      /grpc-status=8 grpc-message=cluster test, endpoint .*: answered with a header list of 12\d\d\d octets, the client takes 8192/,
    )
    expect(client.about(id).join()).not.toContain("x-large")
    bed.raw.onStream = answerOk
    const next = client.open(dsl.request, { endStream: true })
    await client.end(next)
    expect(client.about(next).at(-1)).toContain("grpc-status=0")
  })

  test.for([
    ["in trailers alone", dsl.headers(1, [...dsl.response, ...notFound, large], { endStream: true })],
    [
      "in trailers",
      Buffer.concat([
        dsl.headers(1, dsl.response),
        dsl.data(1, "x"),
        dsl.headers(1, [large, ...notFound], { endStream: true }),
      ]),
    ],
  ] as const)(
    "%s: the status is kept, what is too large left out, and the log says so",
    async ([, answer], t) => {
      const said = new LogLines()
      const bed = await TestBed.start(t, { backends: [await RawServer.start()], log: said.log })
      const client = await bed.rawClient({ settings: { MAX_HEADER_LIST_SIZE: 8192 } })
      const id = client.open()
      const { connection } = await bed.raw.stream()
      connection.send(answer)
      await client.end(id)
      expect(client.about(id).join()).toContain("grpc-status=5 grpc-message=no such document x-small=1")
      expect(client.about(id).join()).not.toContain("x-large")
      const [record] = await bed.ended()
      expect([record!.grpcStatus, record!.grpcMessage]).toEqual([5, "no such document"])
      expect(said.saying("trailers are cut to what their client takes")).toMatchObject([
        {
          client: "127.0.0.1",
          from: `cluster test, endpoint 127.0.0.1:${bed.raw.port}`,
          most: 8192,
          grpcStatus: "5",
        },
      ])
    },
  )

  test("in a 1xx: it is left out, and the call goes on", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient({ settings: { MAX_HEADER_LIST_SIZE: 8192 } })
    const id = client.open()
    const { connection } = await bed.raw.stream()
    const small: dsl.Field = ["link", "</a>"]
    connection.send(
      dsl.headers(1, [[":status", "103"], large]),
      dsl.headers(1, [[":status", "103"], small]),
      dsl.headers(1, [...dsl.response, ...dsl.okTrailers], { endStream: true }),
    )
    await client.end(id)
    const heads = client.about(id).filter((line) => line.startsWith("HEADERS"))
    expect(heads.map((line) => /:status=(\d+)/.exec(line)![1])).toEqual(["103", "200"])
    expect(heads[0]).toContain("link=</a>")
  })
})

describe("more headers from a backend than are kept", () => {
  const status: dsl.Field[] = [
    ["grpc-status", "5"],
    ["grpc-message", "no such document"],
  ]
  const many = (fields: number): dsl.Field[] => Array.from({ length: fields }, (_, i) => [`x-${i}`, "1"])
  const endless = "m".repeat(70_000)
  /** Neighbours on the same connection, which must not notice. */
  const start = async (t: TestContext) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const [client, neighbour] = [await bed.rawClient(), await bed.rawClient()]
    const chats = [neighbour.open(), neighbour.open(), neighbour.open()]
    await bed.raw.stream(2)
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream(3)
    const untouched = async (): Promise<void> => {
      for (const [at, chat] of chats.entries()) {
        answerOk(bed.raw.streams[at]!)
        await neighbour.end(chat)
        expect(neighbour.about(chat).join()).toContain("grpc-status=0")
      }
      expect(bed.raw.connections.length).toBe(1)
    }
    return { bed, client, id, connection, above, untouched }
  }

  test.for([
    [
      "150 fields: all of them pass",
      [...status, ...many(150)],
      /grpc-status=5 grpc-message=no such document x-0=1 .* x-149=1$/,
    ],
    [
      "2,000 fields behind the status",
      [...status, ...many(2000)],
      /grpc-status=5 grpc-message=no such document x-0=1 /,
    ],
    [
      "2,000 fields before it",
      [...many(2000), ...status],
      / x-900=1.*grpc-status=5 grpc-message=no such document$/,
    ],
    [
      "70 kB of details",
      [...status, ["grpc-status-details-bin", endless]],
      /grpc-status=5 grpc-message=no such document$/,
    ],
    [
      "70 kB of details before it",
      [["grpc-status-details-bin", endless], ...status],
      /grpc-status=5 grpc-message=no such document$/,
    ],
    [
      "a message of 70 kB",
      [
        ["grpc-status", "5"],
        ["grpc-message", endless],
      ],
      /grpc-status=5 grpc-message=m{1024}$/,
    ],
    ["900 kB", [["x-a", "a".repeat(900_000)], ...status], /grpc-status=5 grpc-message=no such document$/],
  ] as [string, dsl.Field[], RegExp][])(
    "trailers of %s: the status comes, and no neighbour notices",
    async ([, trailers, expected], t) => {
      const { bed, client, id, connection, above, untouched } = await start(t)
      connection.send(
        dsl.headers(above, dsl.response),
        dsl.data(above, "x"),
        dsl.headersInPieces(above, trailers, { endStream: true }),
      )
      await client.end(id)
      expect([client.dataOf(id).toString(), client.about(id).slice(2)]).toEqual([
        "x",
        [expect.stringMatching(expected), `RST_STREAM ${id} NO_ERROR`],
      ])
      expect((await bed.ended())[0]!.grpcStatus).toBe(5)
      await untouched()
    },
  )

  test("Trailers-Only too", async (t) => {
    const { client, id, connection, above, untouched } = await start(t)
    const fields: dsl.Field[] = [...dsl.response, ["x-large", endless], ...status]
    connection.send(dsl.headersInPieces(above, fields, { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toMatch(
      /END_STREAM :status=200 content-type=application\/grpc grpc-status=5 grpc-message=no such document$/,
    )
    await untouched()
  })

  test("a head that is not all: the call fails, and no neighbour notices", async (t) => {
    const { client, id, connection, above, untouched } = await start(t)
    connection.send(dsl.headersInPieces(above, [...dsl.response, ["x-large", endless]]))
    await client.end(id)
    expect(client.about(id)[0]).toMatch(/grpc-status=14 grpc-message=.*: the header list is too large$/)
    await untouched()
  })

  test("an interim head is left out, and the call goes on", async (t) => {
    const { client, id, connection, above, untouched } = await start(t)
    connection.send(
      dsl.headersInPieces(above, [
        [":status", "103"],
        ["link", endless],
      ]),
      dsl.headers(above, [...dsl.response, ...status], { endStream: true }),
    )
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    await untouched()
  })

  test("what refers to the table afterwards is read right", async (t) => {
    const { bed, client, id, connection, above, untouched } = await start(t)
    // In the block that is too large `x-late: kept` gets into the table; the next answer refers to it.
    const insert = Buffer.concat([
      Buffer.from([0x40, 6]),
      Buffer.from("x-late"),
      Buffer.from([4]),
      Buffer.from("kept"),
    ])
    const block = Buffer.concat([
      dsl.headerBlock([...dsl.response, ["x-large", "x".repeat(66_000)], ...status]),
      insert,
    ])
    connection.send(dsl.headers(above, block.subarray(0, 16_384), { endStream: true, endHeaders: false }))
    for (let at = 16_384; at < block.length; at += 16_384)
      connection.send(dsl.continuation(above, block.subarray(at, at + 16_384), at + 16_384 >= block.length))
    await client.end(id)
    const next = client.open(dsl.request, { endStream: true })
    const { id: nextAbove } = await bed.raw.stream(4)
    const referring = Buffer.concat([
      dsl.headerBlock([...dsl.response, ...dsl.okTrailers]),
      Buffer.from([0xbe]),
    ])
    connection.send(dsl.headers(nextAbove, referring, { endStream: true }))
    await client.end(next)
    expect(client.about(next)[0]).toMatch(/x-late=kept$/)
    await untouched()
  })
})
