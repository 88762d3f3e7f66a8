import { describe, expect, test } from "vitest"
import {
  CallBed,
  type CallBedOptions,
  type CallOfBed,
  message,
  settled,
} from "../../../../test/support/call-bed.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import { failure } from "../../../record/failure.ts"
import { openingOf } from "./opening.ts"

const LOST = { origin: "connection" as const, reason: "ECONNRESET" }
const RESUME = ["continuity-accept", "resume", "continuity-session", "s1"]

async function begin(
  continuity: Partial<ContinuityConfig>,
  options: CallBedOptions = {},
): Promise<{ bed: CallBed; call: CallOfBed }> {
  const bed = new CallBed({ continuity: { keepOctets: 1000, ...continuity }, ...options })
  return { bed, call: await bed.call() }
}

async function nextLeg(bed: CallBed, ms = 60): Promise<string[]> {
  bed.clock.advance(ms)
  await settled()
  return bed.take()
}

/** A message of a text in field 1 and a token in field 4. */
function withToken(text: string, token: string): Buffer {
  const field = (number: number, value: string): Buffer =>
    Buffer.concat([Buffer.from([number * 8 + 2, value.length]), Buffer.from(value)])
  const body = Buffer.concat([field(1, text), token === "" ? Buffer.alloc(0) : field(4, token)])
  return message(body.toString("latin1"))
}

const client = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith("client"))

describe("mode replay: a leg is sent everything, and says again what the client has", () => {
  const REPLAY: Partial<ContinuityConfig> = { modes: ["replay"] }
  /** A call whose client has two answers to its two messages, and whose leg is lost. */
  const lost = async () => {
    const { bed, call } = await begin(REPLAY)
    call.leg.head(200)
    call.data(message("a"))
    call.leg.data(message("x"))
    call.data(message("b"))
    call.leg.data(message("y"))
    bed.take()
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    return { bed, call, lines }
  }

  test("which the client is not given, and then goes on", async () => {
    const { bed, call, lines } = await lost()
    expect(lines.at(-1)).toBe("leg1 data |a|b")
    call.leg.head(200)
    const again = Buffer.concat([message("x"), message("y"), message("z")])
    call.leg.data(again.subarray(0, 8))
    expect(bed.take()).toEqual(["leg1 credit 8"])
    call.leg.data(again.subarray(8))
    expect(bed.take()).toEqual(["client data |z", "leg1 credit 10"])
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.records).toMatchObject([
      { grpcStatus: 0, responseMessages: 3, responseOctets: 18, resumes: 1 },
    ])
  })

  test("to the octet at which it has said all of it", async () => {
    const { bed, call } = await lost()
    call.leg.head(200)
    call.leg.data(Buffer.concat([message("x"), message("y")]))
    expect(client(bed.take())).toEqual([])
    call.leg.data(message("z"))
    expect(client(bed.take())).toEqual(["client data |z"])
  })

  test.each<[string, (call: CallOfBed) => void]>([
    ["it says something else", (call) => call.leg.data(Buffer.concat([message("x"), message("n")]))],
    [
      "its answer is whole before it has said all of it",
      (call) => {
        call.leg.data(message("x"))
        call.leg.trailers(["grpc-status", "0"])
      },
    ],
    [
      "it ends within it",
      (call) => {
        call.leg.data(message("x"), true)
      },
    ],
  ])("else the client is told that it is another answer: %s", async (_, says) => {
    const { bed, call } = await lost()
    call.leg.head(200)
    says(call)
    expect(bed.records).toMatchObject([{ grpcStatus: 15 }])
    expect(bed.records[0]!.grpcMessage).toContain("it did not give the same answers (mode replay)")
    expect(bed.counters.get("continuity_ended")).toBe(1)
    expect(bed.counters.get("continuity_legs")).toBe(1)
  })

  test("an error before it has said all of it is an answer still", async () => {
    const { bed, call } = await lost()
    call.leg.head(200)
    call.leg.data(message("x"))
    call.leg.trailers(["grpc-status", "5"])
    expect(bed.records).toMatchObject([{ grpcStatus: 5 }])
  })

  test("a call that has no answer yet has nothing said again", async () => {
    const { bed, call } = await begin(REPLAY)
    call.leg.head(200)
    call.data(message("a"))
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200)
    call.leg.data(message("x"))
    expect(client(bed.take())).toEqual(["client data |x"])
  })

  test("not where the beginning of the request is gone", async () => {
    const { bed, call } = await begin({ ...REPLAY, keepOctets: 8 })
    call.leg.head(200)
    for (const text of ["abc", "def"]) call.data(message(text))
    call.leg.breaks(LOST)
    await settled()
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
  })
})

