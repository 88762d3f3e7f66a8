import { describe, expect, test } from "vitest"
import {
  CallBed,
  type CallBedOptions,
  type CallOfBed,
  message,
  settled,
} from "../../../test/support/call-bed.ts"
import { Column } from "../../cluster/traffic.ts"
import type { RouteSettings } from "../../config/model.ts"
import { ErrorCode } from "../../http2/error-code.ts"

const REFUSED = { unprocessed: true, code: ErrorCode.REFUSED_STREAM, reason: "RST_STREAM" }
const GOAWAY = {
  unprocessed: true,
  origin: "connection" as const,
  code: ErrorCode.NO_ERROR,
  reason: "GOAWAY",
}
const retry = (...conditions: RouteSettings["retry"]["conditions"]) => ({
  settings: { retry: { conditions, tries: null, timeoutMs: null } },
})

/** The endpoints that legs were opened at, by their last digit, and how the call ended. */
class Story {
  readonly bed: CallBed
  call!: CallOfBed

  constructor(options: CallBedOptions = {}) {
    this.bed = new CallBed({ endpoints: 3, ...options })
  }

  async begin(options: Parameters<CallBed["call"]>[0] = {}): Promise<this> {
    this.call = await this.bed.call(options)
    return this
  }

  async fails(end: object): Promise<this> {
    this.call.leg.breaks(end)
    await settled()
    return this
  }

  async says(status: number, fields: string[], endStream = true): Promise<this> {
    this.call.leg.head(status, fields, endStream)
    await settled()
    return this
  }

  get legs(): string {
    return this.bed
      .take()
      .filter((line) => line.includes(" open "))
      .map((line) => /:(\d) /.exec(line)![1])
      .join("")
  }

  get status(): number | null {
    return this.bed.records[0]?.grpcStatus ?? null
  }
}

describe("where the next leg goes", () => {
  test("to one endpoint after the other, and then nowhere", async () => {
    const story = await new Story().begin({ ended: true })
    for (let at = 0; at < 3; at++) await story.fails(REFUSED)
    expect(story.legs).toBe("123")
    expect(story.status).toBe(14)
    const rows = [...story.bed.cluster.endpoints].map(({ traffic }) => [
      traffic[Column.picks],
      traffic[Column.retries],
    ])
    expect(rows).toEqual([
      [1, 0],
      [1, 1],
      [1, 1],
    ])
  })

  test("after GOAWAY once to any, the same too, which is no try more", async () => {
    const story = await new Story({ endpoints: 1 }).begin({ ended: true })
    await story.fails(GOAWAY)
    expect(story.status).toBe(null)
    await story.fails(GOAWAY)
    expect(story.legs).toBe("11")
    expect(story.status).toBe(14)
    const two = await new Story({ endpoints: 2 }).begin({ ended: true })
    for (const end of [GOAWAY, REFUSED, REFUSED]) await two.fails(end)
    expect(two.legs).toBe("121")
  })

  test("with `tries`, no further than those", async () => {
    const { settings } = retry("error")
    const story = await new Story({ settings: { retry: { ...settings.retry, tries: 2 } } }).begin({
      ended: true,
    })
    await story.fails(REFUSED)
    await story.fails(REFUSED)
    expect(story.legs).toBe("12")
    expect(story.status).toBe(14)
  })

  test("within the retries' time", async () => {
    const options = { settings: { retry: { conditions: ["error" as const], tries: null, timeoutMs: 100 } } }
    const story = await new Story(options).begin({ ended: true })
    story.bed.clock.advance(99)
    await story.fails(REFUSED)
    story.bed.clock.advance(1)
    await story.fails(REFUSED)
    expect(story.legs).toBe("12")
  })

  test("with all that the client has sent, unless that was too much to keep", async () => {
    const story = await new Story().begin()
    story.call.data(message("a"))
    story.call.data(Buffer.alloc(70_000))
    await story.fails(REFUSED)
    expect(story.legs).toBe("1")
    expect(story.bed.records).toHaveLength(1)
  })
})

