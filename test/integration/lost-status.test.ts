import { describe, expect, type TestContext, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/*
 * How a call ended is the backend's to say, and worth more than the manners in which it says it: what is wrong with a
 * field costs the field, not the status and not the messages that the client has yet to take.
 */

async function start(t: TestContext, settings = {}) {
  const said = new LogLines()
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], log: said.log })
  const client = await bed.rawClient({ settings })
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream()
  const warnings = () => said.lines.filter(({ level }) => level === "warn" || level === "error")
  return { bed, client, id, connection, above, warnings }
}

const shown = (name: string, value: string): string => `${name}=${value}`

/** What a backend says of a field, and what its client is told. */
const fields: [what: string, name: string, said: string, told: string][] = [
  ["a space behind a message", "grpc-message", "not found: ", "not found:"],
  ["a tab before a message", "grpc-message", "\tnot found", "not found"],
  ["a space behind metadata", "x-debug", "a ", "a"],
  ["metadata of blanks alone", "x-debug", " \t ", ""],
  ["LF in a message", "grpc-message", "not\nfound", "not%0Afound"],
  ["CR LF in a message", "grpc-message", "not\r\nfound", "not%0D%0Afound"],
  ["NUL in a message", "grpc-message", "not\0found", "not%00found"],
  ["LF behind metadata", "x-debug", "a\n", "a"],
  ["CR LF in metadata", "x-debug", "a\r\nset-cookie: b", "a  set-cookie: b"],
  ["NUL in metadata", "x-debug", "a\0b", "a b"],
]