describe("mode cursor: a leg is sent the first message with the token of the last answer", () => {
  const CURSOR: Partial<ContinuityConfig> = {
    modes: ["cursor"],
    cursorFrom: "4",
    cursorInto: "4",
    holdOctets: 200,
  }
  const begun = async (continuity: Partial<ContinuityConfig> = CURSOR, options: CallBedOptions = {}) => {
    const made = await begin(continuity, options)
    made.call.leg.head(200)
    made.call.data(withToken("a", ""))
    return made
  }
  const sent = (lines: readonly string[]): string[] =>
    lines.filter((line) => /^leg\d+ data/.test(line)).map((line) => line.replace(/^leg\d+ data /, ""))

  test("and the client has every answer once", async () => {
    const { bed, call } = await begun()
    call.leg.data(withToken("x", "t1"))
    call.leg.data(withToken("y", ""))
    expect(client(bed.take()).filter((line) => line.includes("data"))).toHaveLength(1)
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    expect(sent(lines)).toEqual([expect.stringContaining("t1")])
    call.leg.head(200)
    call.leg.data(withToken("y", "t2"))
    expect(client(bed.take())).toHaveLength(1)
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.records).toMatchObject([{ grpcStatus: 0, responseMessages: 2 }])
  })

  test("or as it was, where no answer has come", async () => {
    const { bed, call } = await begun()
    bed.take()
    call.leg.breaks(LOST)
    expect(sent(await nextLeg(bed))[0]).not.toContain("t1")
  })

  test("not where the client has more than the token stands for", async () => {
    const { bed, call } = await begun({ ...CURSOR, holdOctets: 1 } as never)
    call.leg.data(withToken("x", "t1"))
    call.leg.data(withToken("y".repeat(50), ""))
    call.leg.breaks(LOST)
    await settled()
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
  })

  test("where the backend itself says how it goes on, its messages are not held for a token", async () => {
    const { bed, call } = await begin({ ...CURSOR, modes: ["resume", "cursor"] })
    call.leg.head(200, RESUME)
    call.data(withToken("a", ""))
    bed.take()
    call.leg.data(withToken("x", ""))
    expect(client(bed.take())).toHaveLength(1)
  })
})

describe("what a leg is sent when it opens", () => {
  const token: FieldValue = { wireType: 2, octets: Buffer.from("t") }
  const opened = (mode: Parameters<typeof openingOf>[0], sentMessages: number, first: Buffer | null) =>
    openingOf(
      mode,
      {
        sentMessages,
        restart: (again) => ({ kind: "from", again: Buffer.from(again), message: 99 }),
        firstWith: () => first,
      },
      { delivered: 7, token },
      { restartWith: "last" } as ContinuityConfig,
      false,
    )
  const first = Buffer.from("first")

  test.each<[Parameters<typeof openingOf>[0], unknown]>([
    ["handoff", { kind: "wait" }],
    ["resume", { kind: "wait" }],
    ["lockstep", { kind: "from", again: null, message: 7 }],
    ["replay", { kind: "from", again: null, message: 0 }],
    ["restart", { kind: "from", again: Buffer.from("last"), message: 99 }],
    ["cursor", { kind: "from", again: first, message: 3 }],
  ])("%s", (mode, expected) => {
    expect(opened(mode, 3, first)).toEqual(expected)
  })

  test("cursor, before the first message was sent, and without a token to put into it", () => {
    expect(opened("cursor", 0, first)).toEqual({ kind: "from", again: first, message: 1 })
    expect(opened("cursor", 3, null)).toEqual({ kind: "from", again: Buffer.from("first"), message: 99 })
  })
})

describe("a leg of a call that goes on", () => {
  test("has no endpoint: it is looked for again, until the gap is too long", async () => {
    const { bed, call } = await begin(
      { modes: ["restart"], restartWith: "none", gapMaxMs: 1000 },
      { endpoints: 1 },
    )
    call.leg.head(200)
    bed.clock.advance(2000)
    bed.cluster.apply([])
    call.leg.breaks(LOST)
    for (let passed = 0; passed < 900; passed += 100) {
      bed.clock.advance(100)
      await settled()
    }
    expect(bed.records).toEqual([])
    bed.clock.advance(300)
    await settled()
    expect(bed.records[0]!.grpcMessage).toContain("no backend took the stream over within 1000 ms (gapMax)")
    expect(bed.counters.get("continuity_ended")).toBe(1)
  })

  test("that does not fit and cannot go on ends the call with the reason", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    for (const text of ["a", "b"]) call.data(message(text))
    call.leg.breaks(LOST)
    await nextLeg(bed)
    // Another leg has no other way either.
    call.leg.head(200, [...RESUME, "continuity-received", "x"])
    expect(bed.records[0]!.grpcMessage).toContain("continuity-received cannot be read")
    expect(bed.records[0]!.grpcMessage).toContain("127.0.0.1:2")
  })

  test("octets of the client that come between two legs are the next one's", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    bed.isReachable = () => "later"
    for (const connection of bed.connections) connection.isUsable = false
    call.leg.breaks(LOST)
    bed.take()
    call.data(message("a"))
    expect(bed.take()).toEqual([])
    expect(call.call.bufferedOctets).toBe(6)
    await nextLeg(bed)
    bed.connections.at(-1)!.comesUp()
    expect(bed.take().slice(1)).toEqual(["leg1 data |a", "client credit 6"])
  })

  test("in a row: how many did not last is counted from those that reached a backend", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", legsMax: 2 })
    call.leg.head(200)
    bed.isReachable = () => false
    for (const connection of bed.connections) connection.isUsable = false
    call.leg.breaks(LOST)
    for (let tries = 0; tries < 5; tries++) {
      bed.clock.advance(300)
      await settled()
    }
    expect(bed.records).toEqual([])
  })

  test("a status of a later leg that is a failure is told with why no other follows", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", statuses: [14], legsMax: 1 })
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "14"])
    await settled()
    expect(bed.records[0]!.grpcMessage).toContain("1 legs in a row did not last a second (legsMax)")
    expect(bed.records[0]!.grpcMessage).toContain("grpc-status 14")
  })

  test("the client is told what ended it where nothing more is known", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, ["continuity-accept", "handoff"])
    call.fail(failure("drained", "we go"))
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    expect(bed.counters.get("continuity_ended")).toBe(0)
  })
})
