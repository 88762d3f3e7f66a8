import { describe, expect, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
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
