import { describe, expect, type TestContext, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
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
    ["HTTP", [...plain, ...many], ":status=431 content-length=0"],
  ] as [string, dsl.Field[], string][])("%s", async ([what, fields, expected], t) => {
    const limits = what.includes("large") ? { headerListOctets: 1024 } : {}
    const bed = await TestBed.start(t, { config: { limits } })
    const client = await bed.rawClient()
    const id = client.open(fields)
    await client.end(id)
    expect(client.about(id)).toEqual([expect.stringContaining(expected), `RST_STREAM ${id} NO_ERROR`])
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
  const expected =
    /grpc-status=8 grpc-message=cluster test, endpoint .*: answered with a header list of 12\d\d\d octets, the client takes 8192/

  test.for([
    ["in a head", dsl.headers(1, [...dsl.response, large])],
    ["in trailers alone", dsl.headers(1, [...dsl.response, ...dsl.okTrailers, large], { endStream: true })],
    [
      "in trailers",
      Buffer.concat([
        dsl.headers(1, dsl.response),
        dsl.data(1, "x"),
        dsl.headers(1, [...dsl.okTrailers, large], { endStream: true }),
      ]),
    ],
  ] as const)("%s: the call fails, and its neighbours go on", async ([, answer], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient({ settings: { MAX_HEADER_LIST_SIZE: 8192 } })
    const id = client.open()
    const { connection } = await bed.raw.stream()
    connection.send(answer)
    await client.end(id)
    expect(client.about(id).join()).toMatch(expected)
    expect(client.about(id).join()).not.toContain("x-large")
    bed.raw.onStream = answerOk
    const next = client.open(dsl.request, { endStream: true })
    await client.end(next)
    expect(client.about(next).at(-1)).toContain("grpc-status=0")
  })

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
