import { describe, expect, test } from "vitest"
import {
  CallBed,
  type CallBedOptions,
  type CallOfBed,
  message,
  settled,
} from "../../../../test/support/call-bed.ts"
import { turnCauses } from "../../../base/turn-cause.ts"
import { Column } from "../../../cluster/traffic.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import { failure } from "../../../record/failure.ts"
import type { TurnReason } from "../../pacing/pacer.ts"

const HANDOFF = ["continuity-accept", "handoff"]
const RESUME = ["continuity-accept", "resume", "continuity-session", "s1"]
const LOST = { origin: "connection" as const, reason: "ECONNRESET" }
const RESTART: Partial<ContinuityConfig> = { modes: ["restart"], restartWith: "none" }

interface Begun {
  bed: CallBed
  call: CallOfBed
  /** A turn of the pacer: of a drain, or of a plan to move. */
  turn(how: "drain" | "plan", to?: number | null): void
  /** How often a plan was told that it is over; moves counted where the call was, and those that failed. */
  counted(): { over: number; moved: number; failed: number }
}

/** A call whose first leg has its head, `legMs` ago. */
async function begin(
  continuity: Partial<ContinuityConfig>,
  head: string[],
  { legMs = 2000, ...options }: CallBedOptions & { legMs?: number } = {},
): Promise<Begun> {
  const bed = new CallBed({ continuity: { keepOctets: 1000, ...continuity }, ...options })
  const call = await bed.call()
  call.leg.head(200, head)
  bed.clock.advance(legMs)
  bed.take()
  const from = call.call.paced!.endpoint
  let over = 0
  const turn = (how: "drain" | "plan", to: number | null = null): void => {
    const endpoint = to === null ? null : bed.cluster.endpointAt(to)!
    const reason: TurnReason = {
      cause: how === "plan" ? "rebalance" : "drain",
      what: failure("drained", "we go"),
      isWithdrawn: false,
      ...(how === "plan" && { move: { to: endpoint, over: () => void over++ } }),
    }
    call.call.paced!.onTurn(reason)
  }
  const counted = () => {
    const sum = (column: number): number =>
      ["rebalance", "drain"]
        .map((cause) => from.traffic[column + turnCauses.indexOf(cause as TurnReason["cause"])]!)
        .reduce((all, one) => all + one, 0)
    return { over, moved: sum(Column.moved), failed: sum(Column.movesFailed) }
  }
  return { bed, call, turn, counted }
}

async function later(bed: CallBed, ms: number): Promise<string[]> {
  bed.clock.advance(ms)
  await settled()
  return bed.take()
}

const opened = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => line.includes("open"))
    .map((line) => line.slice(0, "leg1 open 127.0.0.1:2 /s/m".length))

