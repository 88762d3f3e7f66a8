import { describe, expect, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/** Which endpoints are out, in order. */
const ejected = (bed: TestBed): boolean[] =>
  bed.balancer.snapshot().clusters[0]!.endpoints.map(({ isEjected }) => isEjected)

async function answering(status: string): Promise<RawServer> {
  const backend = await RawServer.start()
  const head = dsl.withFields(dsl.response, { ":status": status })
  backend.onStream = ({ connection, id }) => connection.send(dsl.headers(id, head, { endStream: true }))
  return backend
}

describe("what counts against an endpoint", () => {
  const primaryAndBackup = ([a, b]: string[]): Partial<SluiceYaml> => ({
    clusters: {
      test: {
        endpoints: [
          { address: a!, maxFails: 3 },
          { address: b!, backup: true },
        ],
      },
    },
  })

  test.for<[status: string, counts: boolean]>([
    ["403", false],
    ["404", false],
    ["429", true],
    ["503", true],
  ])("status %s, for which another endpoint is asked: %s", async ([status, counts], t) => {
    const bed = await TestBed.start(t, {
      backends: [await answering(status), await answering("200")],
      config: { retry: { on: ["http_403", "http_404", "http_429", "http_503", "non_idempotent"] } },
    })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    expect(bed.backends.map((backend) => (backend as RawServer).streams.length)).toEqual([1, 1])
    expect(ejected(bed)).toEqual([counts, false])
  })

  const { CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } = ErrorCode

  test.for<[what: string, counts: boolean, goodbye: ((id: number) => Buffer) | null]>([
    ["without a word", true, null],
    ["after GOAWAY(NO_ERROR)", false, (id) => dsl.goaway(id)],
    ["after a GOAWAY that shuts out nobody yet", false, () => dsl.goaway(2 ** 31 - 1)],
    ["after GOAWAY(INTERNAL_ERROR)", true, (id) => dsl.goaway(id, INTERNAL_ERROR)],
    ["after GOAWAY(NO_ERROR), then one that says what is wrong", true, goodbyeThenError],
    ["for our PINGs", false, (id) => dsl.goaway(id, ENHANCE_YOUR_CALM, "too_many_pings")],
    ["for something else that is too much", true, (id) => dsl.goaway(id, ENHANCE_YOUR_CALM, "flood")],
  ])("a connection that is closed with a stream open, %s: %s", async ([, counts, goodbye], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start(), await answering("200")] })
    const client = await bed.rawClient()
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response))
    await client.head(id)
    if (goodbye !== null) connection.send(goodbye(above))
    await connection.settled()
    connection.socket.end()
    expect((await client.end(id)).fields).toContainEqual(["grpc-status", "14"])
    expect(ejected(bed)).toEqual([counts, false])
  })

  function goodbyeThenError(id: number): Buffer {
    return Buffer.concat([dsl.goaway(id), dsl.goaway(id, INTERNAL_ERROR)])
  }

  test("a backend that ages its connections stays in use, streams that outlive those notwithstanding", async (t) => {
    const backends = [await RawServer.start(), await answering("200")]
    const bed = await TestBed.start(t, { backends })
    const client = await bed.rawClient()
    const old = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.goaway(above))
    await client.head(old)
    connection.socket.end()
    await client.end(old)
    bed.raw.onStream = (stream) =>
      stream.connection.send(dsl.headers(stream.id, dsl.response, { endStream: true }))
    for (let i = 0; i < 20; i++) await client.end(client.open(dsl.request, { endStream: true }))
    expect(backends.map(({ streams }) => streams.length)).toEqual([11, 10])
  })

  test("many streams lost with one connection are one failure", async (t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
    })
    const client = await bed.rawClient()
    const ids = Array.from({ length: 5 }, () => client.open())
    await bed.raw.stream(4)
    bed.raw.connections[0]!.destroy()
    for (const id of ids) await client.end(id)
    expect(ejected(bed)).toEqual([false, false])
  })

  const retrying = { retry: { on: ["invalid_header", "non_idempotent"] } } satisfies Partial<SluiceYaml>

  test.for<[code: string, counts: boolean, frame: (id: number) => Buffer]>([
    ["INTERNAL_ERROR", true, (id) => dsl.rstStream(id, INTERNAL_ERROR)],
    ["PROTOCOL_ERROR", true, (id) => dsl.rstStream(id, PROTOCOL_ERROR)],
    ["ENHANCE_YOUR_CALM", true, (id) => dsl.rstStream(id, ENHANCE_YOUR_CALM)],
    // These say that the stream is not wanted, and nothing of the endpoint.
    ["CANCEL", false, (id) => dsl.rstStream(id, CANCEL)],
    ["NO_ERROR", false, (id) => dsl.rstStream(id, NO_ERROR)],
    ["a head without a status", true, (id) => dsl.headers(id, [["x-a", "b"]])],
  ])("%s before the head, for which another endpoint is asked: %s", async ([, counts, frame], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: retrying,
    })
    bed.raw.onStream = ({ connection, id }) => connection.send(frame(id))
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    expect((await bed.ended())[0]!.attempts.map(({ status }) => status)).toEqual([502, 200])
    expect(ejected(bed)).toEqual([counts, false])
  })

  test.for<[what: string, frame: (id: number) => Buffer]>([
    ["RST_STREAM", (id) => dsl.rstStream(id, INTERNAL_ERROR)],
    ["trailers that do not end the stream", (id) => dsl.headers(id, [["grpc-status", "0"]])],
  ])("%s after the head counts for nothing", async ([, frame], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: retrying,
    })
    bed.raw.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response), frame(id))
    const client = await bed.rawClient()
    const id = client.open()
    await client.end(id)
    expect(ejected(bed)).toEqual([false, false])
  })

  test("each call that is refused a connection, those refused before the next may be tried among them", async (t) => {
    const lines = new LogLines()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
      clock: new ManualClock(),
      log: lines.log,
    })
    await bed.raw.close()
    const client = await bed.rawClient()
    for (let i = 0; i < 6; i++) await client.end(client.open(dsl.request, { endStream: true }))
    expect((await bed.ended(6)).map(({ attempts }) => attempts.length)).toEqual([2, 2, 2, 1, 1, 1])
    expect(lines.saying("endpoint is out")).toHaveLength(1)
  })

  test.for([
    [2, false],
    [3, true],
  ] as const)("each of %i calls that wait for one connection: %s", async ([many, isOut], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
      clock: new ManualClock(),
    })
    bed.raw.holdsSettings = true
    const client = await bed.rawClient()
    const ids = Array.from({ length: many }, () => client.open(dsl.request, { endStream: true }))
    await eventually(
      () =>
        bed.balancer.snapshot().clusters[0]!.endpoints[0]!.waiting === many &&
        bed.raw.connections.length === 1,
      () => "all wait for one connection",
    )
    await bed.raw.close()
    for (const id of ids) await client.end(id)
    expect(ejected(bed)).toEqual([isOut, false])
  })
})