describe.each(fields)("%s", (_what, name, said, told) => {
  const ending: dsl.Field[] = [
    ["grpc-status", "5"],
    [name, said],
  ]

  test("in trailers", async (t) => {
    const { bed, client, id, connection, above, warnings } = await start(t)
    const trailers = dsl.headers(above, ending, { endStream: true })
    connection.send(dsl.headers(above, dsl.response), dsl.data(above, "x"), trailers)
    await client.end(id)
    expect(client.about(id).slice(1, 3)).toEqual([
      `DATA ${id} 1`,
      `HEADERS ${id} END_STREAM grpc-status=5 ${shown(name, told)}`,
    ])
    const [record] = await bed.ended()
    expect([record!.status, record!.grpcStatus]).toEqual([200, 5])
    expect(warnings()).toEqual([])
    expect(bed.balancer.counters.get("header_mended")).toBe(1)
  })

  test("in Trailers-Only", async (t) => {
    const { bed, client, id, connection, above, warnings } = await start(t)
    connection.send(dsl.headers(above, [...dsl.response, ...ending], { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toMatch(/END_STREAM :status=200 content-type=application\/grpc grpc-status=5/)
    expect(client.about(id)[0]).toContain(shown(name, told))
    expect((await bed.ended())[0]!.grpcStatus).toBe(5)
    expect(warnings()).toEqual([])
  })

  test("in a head, interim or not", async (t) => {
    const { client, id, connection, above, warnings } = await start(t)
    connection.send(
      dsl.headers(above, [
        [":status", "103"],
        [name, said],
      ]),
      dsl.headers(above, [...dsl.response, [name, said]]),
      dsl.data(above, "x"),
      dsl.headers(above, [["grpc-status", "5"]], { endStream: true }),
    )
    await client.end(id)
    const [interim, head, , trailers] = client.about(id)
    expect(interim).toBe(`HEADERS ${id} :status=103 ${shown(name, told)}`)
    expect(head).toBe(`HEADERS ${id} :status=200 content-type=application/grpc ${shown(name, told)}`)
    expect(trailers).toBe(`HEADERS ${id} END_STREAM grpc-status=5`)
    expect(warnings()).toEqual([])
  })
})

test.for(["5 ", " 5", "\t5\t", "5\n", "5\r\n"])("a grpc-status of %j is 5", async (said, t) => {
  const { bed, client, id, connection, above } = await start(t)
  connection.send(
    dsl.headers(above, dsl.response),
    dsl.headers(above, [["grpc-status", said]], { endStream: true }),
  )
  await client.end(id)
  expect(client.about(id)[1]).toBe(`HEADERS ${id} END_STREAM grpc-status=5`)
  expect((await bed.ended())[0]!.grpcStatus).toBe(5)
})

test("messages that the client has yet to take come whole before a status with a blank", async (t) => {
  const { client, id, connection, above } = await start(t, { INITIAL_WINDOW_SIZE: 10 })
  client.givesCredit = false
  connection.send(
    dsl.headers(above, dsl.response),
    dsl.data(above, Buffer.alloc(16_384)),
    dsl.data(above, Buffer.alloc(16_384)),
    dsl.data(above, Buffer.alloc(40_012 - 32_768)),
    dsl.headers(
      above,
      [
        ["grpc-status", "5"],
        ["grpc-message", "not found: "],
      ],
      { endStream: true },
    ),
  )
  await client.until(() => client.dataOf(id).length === 10, "what the window lets through")
  await client.settled()
  client.givesCredit = true
  client.send(dsl.windowUpdate(id, 40_002))
  await client.end(id)
  expect([client.dataOf(id).length, client.about(id).find((line) => line.includes("grpc-status"))]).toEqual([
    40_012,
    `HEADERS ${id} END_STREAM grpc-status=5 grpc-message=not found:`,
  ])
})

test.for(["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"])(
  "a backend's %s is left out, and costs nothing else",
  async (name, t) => {
    const { client, id, connection, above } = await start(t)
    const field: dsl.Field = [name, "close"]
    connection.send(
      dsl.headers(above, [...dsl.response, field]),
      dsl.headers(above, [["grpc-status", "5"], field], { endStream: true }),
    )
    await client.end(id)
    expect(client.about(id).slice(0, 2)).toEqual([
      `HEADERS ${id} :status=200 content-type=application/grpc`,
      `HEADERS ${id} END_STREAM grpc-status=5`,
    ])
  },
)

describe("a content-length that gRPC has no use for", () => {
  const length: dsl.Field = ["content-length", "12"]
  const status: dsl.Field[] = [["grpc-status", "5"]]

  test("in Trailers-Only is left out", async (t) => {
    const { bed, client, id, connection, above } = await start(t)
    connection.send(dsl.headers(above, [...dsl.response, length, ...status], { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toBe(
      `HEADERS ${id} END_STREAM :status=200 content-type=application/grpc grpc-status=5`,
    )
    expect((await bed.ended())[0]!.grpcStatus).toBe(5)
  })

  test("that the body is short of loses no status", async (t) => {
    const { bed, client, id, connection, above } = await start(t)
    connection.send(
      dsl.headers(above, [...dsl.response, length]),
      dsl.data(above, "short"),
      dsl.headers(above, status, { endStream: true }),
    )
    await client.end(id)
    expect(client.about(id)[2]).toBe(`HEADERS ${id} END_STREAM grpc-status=5`)
    expect((await bed.ended())[0]!.grpcStatus).toBe(5)
  })

  test("of a plain answer still counts: half of it must not look whole", async (t) => {
    const { client, id, connection, above } = await start(t)
    const plain = dsl.withFields(dsl.response, { "content-type": "text/plain" })
    connection.send(dsl.headers(above, [...plain, length], { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=14")
  })
})

describe("a status in the head, and a body or none behind it", () => {
  const head: dsl.Field[] = [...dsl.response, ["grpc-status", "5"], ["grpc-message", "no"]]
  const endings: [string, (id: number) => Buffer, number][] = [
    ["an empty DATA that ends it", (id) => dsl.data(id, "", { endStream: true }), 5],
    ["trailers without a status", (id) => dsl.headers(id, [["x", "y"]], { endStream: true }), 5],
    ["trailers with another", (id) => dsl.headers(id, [["grpc-status", "6"]], { endStream: true }), 6],
  ]

  test.for(endings)("%s: the log says the same as the client is told", async ([, end, expected], t) => {
    const { bed, client, id, connection, above } = await start(t)
    connection.send(dsl.headers(above, head), end(above))
    await client.end(id)
    expect((await bed.ended())[0]!.grpcStatus).toBe(expected)
  })

  test.for(endings)("%s: gRPC-Web's trailers say the same", async ([, end, expected], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      config: (addresses) => ({ clusters: { test: addresses }, bridge: { grpcWeb: true } }),
    })
    bed.raw.onStream = ({ connection, id }) => connection.send(dsl.headers(id, head), end(id))
    const client = await bed.rawClient()
    const web = dsl.withFields(dsl.request, { "content-type": "application/grpc-web+proto", te: undefined })
    const id = client.open(web)
    client.send(dsl.data(id, Buffer.from([0, 0, 0, 0, 0]), { endStream: true }))
    await client.end(id)
    const body = client.dataOf(id)
    expect(body[0]).toBe(0x80)
    expect(body.subarray(5).toString()).toContain(`grpc-status: ${expected}\r\n`)
    if (expected === 5 && body.includes("grpc-message"))
      expect(body.toString()).toContain("grpc-message: no\r\n")
    expect((await bed.ended())[0]!.grpcStatus).toBe(expected)
  })
})

test("a backend that goes on past its window is told of to a client that takes nothing", async (t) => {
  const { client, id, connection, above } = await start(t, { INITIAL_WINDOW_SIZE: 0 })
  client.givesCredit = false
  connection.send(dsl.headers(above, dsl.response))
  for (let i = 0; i < 6; i++) connection.send(dsl.data(above, Buffer.alloc(16_384)))
  await client.end(id)
  expect(client.about(id)[1]).toMatch(
    /END_STREAM grpc-status=14 grpc-message=.*: DATA past the stream window$/,
  )
  expect(dsl.codeOf(await connection.end(above))).toBe(ErrorCode.FLOW_CONTROL_ERROR)
})
