import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, type CallOfBed, settled } from "../../../test/support/call-bed.ts"
import { defaultEndpoint } from "../../config/defaults.ts"

const endpoint = (port: number, more = {}) => ({
  ...defaultEndpoint({ text: `127.0.0.1:${port}`, host: "127.0.0.1", port, unixPath: null }),
  maxStreams: 1,
  ...more,
})

/** Two endpoints with one place each, and a queue for two. */
function makeBed({ cluster, ...options }: CallBedOptions = {}): CallBed {
  const queue = { streams: 2, timeoutMs: 60_000 }
  const endpoints = [endpoint(1), endpoint(2)]
  return new CallBed({ ...options, cluster: { endpoints, queue, ...cluster } })
}

async function calls(bed: CallBed, ...names: string[]): Promise<CallOfBed[]> {
  const made: CallOfBed[] = []
  for (const name of names) made.push(await bed.call({ ended: true, fields: ["x", name] }))
  return made
}

/** Streams that were opened, and what clients were told, since it was asked last. */
const told = (bed: CallBed): string[] =>
  bed
    .take()
    .filter((line) => / open |^client headers/.test(line))
    .map((line) =>
      line.replace(/^leg\d open 127.0.0.1:(\d) .* x: (\w+).*/, "$2 at $1").replace(/^client headers /, ""),
    )

/** The stream at an endpoint that was opened as the `index`th is answered. */
async function answers(bed: CallBed, index: number): Promise<void> {
  bed.legs[index]!.head(200, ["grpc-status", "0"], true)
  bed.clock.advance(0)
  await settled()
}

const OK = "200, grpc-status: 0 END"

describe("a call that finds every endpoint full", () => {
  test("waits until a stream has ended at any of them, first come first served", async () => {
    const bed = makeBed()
    const [, , c] = await calls(bed, "a", "b", "c", "d")
    expect(told(bed)).toEqual(["a at 1", "b at 2"])
    expect(c!.call.waitsFor).toBe("connection")
    bed.clock.advance(500)
    await answers(bed, 1)
    expect(told(bed)).toEqual([OK, "c at 2"])
    expect(c!.call.waitsFor).toBe(null)
    await answers(bed, 0)
    expect(told(bed)).toEqual([OK, "d at 1"])
    await answers(bed, 2)
    // The wait is a part of the call's time.
    const record = bed.records.at(-1)!
    expect(record.endMs - record.startMs).toBe(500)
    expect(record.attempts).toMatchObject([{ startMs: record.startMs + 500 }])
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("goes behind those that wait already, also when there is room", async () => {
    const bed = makeBed()
    await calls(bed, "a", "b", "c")
    // Those that wait have not looked yet.
    bed.legs[0]!.head(200, ["grpc-status", "0"], true)
    await calls(bed, "d")
    expect(told(bed)).toEqual(["a at 1", "b at 2", OK, "c at 1"])
    await answers(bed, 1)
    expect(told(bed)).toEqual([OK, "d at 2"])
  })

  test("is refused where as many wait as may", async () => {
    const bed = makeBed()
    await calls(bed, "a", "b", "c", "d", "e")
    expect(told(bed)).toEqual([
      "a at 1",
      "b at 2",
      "200, grpc-status: 14, grpc-message: cluster c: every endpoint is full, and 2 streams are waiting already (queue) END",
    ])
    expect(bed.records).toMatchObject([{ grpcStatus: 14, attempts: [] }])
  })

  test("is told so after the timeout; over HTTP with 502", async () => {
    const bed = makeBed()
    await calls(bed, "a", "b", "c")
    bed.clock.advance(100)
    await bed.call({ ended: true, contentType: "text/plain", method: "GET" })
    told(bed)
    bed.clock.advance(59_899)
    expect(told(bed)).toEqual([])
    bed.clock.advance(10)
    expect(told(bed)).toEqual([
      "200, grpc-status: 14, grpc-message: cluster c: every endpoint was full for 60000 ms (queue) END",
    ])
    bed.clock.advance(110)
    expect(told(bed)[0]).toMatch(/^502/)
    expect(bed.counters.get("queue_timeout")).toBe(2)
    expect(bed.cluster.queue!.waiting).toBe(0)
    expect(bed.context.deadlines.size).toBe(0)
  })

  test.each([
    ["its client", (call: CallOfBed, _: CallBed) => call.cancels()],
    ["its deadline", (_: CallOfBed, bed: CallBed) => bed.clock.advance(1100)],
  ])("leaves the queue with %s", async (_, ends) => {
    const bed = makeBed()
    await calls(bed, "a", "b")
    const call = await bed.call({ ended: true, fields: ["grpc-timeout", "1S"] })
    await calls(bed, "d")
    ends(call, bed)
    expect(bed.records).toHaveLength(1)
    expect(bed.cluster.queue!.waiting).toBe(1)
    expect(bed.context.deadlines.size).toBe(1)
    told(bed)
    await answers(bed, 0)
    expect(told(bed)).toEqual([OK, "d at 1"])
  })

  test("keeps what its client sends meanwhile", async () => {
    const bed = makeBed()
    await calls(bed, "a", "b")
    const call = await bed.call({ fields: ["x", "c"] })
    call.data("hello", true)
    await answers(bed, 0)
    expect(bed.take().filter((line) => line.startsWith("leg2"))).toEqual([
      expect.stringContaining("open 127.0.0.1:1"),
      "leg2 data hello",
      expect.stringMatching(/^leg2 data .*END$/),
    ])
  })

  test("goes to an endpoint that joins", async () => {
    const bed = makeBed({ cluster: { endpoints: [endpoint(1)] } })
    await calls(bed, "a", "b")
    told(bed)
    const states = [endpoint(1), endpoint(3)].map((config, slot) => ({
      config,
      slot,
      address: config.address,
      weight: 1,
      health: "unknown" as const,
      priority: 0,
      drain: false,
    }))
    bed.cluster.apply(states as never)
    bed.clock.advance(0)
    await settled()
    expect(told(bed)).toEqual(["b at 3"])
  })

  test("waits for one that is full rather than go where one is out; without a queue it goes there", async () => {
    for (const queue of [{ streams: 1, timeoutMs: 1000 }, null]) {
      const endpoints = [endpoint(1), endpoint(2, { maxFails: 1 })]
      const bed = makeBed({ cluster: { queue, endpoints } })
      const out = [...bed.cluster.endpoints][1]!
      bed.cluster.outcomes.connectFailed(out, "ECONNREFUSED")
      await calls(bed, "a", "b")
      expect(told(bed)).toEqual(queue === null ? ["a at 1", "b at 2"] : ["a at 1"])
    }
  })
})

test("a call for which there is no endpoint at all does not wait", async () => {
  const bed = makeBed({ cluster: { endpoints: [] } })
  await calls(bed, "a")
  expect(told(bed)).toEqual(["200, grpc-status: 14, grpc-message: cluster c: no endpoint is available END"])
})

test("a retry that finds the others full is told of the failure that it had", async () => {
  const bed = makeBed()
  await calls(bed, "a", "b")
  told(bed)
  bed.legs[0]!.breaks({ unprocessed: true, code: 7, reason: "RST_STREAM" })
  await settled()
  expect(told(bed)[0]).toMatch(/grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:1: RST_STREAM/)
})
