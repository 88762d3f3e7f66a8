import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { statusOf, TestBed } from "../support/test-bed.ts"

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

describe("grpc-timeout", () => {
  test("is enforced here: DEADLINE_EXCEEDED to the client, CANCEL to the backend, on time and not before", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    const id = client.open([...dsl.request, ["grpc-timeout", "2S"]])
    const { connection, id: above, fields } = await bed.raw.stream()
    expect(fields).toContainEqual(["grpc-timeout", "2S"])
    clock.advance(1999)
    await client.settled()
    expect(client.about(id)).toEqual([])
    clock.advance(10)
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=4 grpc-message=the deadline of 2000 ms passed")
    expect(dsl.codeOf(await connection.end(above))).toBe(ErrorCode.CANCEL)
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 4 })
  })

  test("after the head: trailers", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    const id = client.open([...dsl.request, ["grpc-timeout", "500m"]], { endStream: true })
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.data(above, "x"))
    await client.until(() => client.dataOf(id).length === 1, "DATA")
    clock.advance(600)
    const end = await client.end(id)
    expect(end.fields[0]).toEqual(["grpc-status", "4"])
    expect(client.about(id)).toHaveLength(3)
  })

  test.for([
    ["", "malformed"],
    ["1", "1"],
    ["S", "S"],
    ["123456789S", "123456789S"],
    ["5s", "5s"],
    ["-1S", "-1S"],
  ] as const)("%j is refused with INVALID_ARGUMENT before any backend sees it", async ([text], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    const id = client.open([...dsl.request, ["grpc-timeout", text]])
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=3 grpc-message=malformed grpc-timeout")
    expect(bed.raw.streams).toHaveLength(0)
    expect(bed.balancer.counters.get("grpc_timeout_malformed")).toBe(1)
  })

  test("the longest there is, 99999999 hours, is no timer that fires at once", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    const id = client.open([...dsl.request, ["grpc-timeout", "99999999H"]], { endStream: true })
    const stream = await bed.raw.stream()
    clock.advance(3_000)
    await client.settled()
    expect(client.about(id)).toEqual([])
    answerOk(stream)
    await client.end(id)
  })

  test("it runs while a stream waits for a connection, too", async (t) => {
    const clock = new ManualClock()
    const backend = await RawServer.start()
    backend.holdsSettings = true
    const bed = await TestBed.start(t, { backends: [backend], clock })
    const client = await bed.rawClient()
    const id = client.open([...dsl.request, ["grpc-timeout", "1S"]])
    await eventually(
      () => backend.connections.length === 1,
      () => "a connection",
    )
    clock.advance(1_100)
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=4")
  })

  test("a call that ends in time leaves no timer behind", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { clock })
    const metadata = new grpc.Metadata()
    const call = bed.client().chat(metadata, { deadline: Date.now() + 60_000 })
    call.end()
    expect((await statusOf(call)).code).toBe(0)
  })
})