describe("a plan to move a call", () => {
  test("takes it to the endpoint that it names, and is told once it is there", async () => {
    const { bed, call, turn, counted } = await begin(RESTART, [], { endpoints: 3 })
    turn("plan", 2)
    expect(opened(await later(bed, 10))).toEqual(["leg1 open 127.0.0.1:3 /s/m"])
    expect(counted()).toEqual({ over: 0, moved: 0, failed: 0 })
    call.leg.head(200)
    expect(counted()).toEqual({ over: 1, moved: 1, failed: 0 })
    expect(call.call.record.continuity).toMatchObject({ moves: 1, moveCause: "rebalance" })
    call.leg.trailers(["grpc-status", "0"])
    expect(counted()).toEqual({ over: 1, moved: 1, failed: 0 })
  })

  test("to a server that says no head is over once that has served for a second", async () => {
    const { bed, call, turn, counted } = await begin(RESTART, [], { endpoints: 3 })
    turn("plan", 2)
    await later(bed, 10)
    await later(bed, 989)
    expect([counted(), call.call.paced!.canMove(0)]).toEqual([{ over: 0, moved: 0, failed: 0 }, false])
    await later(bed, 20)
    expect([counted(), call.call.paced!.canMove(0)]).toEqual([{ over: 1, moved: 1, failed: 0 }, true])
    expect(call.call.record.continuity).toMatchObject({ moves: 1, moveCause: "rebalance" })
    // Its head, and its end, are nothing new.
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "0"])
    await later(bed, 2000)
    expect(counted()).toEqual({ over: 1, moved: 1, failed: 0 })
  })

  test("to a server that says no head, and goes again within a second, is not over", async () => {
    const { bed, call, turn, counted } = await begin(RESTART, [], { endpoints: 3 })
    turn("plan", 2)
    await later(bed, 10)
    await later(bed, 500)
    call.leg.breaks(LOST)
    await later(bed, 900)
    expect(counted()).toEqual({ over: 0, moved: 0, failed: 0 })
    await later(bed, 1100)
    expect(counted()).toEqual({ over: 1, moved: 1, failed: 0 })
  })

  test("that fails there goes wherever else it can", async () => {
    const { bed, call, turn } = await begin(RESTART, [], { endpoints: 3 })
    turn("plan", 2)
    await later(bed, 10)
    call.leg.breaks(LOST)
    const [second] = opened(await later(bed, 300))
    expect(second).toMatch(/^leg2 open 127\.0\.0\.1:[12]/)
  })

  test.each<[string, Partial<ContinuityConfig>, string[], number]>([
    ["whose leg has not lasted a second", RESTART, [], 999],
    ["that cannot go on", { modes: ["resume"] }, [], 2000],
    [
      "that its backend alone could move, and is not asked",
      { modes: ["handoff"], ask: "none" },
      HANDOFF,
      2000,
    ],
  ])("leaves one where it is %s: it goes on, and no move is begun", async (_, continuity, head, legMs) => {
    const { bed, call, turn, counted } = await begin(continuity, head, { legMs })
    expect(call.call.paced!.canMove(0)).toBe(false)
    turn("plan")
    expect(await later(bed, 10)).toEqual([])
    expect(bed.records).toEqual([])
    expect(counted()).toEqual({ over: 1, moved: 0, failed: 0 })
    call.leg.data(message("a"))
    expect(bed.take()).toContain("client data |a")
  })

  test("leaves one whose head has not come", async () => {
    const bed = new CallBed({ continuity: { keepOctets: 1000, modes: ["resume"] } })
    const call = await bed.call()
    bed.clock.advance(2000)
    expect(call.call.paced!.canMove(0)).toBe(false)
    let over = 0
    const move = { to: null, over: () => void over++ }
    const what = failure("drained", "we go")
    call.call.paced!.onTurn({ cause: "rebalance", what, isWithdrawn: false, move })
    expect([over, bed.records.length]).toEqual([1, 0])
  })

  test("is over when the call is", async () => {
    const { bed, call, turn, counted } = await begin(RESTART, [], { endpoints: 3 })
    turn("plan", 2)
    await later(bed, 10)
    call.cancels()
    expect(counted()).toEqual({ over: 1, moved: 0, failed: 1 })
  })
})

