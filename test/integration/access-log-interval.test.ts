import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { testDirectory } from "../support/sluice-process.ts"
import { TestBed } from "../support/test-bed.ts"

const MESSAGE = Buffer.from([0, 0, 0, 0, 1, 7])

test("a stream leaves a record as it begins, one an interval, and one at its end", async (t) => {
  const path = join(testDirectory(t), "access.log")
  const clock = new ManualClock()
  const template = "$stream_event $request_uri $grpc_messages_sent $grpc_status"
  const bed = await TestBed.start(t, {
    backends: [await RawServer.start()],
    clock,
    config: { accessLog: { path, template }, accessLogInterval: "5m" },
  })
  const client = await bed.rawClient()
  const id = client.open()
  await eventually(
    () => bed.raw.streams.length === 1,
    () => "the stream is at the backend",
  )
  const [stream] = bed.raw.streams
  const lines = (): string[] => readFileSync(path, "latin1").split("\n").slice(0, -1)
  // A line is written a moment after it is made.
  const has = (many: number): Promise<void> =>
    eventually(
      () => {
        clock.advance(1)
        return lines().length === many
      },
      () => `${many} lines: ${lines().join("; ")}`,
    )
  await has(1)
  stream!.connection.send(dsl.headers(stream!.id, dsl.response), dsl.data(stream!.id, MESSAGE))
  await client.until(() => client.dataOf(id).length > 0, "the message")
  await bed.pass(290_000, client, stream!.connection)
  expect(lines()).toHaveLength(1)
  await bed.pass(15_000, client, stream!.connection)
  await has(2)
  stream!.connection.send(
    dsl.data(stream!.id, MESSAGE),
    dsl.headers(stream!.id, dsl.okTrailers, { endStream: true }),
  )
  await client.end(id)
  await has(3)
  await bed.pass(600_000)
  const { path: called } = bed.records[0]!
  expect(lines()).toEqual([`start ${called} 0 -`, `alive ${called} 1 -`, `end ${called} 2 0`])
})

test("without an interval there is one line", async (t) => {
  const path = join(testDirectory(t), "access.log")
  const bed = await TestBed.start(t, { config: { accessLog: path } })
  await bed.client().unary(Buffer.from("x"))
  await bed.ended()
  const line = (): string => readFileSync(path, "latin1")
  await eventually(
    () => line() !== "",
    () => "the line",
  )
  // The default format has what a gRPC stream is known by.
  expect(line()).toMatch(
    /^127\.0\.0\.1 \[\S+\] "\/test\.Echo\/Unary" 200 0 "OK" [\d.]+ 1\/1 \d+\/\d+ 127\.0\.0\.1:\d+ end\n$/,
  )
})
