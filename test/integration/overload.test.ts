import { expect, test } from "vitest"
import { GrpcStatus } from "../../src/grpc/status.ts"
import { eventually } from "../support/eventually.ts"
import { statusOf, TestBed } from "../support/test-bed.ts"

test("a stream too many is refused by the limit's name, the one under way goes on, and its end makes room", async (t) => {
  const bed = await TestBed.start(t, { config: { limits: { workerStreamsMax: 1 } } })
  const client = bed.client()
  const chat = client.chat()
  const echoes: string[] = []
  chat.on("data", (message: Buffer) => void echoes.push(message.toString()))
  chat.write(Buffer.from("before"))
  const hasEchoes = (many: number) =>
    eventually(
      () => echoes.length === many,
      () => `${many} echoes: ${echoes.join()}`,
    )
  await hasEchoes(1)

  const refused = await client.unary(Buffer.from("one too many"))
  expect(refused).toMatchObject({
    code: GrpcStatus.RESOURCE_EXHAUSTED,
    details: "workerStreamsMax: 1 streams are open already",
  })
  chat.write(Buffer.from("after"))
  await hasEchoes(2)

  const status = statusOf(chat)
  chat.end()
  expect(await status).toMatchObject({ code: GrpcStatus.OK })
  await bed.ended(2)
  expect(await client.unary(Buffer.from("again"))).toMatchObject({ code: GrpcStatus.OK })

  const [first] = bed.records
  expect(first).toMatchObject({ status: 200, grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED, attempts: [] })
  expect(bed.balancer.snapshot().counters).toMatchObject({ worker_streams_exceeded: 1 })
})

test("a route that answers by itself answers also when no stream is admitted any more", async (t) => {
  const bed = await TestBed.start(t, {
    config: {
      limits: { workerStreamsMax: 1 },
      routes: [{ exact: "/healthz", return: { text: "ok" } }, { cluster: "test" }],
    },
  })
  const chat = bed.client().chat()
  chat.write(Buffer.from("holds the only place"))
  await new Promise((resolve) => chat.once("data", resolve))
  const response = await fetch(`http://127.0.0.1:${bed.port}/healthz`, { headers: { connection: "close" } })
  expect([response.status, await response.text()]).toEqual([200, "ok"])
  const status = statusOf(chat)
  chat.end()
  await status
})