describe("timeouts that are written, and only those", () => {
  const silent = async (t: TestContext, config: object) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock, config })
    const client = await bed.rawClient()
    const id = client.open()
    const stream = await bed.raw.stream()
    stream.connection.send(dsl.headers(stream.id, dsl.response))
    await client.head(id)
    return { clock, bed, client, id, stream }
  }

  test("none written: ten minutes of silence, and the stream is alive", async (t) => {
    const { bed, client, id, stream } = await silent(t, {})
    await bed.pass(600_000, client, stream.connection)
    expect(client.about(id)).toHaveLength(1)
    // Nor does it cost anything: a stream that waits for nothing has no deadline.
    expect(bed.balancer.snapshot().deadlines).toBe(0)
    client.send(dsl.data(id, "after ten minutes", { endStream: true }))
    await stream.connection.end(stream.id)
    stream.connection.send(
      dsl.data(stream.id, "still here"),
      dsl.headers(stream.id, dsl.okTrailers, { endStream: true }),
    )
    await client.end(id)
    expect(client.dataOf(id).toString()).toBe("still here")
  })

  test.for([
    ["readTimeout", "the backend", "grpc-status=14", "sent nothing for 30000 ms (grpc_read_timeout)"],
    [
      "bodyTimeout",
      "the client",
      "grpc-status=1",
      "the client sent nothing for 30000 ms (client_body_timeout)",
    ],
  ] as const)("%s cuts at 30 s of silence from %s, not before", async ([name, , status, cause], t) => {
    const { clock, client, id, stream } = await silent(t, { [name]: "30s" })
    clock.advance(29_000)
    await client.settled()
    expect(client.about(id)).toHaveLength(1)
    // A word from the side that is watched, and time begins anew.
    if (name === "readTimeout") {
      stream.connection.send(dsl.data(stream.id, "x"))
      await client.until(() => client.dataOf(id).length === 1, "DATA")
    } else {
      client.send(dsl.data(id, "x"))
      await stream.connection.until(() => stream.connection.dataOf(stream.id).length === 1, "DATA")
    }
    clock.advance(29_000)
    await client.settled()
    expect(client.about(id).join()).not.toContain("grpc-status")
    clock.advance(1_500)
    await client.end(id)
    expect(client.about(id).join()).toContain(status)
    expect(client.about(id).join()).toContain(cause)
    expect(dsl.codeOf(await stream.connection.end(stream.id))).toBe(ErrorCode.CANCEL)
  })

  test("bodyTimeout is not put down as the endpoint's", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      clock,
      config: { bodyTimeout: "30s" },
    })
    const client = await bed.rawClient()
    const id = client.open()
    await bed.raw.stream()
    clock.advance(31_000)
    await client.end(id)
    const [record] = await bed.ended()
    expect(record).toMatchObject({ grpcStatus: 1, attempts: [{ status: 0 }] })
  })

  test.for([
    ["before the head counts against the endpoint", false],
    ["after it does not: whoever keeps a stream silent would have every endpoint left out", true],
  ] as const)("readTimeout %s", async ([, hasHead], t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      clock,
      config: { readTimeout: "30s" },
    })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    const { connection, id: above } = await bed.raw.stream()
    if (hasHead) {
      connection.send(dsl.headers(above, dsl.response))
      await client.head(id)
    }
    clock.advance(31_000)
    await client.end(id)
    expect(client.about(id).join()).toContain("sent nothing for 30000 ms (grpc_read_timeout)")
    expect(bed.balancer.snapshot().clusters[0]!.endpoints[0]!.isEjected).toBe(!hasHead)
  })

  test("readTimeout before the head: what may be repeated goes to another endpoint, on its condition", async (t) => {
    const clock = new ManualClock()
    const backends = [await RawServer.start(), await RawServer.start()]
    const bed = await TestBed.start(t, { backends, clock, config: { readTimeout: "30s" } })
    const client = await bed.rawClient()
    const id = client.open(dsl.withFields(dsl.request, { ":method": "GET", "content-type": undefined }), {
      endStream: true,
    })
    await eventually(
      () => backends.some(({ streams }) => streams.length === 1),
      () => "a stream",
    )
    const second = backends.find(({ streams }) => streams.length === 0)!
    clock.advance(31_000)
    const { connection, id: above } = await second.stream()
    connection.send(dsl.headers(above, [[":status", "200"]], { endStream: true }))
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    expect((await bed.ended())[0]!.attempts.map(({ status }) => status)).toEqual([504, 200])
  })

  test("sendTimeout cuts when the backend takes nothing of what waits for it", async (t) => {
    const { clock, client, id, stream } = await silent(t, { sendTimeout: "30s" })
    stream.connection.givesCredit = false
    for (let sent = 0; sent < 100_000; sent += 10_000) client.send(dsl.data(id, Buffer.alloc(10_000)))
    await stream.connection.until(
      () => stream.connection.dataOf(stream.id).length === 65_535,
      "a full window",
    )
    await client.settled()
    for (let second = 0; second < 50; second++) clock.advance(1_000)
    await client.end(id)
    expect(client.about(id).join()).toContain("took nothing for 30000 ms (grpc_send_timeout)")
  })

  test("connectTimeout: a backend that accepts and says nothing", async (t) => {
    const clock = new ManualClock()
    const backend = await RawServer.start()
    backend.holdsSettings = true
    const bed = await TestBed.start(t, { backends: [backend], clock, config: { connectTimeout: "3s" } })
    const client = await bed.rawClient()
    const id = client.open()
    await eventually(
      () => backend.connections.length === 1,
      () => "a connection",
    )
    clock.advance(3_100)
    await client.end(id)
    expect(client.about(id)[0]).toMatch(
      /grpc-status=14 grpc-message=cluster test, endpoint .*: no connection within 3000 ms/,
    )
  })

  test("maxBodySize counts the whole stream: RESOURCE_EXHAUSTED past it", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config: { maxBodySize: 100 } })
    const client = await bed.rawClient()
    const id = client.open()
    client.send(dsl.data(id, Buffer.alloc(60)), dsl.data(id, Buffer.alloc(60)))
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=8")
    expect(client.about(id)[0]).toContain("client_max_body_size")
  })
})
