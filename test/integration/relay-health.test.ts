import { describe, expect, test } from "vitest"
import * as dsl from "../support/frame-dsl.ts"
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
})