describe("whose endpoints they are", () => {
  test("those that there were as the call began, though a reload has put others in their place", async () => {
    const story = await new Story().begin({ ended: true })
    const other = new CallBed({ endpoints: 3 })
    Object.defineProperty(story.bed.cluster, "latest", { value: other.cluster })
    await story.fails(REFUSED)
    expect(story.legs).toBe("12")
    expect(story.call.call.cluster).toBe(story.bed.cluster)
    expect(other.legs).toEqual([])
  })

  test("each its own attempt in the record, and none has ended that has not", async () => {
    const story = await new Story().begin({ ended: true })
    expect(story.call.call.record.attempts.map(({ endMs }) => endMs)).toEqual([0])
    story.bed.clock.advance(7)
    await story.fails(REFUSED)
    expect(story.call.call.record.attempts.map(({ endMs }) => endMs > 0)).toEqual([true, false])
  })
})

describe("when the next leg begins", () => {
  test("the first retry at once, the next after a backoff", async () => {
    const story = await new Story({
      ...retry("grpc_unavailable", "non_idempotent"),
      limits: { retryBackoffMs: 100 },
    }).begin({ ended: true })
    await story.says(200, ["grpc-status", "14"])
    expect(story.legs).toBe("12")
    await story.says(200, ["grpc-status", "14"])
    expect(story.legs).toBe("")
    expect(story.call.call.waitsFor).toBe("connection")
    story.bed.clock.advance(99)
    expect(story.legs).toBe("")
    story.bed.clock.advance(9)
    await settled()
    expect(story.legs).toBe("3")
    expect(story.bed.counters.get("retries_delayed")).toBe(1)
  })

  test("one that waits is given up with its client", async () => {
    const story = await new Story(retry("grpc_unavailable", "non_idempotent")).begin({ ended: true })
    await story.says(200, ["grpc-status", "14"])
    await story.says(200, ["grpc-status", "14"])
    story.call.cancels()
    story.bed.clock.advance(10_000)
    await settled()
    expect(story.legs).toBe("12")
    expect(story.bed.context.deadlines.size).toBe(0)
    expect([...story.bed.cluster.endpoints].map((endpoint) => endpoint.traffic[Column.picks])).toEqual([
      1, 1, 1,
    ])
  })

  test("as the backend asks (grpc-retry-pushback-ms)", async () => {
    const story = await new Story(retry("grpc_unavailable", "non_idempotent")).begin({ ended: true })
    await story.says(200, ["grpc-status", "14", "grpc-retry-pushback-ms", "500"])
    story.bed.clock.advance(499)
    expect(story.legs).toBe("1")
    story.bed.clock.advance(9)
    await settled()
    expect(story.legs).toBe("2")
    await story.says(200, ["grpc-status", "14", "grpc-retry-pushback-ms", "-1"])
    expect(story.status).toBe(14)
    expect(story.bed.counters.get("retry_pushback_refused")).toBe(1)
  })

  test.each([
    ["within the call's own deadline", { fields: ["grpc-timeout", "400m"] }, {}, 400, 401],
    ["within the retries' time", {}, { timeoutMs: 400 }, 399, 400],
  ])("%s", async (_, request, more, fits, late) => {
    for (const ms of [fits, late]) {
      const { settings } = retry("grpc_unavailable", "non_idempotent")
      const story = await new Story({ settings: { retry: { ...settings.retry, ...more } } }).begin({
        ended: true,
        ...request,
      })
      await story.says(200, ["grpc-status", "14", "grpc-retry-pushback-ms", String(ms)])
      expect(story.status).toBe(ms === fits ? null : 14)
    }
  })

  test("time that has passed is none that is left", async () => {
    const { settings } = retry("grpc_unavailable", "non_idempotent")
    const story = await new Story({ settings: { retry: { ...settings.retry, timeoutMs: 400 } } }).begin({
      ended: true,
    })
    story.bed.clock.advance(300)
    await story.says(200, ["grpc-status", "14", "grpc-retry-pushback-ms", "100"])
    expect(story.status).toBe(14)
    const deadline = await new Story(retry("grpc_unavailable", "non_idempotent")).begin({
      ended: true,
      fields: ["grpc-timeout", "400m"],
    })
    deadline.bed.clock.advance(300)
    await deadline.says(200, ["grpc-status", "14", "grpc-retry-pushback-ms", "102"])
    expect(deadline.status).toBe(14)
  })
})

