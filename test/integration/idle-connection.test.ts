import { expect, test } from "vitest"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

test("a connection with a short call now and then is not idle, though no stream is open when it is looked at", async (t) => {
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock: new ManualClock() })
  bed.raw.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  const client = await bed.rawClient()
  for (let calls = 1; calls <= 20; calls++) {
    await client.end(client.open(dsl.request, { endStream: true }))
    await bed.ended(calls)
    await bed.pass(10_000, client, ...bed.raw.connections)
  }
  expect(client.about(0).filter((frame) => frame.includes("GOAWAY"))).toEqual([])
  client.destroy()
})
