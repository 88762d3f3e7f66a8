import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { CounterBackend, type CounterOptions, CounterStore } from "../support/counter-backend.ts"
import { eventually } from "../support/eventually.ts"
import { type EchoClient, TestBed } from "../support/test-bed.ts"

type Continuity = NonNullable<SluiceYaml["continuity"]>
const HANDOFF_AND_RESUME: Continuity = { mode: ["handoff", "resume"] }

async function cluster(
  t: TestContext,
  names: readonly string[],
  continuity: Continuity = HANDOFF_AND_RESUME,
  options: Partial<CounterOptions> = {},
) {
  const store = new CounterStore()
  const backends = names.map((name) => new CounterBackend({ name, store, ...options }))
  for (const backend of backends) await backend.start()
  const bed = await TestBed.start(t, {
    backends: backends as never,
    config: { continuity },
  })
  return { bed, backends, store, of: (name: string) => backends.find((one) => one.name === name)! }
}

/** A client that sends the numbers 1, 2, 3 … and keeps what it gets. */
class Counting {
  readonly got: string[] = []
  head: grpc.Metadata | null = null
  heads = 0
  status: grpc.StatusObject | null = null
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>
  #sent = 0

  constructor(client: EchoClient, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}) {
    this.#call = client.chat(metadata, options)
    this.#call.on("metadata", (head) => {
      this.head = head
      this.heads++
    })
    this.#call.on("data", (message: Buffer) => this.got.push(message.toString()))
    this.#call.on("status", (status) => (this.status = status))
    this.#call.on("error", () => {})
  }

  get backend(): string {
    return String(this.head?.get("x-backend")[0])
  }

  send(): void {
    this.#call.write(Buffer.from(String(++this.#sent)))
  }

  end(): void {
    this.#call.end()
  }

  cancel(): void {
    this.#call.cancel()
  }

  /** Sends a number, and waits for its answer. */
  async next(): Promise<void> {
    this.send()
    await this.has(this.#sent)
  }

  async has(answers: number): Promise<void> {
    await eventually(
      () => this.got.length >= answers,
      () => `${answers} answers; there are ${this.got.join(" ")}, status ${JSON.stringify(this.status)}`,
    )
  }

  async over(): Promise<grpc.StatusObject> {
    await eventually(
      () => this.status !== null,
      () => `the call is over; it got ${this.got.join(" ")}`,
    )
    return this.status!
  }
}

/** The answers to the first numbers, each once. */
const answers = (many: number): string[] =>
  Array.from({ length: many }, (_, at) => `${at + 1}:${((at + 1) * (at + 2)) / 2}`)

describe("a stream outlives its backend", () => {
  test("handoff: the next backend goes on where the first stopped, and the client sees one stream", async (t) => {
    const { bed, of } = await cluster(t, ["a", "b"])
    const counting = new Counting(bed.client())
    await counting.next()
    await counting.next()
    const first = of(counting.backend)
    const second = of(counting.backend === "a" ? "b" : "a")
    first.handOff()
    await eventually(
      () => second.heads.length === 1,
      () => "the second backend has the stream",
    )
    await counting.next()
    await counting.next()
    counting.end()
    expect((await counting.over()).code).toBe(0)
    expect(counting.got).toEqual(answers(4))
    expect(counting.heads).toBe(1)
    expect([
      ...Object.keys(counting.head!.getMap()),
      ...Object.keys(counting.status!.metadata.getMap()),
    ]).toEqual(expect.not.arrayContaining([expect.stringMatching(/^continuity-/)]))
    const [head] = second.heads
    expect(head).toMatchObject({
      "continuity-call": first.heads[0]!["continuity-call"],
      "continuity-leg": "1",
      "continuity-offer": "handoff, resume",
      "continuity-delivered": "2",
      "continuity-holds": "1",
    })
    const [record] = await bed.ended()
    expect(record!.continuity).toMatchObject({ legs: 2, gaps: 1, moved: 1, repeated: 0 })
    expect(record!.responseMessages).toBe(4)
  })

  test("resume: the first backend dies, and nothing is lost or twice", async (t) => {
    const { bed, of } = await cluster(t, ["a", "b"])
    const counting = new Counting(bed.client())
    await counting.next()
    await counting.next()
    await of(counting.backend).close()
    await counting.next()
    counting.end()
    expect((await counting.over()).code).toBe(0)
    expect(counting.got).toEqual(answers(3))
    expect((await bed.ended())[0]!.continuity).toMatchObject({ legs: 2, gaps: 1, moved: 0 })
  })

  test("the only backend restarts", async (t) => {
    const { bed, backends } = await cluster(t, ["a"])
    const [only] = backends
    const counting = new Counting(bed.client())
    await counting.next()
    await only!.close()
    counting.send()
    await only!.start()
    await counting.has(2)
    counting.end()
    expect((await counting.over()).code).toBe(0)
    expect(counting.got).toEqual(answers(2))
  })

  test("a half-closed client: END_STREAM follows the last message", async (t) => {
    const { bed, of } = await cluster(t, ["a", "b"])
    const counting = new Counting(bed.client())
    await counting.next()
    await of(counting.backend).close()
    counting.send()
    counting.send()
    counting.end()
    expect((await counting.over()).code).toBe(0)
    expect(counting.got).toEqual(answers(3))
  })

  test("off: no field of continuity goes up, and a lost backend ends the stream", async (t) => {
    const { bed, of } = await cluster(t, ["a", "b"], "none")
    const counting = new Counting(bed.client())
    await counting.next()
    const first = of(counting.backend)
    expect(Object.keys(first.heads[0]!)).toEqual([])
    await first.close()
    expect((await counting.over()).code).toBe(grpc.status.UNAVAILABLE)
  })
})

describe("an endpoint that is drained: its streams move", () => {
  test.for<[how: string, continuity: Continuity, options: Partial<CounterOptions>, moved: number]>([
    [
      "asked by a half-close, it hands off",
      { mode: ["handoff"], ask: "half-close" },
      { halfClose: "handoff" },
      1,
    ],
    ["asked by a call, it hands off", { mode: ["handoff"], ask: "call" }, { move: "hands off" }, 1],
    ["asked by a call that it does not know: by resume", { mode: ["handoff", "resume"], ask: "call" }, {}, 0],
    ["unasked, by resume", { mode: ["handoff", "resume"] }, {}, 0],
  ])("%s", async ([, continuity, options, moved], t) => {
    const { bed, backends, of } = await cluster(t, ["a", "b"], continuity, options)
    const counting = new Counting(bed.client())
    await counting.next()
    const first = of(counting.backend)
    const [second] = backends.filter((one) => one !== first)
    const left = { endpoints: [`127.0.0.1:${second!.port}`], drainGrace: "1ms" }
    await bed.balancer.reload(
      fromInput({ listeners: "127.0.0.1:0", continuity, clusters: { test: left } }).config!,
    )
    await eventually(
      () => second!.heads.length === 1,
      () => `the stream moved; ${JSON.stringify(counting.status)}`,
    )
    await counting.next()
    await counting.next()
    counting.cancel()
    await counting.over()
    expect(counting.got).toEqual(answers(3))
    expect((await bed.ended())[0]!.continuity).toMatchObject({ legs: 2, gaps: 1, moved })
    const asked = options.move === undefined ? [] : [`${first.heads[0]!["continuity-call"]} 0`]
    expect(first.moves).toEqual(asked)
  })
})