describe("what retries may cost", () => {
  test("the cluster's budget", async () => {
    const story = await new Story({ limits: { retriesPerSecondMin: 0, retryBudgetPercent: 0 } }).begin({
      ended: true,
    })
    await story.fails(REFUSED)
    expect(story.legs).toBe("1")
    expect(story.status).toBe(14)
    expect(story.bed.counters.get("retry_budget_exhausted")).toBe(1)
    expect(story.bed.counters.get("cluster_retries_exceeded")).toBe(0)
  })

  test("the cluster's budget, of which each retry takes one", async () => {
    const story = await new Story({ limits: { retriesPerSecondMin: 0, retryBudgetPercent: 100 } }).begin({
      ended: true,
    })
    await story.fails(REFUSED)
    await story.fails(REFUSED)
    expect([story.legs, story.status]).toEqual(["12", 14])
    expect(story.bed.counters.get("retry_budget_exhausted")).toBe(1)
  })

  test("the budget before the bound, where neither is left", async () => {
    const limits = { streams: null, waitingStreams: null, connections: null, retries: 1 }
    const story = new Story({
      cluster: { limits },
      limits: { retriesPerSecondMin: 0, retryBudgetPercent: 50 },
    })
    const first = await story.bed.call({ ended: true })
    await story.begin({ ended: true })
    await story.fails(REFUSED)
    expect(first.call.record.attempts).toHaveLength(1)
    story.bed.legs[0]!.breaks(REFUSED)
    await settled()
    expect(story.bed.counters.get("retry_budget_exhausted")).toBe(1)
    expect(story.bed.counters.get("cluster_retries_exceeded")).toBe(0)
  })

  test("which calls that begin fill", async () => {
    const story = new Story({ limits: { retriesPerSecondMin: 0, retryBudgetPercent: 50 } })
    await story.bed.call({ ended: true })
    await story.begin({ ended: true })
    story.bed.take()
    await story.fails(REFUSED)
    expect(story.legs).toHaveLength(1)
  })

  test("a connection that was never made costs nothing", async () => {
    const story = new Story({ limits: { retriesPerSecondMin: 0, retryBudgetPercent: 0 } })
    story.bed.isReachable = (address) => address.endsWith(":3")
    await story.begin({ ended: true })
    expect(story.legs).toBe("3")
  })

  test("no more at once than the cluster says, which its end gives back", async () => {
    const limits = { streams: null, waitingStreams: null, connections: null, retries: 1 }
    const story = await new Story({ cluster: { limits } }).begin({ ended: true })
    await story.fails(REFUSED)
    const first = story.call
    await story.begin({ ended: true })
    await story.fails(REFUSED)
    expect(story.bed.records).toMatchObject([{ grpcStatus: 14 }])
    expect(story.bed.counters.get("cluster_retries_exceeded")).toBe(1)
    expect(story.bed.counters.get("retry_budget_exhausted")).toBe(0)
    first.cancels()
    await story.begin({ ended: true })
    await story.fails(REFUSED)
    expect(story.bed.records).toHaveLength(2)
  })

  test("no more streams at once than the cluster says", async () => {
    const limits = { streams: 1, waitingStreams: null, connections: null, retries: null }
    const story = await new Story({ cluster: { limits } }).begin()
    story.bed.take()
    await story.bed.call({ ended: true })
    expect(story.bed.take()[0]).toMatch(
      /^client headers 200, grpc-status: 14, grpc-message: cluster c: .*END$/,
    )
    story.call.cancels()
    await story.begin({ ended: true })
    expect(story.legs).not.toBe("")
    const empty = new Story({ endpoints: 0, cluster: { limits } })
    for (let at = 0; at < 2; at++) await empty.bed.call({ ended: true })
    expect(empty.bed.records.map(({ grpcMessage }) => grpcMessage)).toEqual(
      Array(2).fill("cluster c: no endpoint is available"),
    )
  })
})