describe("whether a call can move now", () => {
  test("it can once its leg has lasted a second", async () => {
    const { bed, call } = await begin(RESTART, [], { legMs: 999 })
    expect(call.call.paced!.canMove(0)).toBe(false)
    bed.clock.advance(1)
    expect(call.call.paced!.canMove(0)).toBe(true)
    // It has not moved yet.
    expect(call.call.paced!.canMove(5000)).toBe(true)
  })

  test("one that has been resumed stays as long as is asked for", async () => {
    const { bed, call } = await begin(RESTART, [])
    call.leg.breaks(LOST)
    await later(bed, 60)
    call.leg.head(200)
    bed.clock.advance(4999)
    expect([call.call.paced!.canMove(0), call.call.paced!.canMove(5000)]).toEqual([true, false])
    bed.clock.advance(1)
    expect(call.call.paced!.canMove(5000)).toBe(true)
    // A second, were less asked for.
    call.leg.breaks(LOST)
    await later(bed, 60)
    call.leg.head(200)
    bed.clock.advance(999)
    expect(call.call.paced!.canMove(500)).toBe(false)
  })

  test("not twice at a time", async () => {
    const { call, turn } = await begin({ modes: ["handoff"], ask: "half-close" }, HANDOFF)
    const leg = call.call.paced!
    expect(leg.canMove(0)).toBe(true)
    turn("plan")
    expect(leg.canMove(0)).toBe(false)
  })

  test.each<[string, ContinuityConfig["ask"], boolean, boolean]>([
    ["a backend that is asked by a call can always be", "call", true, true],
    ["by a half-close only between messages", "half-close", true, false],
    ["one that is not asked never", "none", false, false],
  ])("%s", async (_, ask, between, within) => {
    const { call } = await begin({ modes: ["handoff"], ask }, HANDOFF)
    expect(call.call.paced!.canMove(0)).toBe(between)
    call.data(message("long").subarray(0, 7))
    expect(call.call.paced!.canMove(0)).toBe(within)
  })

  test("a backend that takes no part cannot be asked", async () => {
    const { call } = await begin({ modes: ["handoff"], ask: "call" }, [])
    expect(call.call.paced!.canMove(0)).toBe(false)
  })
})

