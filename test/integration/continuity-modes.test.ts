import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import { PartialBackend, textOf, withText } from "../support/partial-backend.ts"
import { EchoBackend, type EchoClient, TestBed } from "../support/test-bed.ts"

type Continuity = NonNullable<SluiceYaml["continuity"]>

/** A stream, and what came of it. */
class Stream {
  readonly got: string[] = []
  status: grpc.StatusObject | null = null
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>

  constructor(client: EchoClient, read: (message: Buffer) => string) {
    this.#call = client.chat()
    this.#call.on("data", (message: Buffer) => this.got.push(read(message)))
    this.#call.on("status", (status) => (this.status = status))
    this.#call.on("error", () => {})
  }

  send(message: Buffer | string): void {
    this.#call.write(Buffer.from(message))
  }

  end(): void {
    this.#call.end()
  }

  async has(messages: number): Promise<void> {
    await eventually(
      () => this.got.length >= messages,
      () => `${messages} messages; there are ${this.got.join(" ")}, status ${JSON.stringify(this.status)}`,
    )
  }

  async over(): Promise<grpc.StatusObject> {
    await eventually(
      () => this.status !== null,
      () => `the stream is over; it got ${this.got.join(" ")}`,
    )
    return this.status!
  }
}

describe("cursor: a stream goes on from its last resume token", () => {
  async function bedOf(t: TestContext, continuity: Continuity, tokenEvery = 3) {
    const backends = ["a", "b"].map((name) => new PartialBackend({ name, many: 8, tokenEvery }))
    for (const backend of backends) await backend.start()
    const bed = await TestBed.start(t, { backends: backends as never, config: { continuity } })
    const stream = new Stream(bed.client(), (message) => textOf(message, 2))
    stream.send(withText(Buffer.alloc(0), 3, "SELECT"))
    stream.end()
    /** The backend that has the stream, once one has it. */
    const serving = async (): Promise<PartialBackend> => {
      await eventually(
        () => backends.some((one) => one.isServing),
        () => `a backend has the stream; ${JSON.stringify(stream.status)}`,
      )
      return backends.find((one) => one.isServing)!
    }
    return { bed, stream, serving }
  }

  const results = (many: number): string[] => Array.from({ length: many }, (_, at) => `r${at + 1}`)

  test("what came after the token is held, and comes once", async (t) => {
    const { bed, stream, serving } = await bedOf(t, "spanner")
    const first = await serving()
    first.giveUntil(5)
    await stream.has(3)
    expect(textOf(first.requests[0]!, 6)).toBe("")
    await first.close()
    const second = await serving()
    expect(second).not.toBe(first)
    expect([textOf(second.requests[0]!, 3), textOf(second.requests[0]!, 6)]).toEqual(["SELECT", "3"])
    second.giveUntil(8)
    expect((await stream.over()).code).toBe(grpc.status.OK)
    expect(stream.got).toEqual(results(8))
    const [record] = await bed.ended()
    expect(record!.continuity).toMatchObject({ legs: 2, gaps: 1 })
    expect(record!.responseMessages).toBe(8)
  })

  test("before the first token it begins anew", async (t) => {
    const { stream, serving } = await bedOf(t, "spanner")
    const first = await serving()
    first.giveUntil(2)
    first.fail(grpc.status.UNAVAILABLE)
    const second = await serving()
    expect(textOf(second.requests.at(-1)!, 6)).toBe("")
    second.giveUntil(8)
    expect((await stream.over()).code).toBe(grpc.status.OK)
    expect(stream.got).toEqual(results(8))
  })

  test("more than is held goes to the client, and the stream cannot go on before the next token", async (t) => {
    const continuity: Continuity = { mode: "cursor", from: "4", into: "6", hold: "20" }
    const { stream, serving } = await bedOf(t, continuity, 6)
    const first = await serving()
    first.giveUntil(5)
    await stream.has(5)
    await first.close()
    expect((await stream.over()).code).toBe(grpc.status.UNAVAILABLE)
    expect(stream.got).toEqual(results(5))
  })

  test("a status that the route does not list is an answer", async (t) => {
    const { stream, serving } = await bedOf(t, "spanner")
    const first = await serving()
    first.giveUntil(4)
    await stream.has(3)
    first.fail(grpc.status.ABORTED)
    expect(await stream.over()).toMatchObject({
      code: grpc.status.ABORTED,
      details: "said by the backend",
    })
    expect(stream.got).toEqual(results(4))
  })
})

describe("replay: all requests are sent again, and all answers held against those before", () => {
  /** A server of running sums from `from` on: the same requests have the same answers, unless it begins elsewhere. */
  function summing(name: string, from: number): EchoBackend {
    return new EchoBackend(name, {
      Chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        let sum = from
        call.sendMetadata(new grpc.Metadata())
        call.on("data", (message: Buffer) => call.write(Buffer.from(String((sum += Number(message))))))
        call.on("end", () => call.end())
      },
    })
  }

  async function bedOf(t: TestContext, second: number) {
    const backends = [summing("a", 0), summing("b", second)]
    const bed = await TestBed.start(t, { backends, config: { continuity: { mode: "replay" } } })
    const stream = new Stream(bed.client(), String)
    const servingPort = (): number => {
      const { endpoints } = bed.balancer.snapshot().clusters[0]!
      return Number(endpoints.find(({ streamsOpen }) => streamsOpen > 0)!.address.split(":")[1])
    }
    const serving = () => backends.find(({ port }) => port === servingPort())!
    return { bed, stream, serving }
  }

  test("the same answers: the client has each once", async (t) => {
    const { bed, stream, serving } = await bedOf(t, 0)
    for (const at of [1, 2, 3]) {
      stream.send(String(at))
      await stream.has(at)
    }
    await serving().close()
    stream.send("4")
    await stream.has(4)
    stream.end()
    expect((await stream.over()).code).toBe(grpc.status.OK)
    expect(stream.got).toEqual(["1", "3", "6", "10"])
    const [record] = await bed.ended()
    expect([record!.responseMessages, record!.responseOctets]).toEqual([4, 4 * 5 + 5])
  })

  test("others: DATA_LOSS, and none of them at the client", async (t) => {
    const { stream, serving } = await bedOf(t, 100)
    // The stream may begin at either: what counts is that the other says something else.
    stream.send("1")
    await stream.has(1)
    const first = [...stream.got]
    await serving().close()
    expect(await stream.over()).toMatchObject({
      code: grpc.status.DATA_LOSS,
      details: expect.stringMatching(/did not give the same answers/),
    })
    expect(stream.got).toEqual(first)
  })

  test("an answer that ends before it has said as much: DATA_LOSS", async (t) => {
    const short = new EchoBackend("short", {
      Chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        call.on("data", () => {})
        call.end()
      },
    })
    const long = summing("long", 0)
    const bed = await TestBed.start(t, {
      backends: [long, short],
      config: (addresses) => ({
        continuity: { mode: "replay" },
        clusters: { test: { endpoints: [addresses[0]!, { address: addresses[1]!, backup: true }] } },
      }),
    })
    const stream = new Stream(bed.client(), String)
    stream.send("1")
    await stream.has(1)
    await long.close()
    expect((await stream.over()).code).toBe(grpc.status.DATA_LOSS)
  })
})