describe("a backend that is asked by a call of its own", () => {
  const CALL: Partial<ContinuityConfig> = { modes: ["handoff"], ask: "call" }
  const asked = async (options: Parameters<typeof begin>[2] = {}, continuity = CALL) => {
    const begun = await begin(continuity, [...HANDOFF], options)
    return { ...begun, leg: begun.call.leg, question: () => begun.bed.legs[1]! }
  }

  test("hands the call off, and its answer is no more than that", async () => {
    const { bed, call, turn, counted, leg, question } = await asked()
    turn("drain")
    expect(bed.take()[0]).toMatch(/^leg1 open 127\.0\.0\.1:1 \/continuity\.v1\.Continuity\/Move/)
    question().head(200)
    question().trailers(["grpc-status", "0"])
    expect(bed.take().filter((line) => line.startsWith("leg0"))).toEqual([])
    leg.trailers(["grpc-status", "14", "continuity-handoff", "1", "continuity-received", "0"])
    await later(bed, 60)
    call.leg.head(200, HANDOFF)
    expect(counted()).toMatchObject({ moved: 1, failed: 0 })
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("and refuses is left where that can be, else the client is told", async () => {
    const { bed, turn, question } = await asked()
    turn("drain")
    question().head(200, ["grpc-status", "12"], true)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    const other = await asked({}, { ...CALL, ...RESTART, modes: ["handoff", "restart"] })
    other.turn("drain")
    other.bed.take()
    other.question().head(200, ["grpc-status", "12"], true)
    const lines = await later(other.bed, 60)
    expect(lines).toContain("leg0 reset CANCEL")
    expect(opened(lines)).toEqual(["leg2 open 127.0.0.1:2 /s/m"])
  })

  test("and is silent for five seconds is asked no longer", async () => {
    const { bed, turn, counted, question } = await asked()
    turn("drain")
    bed.clock.advance(4900)
    expect(bed.records).toEqual([])
    bed.take()
    bed.clock.advance(200)
    expect(bed.take()).toContain("leg1 reset CANCEL")
    expect(question().isClosed).toBe(true)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    expect(counted()).toMatchObject({ moved: 0, failed: 1 })
  })

  test("for a plan, and does not agree, keeps the call", async () => {
    const { bed, call, turn, counted, question } = await asked()
    turn("plan")
    question().head(200, ["grpc-status", "12"], true)
    expect(bed.records).toEqual([])
    expect(counted()).toEqual({ over: 1, moved: 0, failed: 1 })
    bed.clock.advance(10_000)
    expect(bed.records).toEqual([])
    expect(call.call.paced!.canMove(0)).toBe(true)
  })

  test("twice is asked once", async () => {
    const { bed, turn } = await asked()
    turn("drain")
    turn("drain")
    expect(bed.legs).toHaveLength(2)
  })

  test("of a call that ends is asked no longer", async () => {
    const { bed, call, turn, question } = await asked()
    turn("drain")
    call.cancels()
    expect(question().isClosed).toBe(true)
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("whose leg is over is asked no longer", async () => {
    const { bed, turn, leg, question } = await asked(
      {},
      { ...CALL, ...RESTART, modes: ["handoff", "restart"] },
    )
    turn("drain")
    leg.breaks(LOST)
    await later(bed, 60)
    expect(question().isClosed).toBe(true)
  })

  test("has no place for the question: its call goes elsewhere, or is told", async () => {
    const { bed, turn } = await begin(CALL, HANDOFF, {
      cluster: { maxStreamsPerConnection: 1, maxConnectionsPerEndpoint: 1 } as never,
      limits: { pickQueueMax: 1 },
    })
    bed.connections[0]!.capacity = 1
    bed.isReachable = () => "later"
    turn("drain")
    bed.clock.advance(5100)
    await settled()
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
  })
})

describe("a plan by a half-close", () => {
  test("ends the request of the leg, so the call goes on or its client is told", async () => {
    const { bed, turn, counted } = await begin({ modes: ["handoff"], ask: "half-close" }, HANDOFF)
    turn("plan")
    expect(bed.take()).toEqual(["leg0 data  END"])
    bed.clock.advance(5100)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    expect(counted()).toMatchObject({ over: 1, moved: 0, failed: 1 })
  })
})

describe("a client that waits for room in the log", () => {
  const SLOW: Partial<ContinuityConfig> = { modes: ["resume"], overflow: "slow", keepOctets: 10 }

  test("has its leg replaced after a second: the next backend says what it has", async () => {
    const { bed, call } = await begin(SLOW, RESUME)
    call.data(message("abc"))
    call.data(message("def"))
    expect(bed.take()).toEqual(["leg0 data |abc", "client credit 8", "leg0 data |def", "client credit 2"])
    bed.clock.advance(900)
    expect(bed.take()).toEqual([])
    expect(opened(await later(bed, 200))).toEqual(["leg1 open 127.0.0.1:2 /s/m"])
    call.leg.head(200, [...RESUME, "continuity-received", "2"])
    expect(bed.take()).toContain("client credit 6")
    expect(bed.records).toEqual([])
  })

  test("waits while a message is under way to it", async () => {
    const { bed, call } = await begin({ ...SLOW, holdOctets: 1 } as never, RESUME, {
      limits: { wholeMessageOctetsMax: 20 },
    })
    call.data(message("abc"))
    call.data(message("def"))
    call.leg.data(message("0123456789012345678901234567890").subarray(0, 25))
    expect(opened(await later(bed, 5000))).toEqual([])
    call.leg.data(message("0123456789012345678901234567890").subarray(25))
    expect(opened(await later(bed, 1100))).toEqual(["leg1 open 127.0.0.1:2 /s/m"])
  })

  test("and whose backend cannot be replaced waits no longer: the oldest leave", async () => {
    const { bed, call } = await begin(SLOW, HANDOFF)
    call.data(message("abc"))
    call.data(message("def"))
    bed.take()
    bed.clock.advance(1100)
    expect(bed.take()).toEqual(["client credit 6"])
    expect(bed.legs).toHaveLength(1)
  })

  test("of lockstep waits for an answer", async () => {
    const { bed, call } = await begin({ ...SLOW, modes: ["lockstep"] }, [])
    call.data(message("abc"))
    call.data(message("def"))
    bed.take()
    bed.clock.advance(10_000)
    expect(bed.take()).toEqual([])
    call.leg.data(message("x"))
    expect(bed.take()).toContain("client credit 6")
  })

  test("and ends leaves nothing behind", async () => {
    const { bed, call } = await begin(SLOW, RESUME)
    call.data(message("abc"))
    call.data(message("def"))
    call.cancels()
    expect(bed.context.deadlines.size).toBe(0)
  })
})
