import { describe, expect, test } from "vitest"
import {
  CallBed,
  type CallBedOptions,
  type CallOfBed,
  message,
  settled,
} from "../../../../test/support/call-bed.ts"
import type { ContinuityConfig } from "../../../config/model.ts"
import { HeaderList } from "../../../http2/header-list.ts"
import { failure } from "../../../record/failure.ts"

const LOST = { origin: "connection" as const, reason: "ECONNRESET" }
const HANDOFF = ["continuity-accept", "handoff"]
const RESUME = ["continuity-accept", "resume", "continuity-session", "s1"]
const HANDED_OFF = ["grpc-status", "14", "continuity-handoff", "1"]
const DRAINED = { what: failure("drained", "we go"), isWithdrawn: false, cause: "drain" as const }

/** A call with continuity that has begun: its first leg is open. */
async function begin(
  continuity: Partial<ContinuityConfig>,
  options: CallBedOptions = {},
  request: Parameters<CallBed["call"]>[0] = {},
): Promise<{ bed: CallBed; call: CallOfBed }> {
  const bed = new CallBed({ continuity: { keepOctets: 1000, ...continuity }, ...options })
  const call = await bed.call(request)
  return { bed, call }
}

/** The next leg begins after the time that it waits. */
async function nextLeg(bed: CallBed, ms = 60): Promise<string[]> {
  bed.clock.advance(ms)
  await settled()
  return bed.take()
}

/** What a leg's head says of continuity. */
function said(line: string | undefined): string {
  return (line ?? "")
    .replaceAll(/continuity-call: [0-9a-f]{32}/g, "call")
    .replace(/^leg\d+ open 127\.0\.0\.1:(\d) \/s\/m, /, "$1 ")
}

describe("answers", () => {
  test("of a backend that takes no part pass as they come, and are counted", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200)
    bed.take()
    const answers = Buffer.concat([message("x"), message("yz")])
    call.leg.data(answers.subarray(0, 8))
    expect(bed.take()).toContain("client data |x\0\0")
    call.leg.data(answers.subarray(8))
    expect(call.call.record).toMatchObject({ responseMessages: 2, responseOctets: answers.length })
  })

  test("count for the next leg, whole and in parts", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.leg.data(Buffer.concat([message("a"), message("b")]))
    call.leg.data(message("cd").subarray(0, 6))
    expect(call.call.record.responseMessages).toBe(2)
    call.leg.data(Buffer.concat([message("cd").subarray(6), message("ef").subarray(0, 6)]))
    expect(call.call.record).toMatchObject({ responseMessages: 3, responseOctets: 6 + 6 + 7 + 6 })
    bed.take()
    call.leg.breaks(LOST)
    const opened = (await nextLeg(bed)).find((line) => line.includes("open"))
    expect(said(opened)).toContain("continuity-delivered: 3")
    expect(call.call.record.responseOctets).toBe(6 + 6 + 7)
    call.leg.head(200, [...RESUME, "continuity-received", "0"])
    call.leg.data(message("ef"))
    expect(call.call.record).toMatchObject({ responseMessages: 4, responseOctets: 6 + 6 + 7 + 7 })
  })
})

describe("a leg's head", () => {
  test("says which call and leg it is, and what is offered", async () => {
    const { bed } = await begin({ modes: ["handoff", "resume"] }, {}, { fields: ["continuity-x", "y"] })
    expect(bed.take().map(said)).toEqual(["1 call, continuity-leg: 0, continuity-offer: handoff, resume"])
  })

  test("of a later leg says where it goes on, and what is left of the deadline", async () => {
    const { bed, call } = await begin({ modes: ["resume"] }, {}, { fields: ["grpc-timeout", "10S"] })
    expect(bed.take()[0]).toContain("grpc-timeout: 10S")
    call.leg.head(200, RESUME)
    call.data(message("a"))
    call.leg.data(Buffer.concat([message("x"), message("y")]))
    bed.clock.advance(2001)
    bed.take()
    call.leg.breaks(LOST)
    const [, opened] = await nextLeg(bed)
    expect(said(opened)).toMatch(
      /^2 grpc-timeout: 79\d\dm, call, continuity-leg: 1, continuity-offer: resume, continuity-session: s1, continuity-delivered: 2, continuity-holds: 1$/,
    )
  })

  test("says no deadline where there is none, and the same call each time", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    const [first] = bed.take()
    call.leg.head(200, RESUME)
    call.leg.breaks(LOST)
    const second = (await nextLeg(bed)).find((line) => line.includes("open"))!
    const callOf = (line: string): string => /continuity-call: (\w+)/.exec(line)![1]!
    expect(callOf(second)).toBe(callOf(first!))
    expect(second).not.toContain("grpc-timeout")
  })

  test("of plain HTTP, and of a route without continuity, says nothing", async () => {
    const plain = await begin({ modes: ["resume"] }, {}, { contentType: "text/plain" })
    expect(plain.bed.take()).toEqual(["leg0 open 127.0.0.1:1 /s/m"])
    expect((await begin({ modes: [] })).bed.take()).toEqual(["leg0 open 127.0.0.1:1 /s/m"])
  })
})

describe("resume", () => {
  test("the next backend is sent what it says it has not received", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    for (const text of ["a", "b", "c"]) call.data(message(text))
    call.leg.data(message("x"))
    bed.take()
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    expect(lines.map(said)).toEqual([
      "release 127.0.0.1:1",
      "2 call, continuity-leg: 1, continuity-offer: resume, continuity-session: s1, continuity-delivered: 1, continuity-holds: 1",
    ])
    call.data(message("d"))
    expect(bed.take()).toEqual([])
    call.leg.head(200, [...RESUME, "continuity-received", "2"])
    expect(bed.take()).toEqual(["leg1 data |c|d", "client credit 6"])
    call.leg.data(message("y"))
    call.data(message("e"))
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.take()).toEqual([
      "client data |y",
      "leg1 credit 6",
      "leg1 data |e",
      "client credit 6",
      "client headers grpc-status: 0 END",
      "leg1 end early",
      "release 127.0.0.1:2",
      "client reset NO_ERROR",
    ])
    expect(bed.records[0]).toMatchObject({
      resumes: 1,
      responseMessages: 2,
      requestMessages: 5,
      continuity: { legs: 2, repeated: 1, moved: 0, gaps: 1 },
    })
    expect(bed.counters.get("continuity_legs")).toBe(1)
  })

  test("a method with one request is sent it at once by every leg", async () => {
    const { bed, call } = await begin({ modes: ["handoff", "resume"] })
    const fields = ["continuity-accept", "handoff, resume, one-request", "continuity-session", "s1"]
    call.leg.head(200, fields)
    call.data(message("a"), true)
    call.leg.data(message("x"))
    bed.take()
    for (const ends of [
      () => call.leg.breaks(LOST),
      () => call.leg.trailers(["grpc-status", "14", "continuity-handoff", "1"]),
      () => call.leg.breaks(LOST),
    ]) {
      ends()
      const lines = (await nextLeg(bed)).filter((line) => !line.startsWith("release"))
      expect([said(lines[0]), lines[1]]).toEqual([
        expect.stringMatching(/continuity-session: s1, continuity-delivered: \d, continuity-holds: 1$/),
        expect.stringMatching(/^leg\d data \|a END$/),
      ])
      call.leg.head(200, [...fields, "continuity-received", "1"])
      call.leg.data(message("y"))
      bed.clock.advance(2000)
      bed.take()
    }
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.records[0]).toMatchObject({
      grpcStatus: 0,
      responseMessages: 4,
      continuity: { legs: 4, moved: 1, repeated: 3 },
    })
  })

  test.each<[string, string[], string]>([
    [
      "does not accept what it was sent at once",
      ["continuity-received", "1"],
      "the backend did not say continuity-accept",
    ],
  ])("a backend of one request that %s ends the call", async (_, fields, reason) => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, ["continuity-accept", "resume, one-request", "continuity-session", "s1"])
    call.data(message("a"), true)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, fields)
    expect(bed.records[0]).toMatchObject({ grpcStatus: 14, grpcMessage: expect.stringContaining(reason) })
  })

  test.each<[string, string[], string]>([
    ["says nothing of what it has", RESUME, "the backend did not say continuity-received"],
    [
      "has more than was sent",
      [...RESUME, "continuity-received", "9"],
      "continuity-received is 9, and only 1 messages were sent",
    ],
    [
      "answers in another encoding",
      [...RESUME, "continuity-received", "0", "grpc-encoding", "gzip"],
      "its head says application/grpc gzip, the client has application/grpc identity",
    ],
  ])("a backend that %s ends the call", async (_, fields, reason) => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.data(message("a"))
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, fields)
    expect(bed.take().find((line) => line.startsWith("client headers"))).toContain(reason)
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
    expect(bed.counters.get("continuity_ended")).toBe(1)
  })

  test("a backend may not take back what it has said to have", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    for (const text of ["a", "b"]) call.data(message(text))
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, [...RESUME, "continuity-received", "2"])
    call.leg.breaks(LOST)
    await nextLeg(bed, 200)
    call.leg.head(200, [...RESUME, "continuity-received", "1"])
    expect(bed.records[0]!.grpcMessage).toContain("continuity-received is 1, and was 2 before")
  })

  test("without a session the stream ends with its backend", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, ["continuity-accept", "resume"])
    call.leg.breaks(LOST)
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
  })

  test("before its head the same may be tried once more", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed, 200)
    expect(said(lines.find((line) => line.includes("open")))).toContain(
      "continuity-leg: 2, continuity-offer: resume, continuity-session: s1",
    )
  })

  test("the client's trailers and half-close follow what is sent again", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.data(message("a"), true)
    bed.take()
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, [...RESUME, "continuity-received", "0"])
    expect(bed.take()).toEqual(["leg1 data |a END"])
    call.leg.breaks(LOST)
    await nextLeg(bed, 200)
    call.leg.head(200, [...RESUME, "continuity-received", "1"])
    expect(bed.take()).toEqual(["leg2 data  END"])
    const other = await begin({ modes: ["resume"] })
    other.call.leg.head(200, RESUME)
    other.call.data(message("a"))
    other.call.trailers(["x-t", "1", "te", "x"])
    other.bed.take()
    other.call.leg.breaks(LOST)
    await nextLeg(other.bed)
    other.call.leg.head(200, [...RESUME, "continuity-received", "0"])
    expect(other.bed.take()).toEqual(["leg1 data |a", "leg1 headers x-t: 1 END"])
  })

  test("a leg that waits is sent nothing, trailers neither", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.data(message("a"))
    call.trailers(["x-t", "1"])
    expect(bed.take()).toEqual([])
    call.leg.head(200, [...RESUME, "continuity-received", "0"])
    expect(bed.take()).toEqual(["leg1 data |a", "client credit 6", "leg1 headers x-t: 1 END"])
  })
})

describe("handoff", () => {
  test("the stream goes on where the backend hands it off", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, HANDOFF)
    call.data(message("a"))
    call.leg.data(message("x"))
    bed.take()
    call.leg.trailers([...HANDED_OFF, "continuity-session", "s2", "continuity-received", "1"])
    const lines = await nextLeg(bed)
    expect(lines.map(said)).toEqual([
      "leg0 end early",
      "release 127.0.0.1:1",
      "2 call, continuity-leg: 1, continuity-offer: handoff, continuity-session: s2, continuity-delivered: 1, continuity-holds: 1",
    ])
    // The handoff has said what is received.
    call.leg.head(200, HANDOFF)
    call.data(message("b"))
    expect(bed.take()).toEqual(["leg1 data |b", "client credit 6"])
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.records).toMatchObject([{ continuity: { legs: 2, moved: 1, repeated: 0 } }])
  })

  test.each<[string, string[], string[]]>([
    ["that does not accept it", [], HANDED_OFF],
    ["with another status", HANDOFF, ["grpc-status", "13", "continuity-handoff", "1"]],
    ["without a word of it", HANDOFF, ["grpc-status", "14"]],
  ])("from a backend %s is an answer", async (_, head, trailers) => {
    const { bed, call } = await begin({ modes: ["handoff", "restart"], statuses: [] })
    call.leg.head(200, head)
    call.leg.trailers(trailers)
    expect(bed.records).toHaveLength(1)
    expect(bed.take().join()).not.toContain("continuity-handoff")
  })

  test("within a message it is none", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, HANDOFF)
    call.leg.data(message("long").subarray(0, 7))
    call.leg.trailers(HANDED_OFF)
    expect(bed.records[0]!.grpcMessage).toContain("handed off within a message")
  })

  test("from nowhere it ends the call", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, HANDOFF)
    call.leg.trailers([...HANDED_OFF, "continuity-received", "7"])
    expect(bed.records[0]!.grpcMessage).toContain("continuity-received is 7, and only 0 messages were sent")
  })

  test("in a head of its own, by a leg that has just begun", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, HANDOFF)
    call.leg.trailers([...HANDED_OFF, "continuity-received", "0"])
    await nextLeg(bed)
    call.leg.head(200, [...HANDED_OFF, "continuity-accept", "handoff", "continuity-received", "0"], true)
    const lines = await nextLeg(bed, 200)
    expect(said(lines.find((line) => line.includes("open")))).toContain("continuity-leg: 2")
  })
})

describe("lockstep, restart, replay", () => {
  test("lockstep: the first message without an answer is sent again, and no more is kept", async () => {
    const { bed, call } = await begin({ modes: ["lockstep"] })
    call.leg.head(200)
    call.data(message("a"))
    call.leg.data(message("x"))
    call.data(message("b"))
    bed.take()
    call.leg.breaks(LOST)
    expect(await nextLeg(bed)).toMatchObject([
      "release 127.0.0.1:1",
      expect.stringContaining("open"),
      "leg1 data |b",
    ])
    expect(call.call.bufferedOctets).toBe(6)
    call.leg.head(200)
    call.leg.data(message("y"))
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.take().filter((line) => line.startsWith("client"))).toEqual([
      "client data |y",
      "client headers grpc-status: 0 END",
      "client reset NO_ERROR",
    ])
  })

  test("restart with the first message, with the last, with none", async () => {
    for (const [restartWith, again] of [
      ["first", ["leg1 data |a"]],
      ["last", ["leg1 data |c"]],
      ["none", []],
    ] as const) {
      const { bed, call } = await begin({ modes: ["restart"], restartWith })
      call.leg.head(200)
      for (const text of ["a", "b", "c"]) call.data(message(text))
      bed.take()
      call.leg.breaks(LOST)
      const lines = await nextLeg(bed)
      expect(lines.slice(2)).toEqual(again)
      call.data(message("d"))
      expect(bed.take()).toEqual(["leg1 data |d", "client credit 6"])
    }
  })

  test("what is sent again is no credit for the client, and counts as sent to the leg", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "first" })
    call.leg.head(200)
    call.data(message("a"))
    bed.take()
    bed.legRoom = 2
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    expect(lines.slice(2)).toEqual(["leg1 data |a"])
    call.data(message("b"))
    expect(bed.take()).toEqual(["leg1 data |b"])
    call.leg.take(4)
    expect(bed.take()).toEqual([])
    call.leg.take(5)
    expect(bed.take()).toEqual(["client credit 5"])
    call.leg.take(1)
    expect(bed.take()).toEqual(["client credit 1"])
    expect(call.call.record.attempts.at(-1)!.octetsSent).toBe(12)
  })

  test("restart with a first message too large to be kept: not at all", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "first", keepOctets: 8 })
    call.leg.head(200)
    call.data(message("0123456789"))
    call.leg.breaks(LOST)
    expect(bed.records).toHaveLength(1)
  })

  test("a message that was sent in part is sent whole to the next", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    call.data(message("a"))
    call.data(message("long").subarray(0, 7))
    bed.take()
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    expect(lines.at(-1)).toBe("leg1 data |lo")
    call.data(message("long").subarray(7))
    expect(bed.take().at(0)).toBe("leg1 data ng")
  })

  test("an ended request is opened ended where nothing is left of it", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" }, {}, {})
    call.leg.head(200)
    call.data(message("a"), true)
    bed.take()
    call.leg.breaks(LOST)
    expect((await nextLeg(bed)).at(-1)).toMatch(/^leg1 open .* END$/)
    const first = await begin({ modes: ["restart"], restartWith: "first" }, {}, {})
    first.call.leg.head(200)
    first.call.data(message("a"), true)
    first.bed.take()
    first.call.leg.breaks(LOST)
    expect((await nextLeg(first.bed)).slice(-2)).toEqual(["leg1 data |a", "leg1 data  END"])
  })
})

describe("what is not continued", () => {
  test("a message of which the client has a part", async () => {
    const { bed, call } = await begin(
      { modes: ["restart"], restartWith: "none" },
      { limits: { wholeMessageOctetsMax: 20 } },
    )
    call.leg.head(200)
    call.leg.data(message("0123456789012345678901234567890").subarray(0, 15))
    call.leg.breaks(LOST)
    expect(bed.records[0]!.grpcMessage).toContain("a part of a message has been given to the client")
  })

  test("one that is held whole is thrown away, and its octets are not the client's", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    call.leg.data(message("long").subarray(0, 7))
    expect([call.call.record.responseOctets, call.call.bufferedOctets]).toEqual([7, 7])
    bed.take()
    call.leg.breaks(LOST)
    const lines = await nextLeg(bed)
    expect(lines.join()).not.toContain("client data")
    expect([call.call.record.responseOctets, call.call.bufferedOctets]).toEqual([0, 0])
    call.leg.head(200)
    call.leg.data(message("x"))
    expect(bed.take()).toEqual(["client data |x", "leg1 credit 6"])
  })

  test("octets that the client has not taken of an earlier leg are not the next one's credit", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    call.client.room = 0
    call.leg.data(message("x"))
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200)
    call.leg.data(message("y"))
    bed.take()
    call.take(4)
    call.take(4)
    call.take(4)
    expect(bed.take()).toEqual(["leg1 credit 2", "leg1 credit 4"])
  })

  test("a status that is an answer goes to the client; one of the route's list does not", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", statuses: [14] })
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "14"])
    await nextLeg(bed)
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "13"])
    expect(bed.records).toMatchObject([{ grpcStatus: 13, resumes: 1 }])
  })

  test("in a head of its own, a status of the list is none either, and another is told in trailers", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", statuses: [14] })
    call.leg.head(200)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, ["grpc-status", "14"], true)
    await nextLeg(bed, 300)
    bed.take()
    call.leg.head(200, ["grpc-status", "9", "continuity-x", "y"], true)
    expect(bed.take().find((line) => line.startsWith("client"))).toBe("client headers grpc-status: 9 END")
  })

  test("an HTTP status after the client has a head is no answer", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(503, [], true)
    await nextLeg(bed, 300)
    expect(bed.legs).toHaveLength(3)
    const handoff = await begin({ modes: ["handoff"] })
    handoff.call.leg.head(200, HANDOFF)
    handoff.call.leg.trailers([...HANDED_OFF, "continuity-received", "0"])
    await nextLeg(handoff.bed)
    handoff.call.leg.head(503, HANDOFF, true)
    await nextLeg(handoff.bed, 300)
    expect(handoff.bed.legs).toHaveLength(3)
  })

  test("a refusal, with its reason", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, ["grpc-status", "9", "continuity-refuse", "unknown session"], true)
    expect(bed.records[0]!.grpcMessage).toContain("the backend refuses: unknown session")
  })

  test("unless the route lets it begin anew", async () => {
    const { bed, call } = await begin({ modes: ["resume"], refused: "restart", restartWith: "none" })
    call.leg.head(200, RESUME)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, ["grpc-status", "9", "continuity-refuse", "unknown session"], true)
    const lines = await nextLeg(bed, 200)
    expect(said(lines.find((line) => line.includes("open")))).toBe(
      "1 call, continuity-leg: 2, continuity-offer: resume",
    )
  })

  test("too many legs in a row that did not last", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", legsMax: 2 })
    for (let at = 0; at < 2; at++) {
      call.leg.head(200)
      call.leg.breaks(LOST)
      await nextLeg(bed, 200)
    }
    expect(bed.records[0]!.grpcMessage).toContain("2 legs in a row did not last a second (legsMax)")
  })

  test("one that lasted a second begins the count anew", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", legsMax: 2 })
    for (let at = 0; at < 5; at++) {
      call.leg.head(200)
      bed.clock.advance(1000)
      call.leg.breaks(LOST)
      await nextLeg(bed, 200)
    }
    expect(bed.records).toEqual([])
    expect(bed.legs).toHaveLength(6)
  })
})

describe("the time without a leg", () => {
  test("ends the call when it is too long", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none", gapMaxMs: 5000 })
    call.leg.head(200)
    bed.isReachable = () => "later"
    for (const connection of bed.connections) connection.isUsable = false
    bed.clock.advance(1000)
    call.leg.breaks(LOST)
    bed.clock.advance(4900)
    await settled()
    expect(bed.records).toEqual([])
    bed.clock.advance(200)
    await settled()
    expect(bed.records[0]!.grpcMessage).toContain("no backend took the stream over within 5000 ms (gapMax)")
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("is in the record, each gap and all together", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    for (let at = 0; at < 2; at++) {
      bed.clock.advance(2000)
      call.leg.breaks(LOST)
      await nextLeg(bed)
      bed.clock.advance(40)
      call.leg.head(200)
    }
    expect(call.call.record.continuity).toMatchObject({ gaps: 2, gapMs: 200, legs: 3 })
  })

  test.each<ContinuityConfig["modes"]>([["restart"], ["lockstep"], ["replay"]])(
    "mode %s needs no head: a backend that says one with its first message, much later, serves meanwhile",
    async (mode) => {
      const { bed, call } = await begin({ modes: [mode], gapMaxMs: 5000, legsMax: 2 })
      call.leg.head(200)
      call.data(message("a"))
      call.leg.data(message("x"))
      for (let at = 0; at < 4; at++) {
        bed.clock.advance(20_000)
        await settled()
        call.leg.breaks(LOST)
        await nextLeg(bed)
      }
      bed.clock.advance(20_000)
      call.leg.head(200)
      call.leg.data(message("x"))
      call.leg.data(message("y"))
      call.leg.trailers(["grpc-status", "0"])
      expect(bed.records[0]).toMatchObject({ grpcStatus: 0, continuity: { gaps: 4, gapMs: 60, legs: 5 } })
      expect(bed.context.deadlines.size).toBe(0)
    },
  )

  test("where a head says from where, one that does not come in time ends the call", async () => {
    const { bed, call } = await begin({ modes: ["resume"], gapMaxMs: 5000 })
    call.leg.head(200, RESUME)
    call.data(message("a"))
    call.leg.breaks(LOST)
    await nextLeg(bed, 5100)
    expect(bed.records[0]!.grpcMessage).toContain("no backend took the stream over within 5000 ms (gapMax)")
  })

  test("an endpoint that none is, is looked for again", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" }, { endpoints: 1 })
    call.leg.head(200)
    bed.clock.advance(2000)
    const states = [...bed.cluster.endpoints]
    bed.cluster.apply([])
    bed.take()
    call.leg.breaks(LOST)
    expect(await nextLeg(bed, 150)).toEqual(["release 127.0.0.1:1"])
    expect(states).toHaveLength(1)
    expect(bed.records).toEqual([])
  })

  test("the client's own deadline ends it there, too", async () => {
    const { bed, call } = await begin(
      { modes: ["restart"], restartWith: "none" },
      {},
      { fields: ["grpc-timeout", "3S"] },
    )
    call.leg.head(200)
    bed.isReachable = () => "later"
    for (const connection of bed.connections) connection.isUsable = false
    call.leg.breaks(LOST)
    bed.clock.advance(3020)
    expect(bed.records).toMatchObject([{ grpcStatus: 4 }])
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("a client that gives up leaves nothing behind", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "first" })
    call.leg.head(200)
    call.data(message("a"))
    call.leg.data(message("long").subarray(0, 7))
    call.leg.breaks(LOST)
    call.cancels()
    bed.clock.advance(60_000)
    await settled()
    expect(bed.legs).toHaveLength(1)
    expect([bed.context.deadlines.size, bed.context.budget.octets]).toEqual([0, 0])
  })
})

describe("a turn of the pacer", () => {
  test("moves the call where it can go on", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    bed.clock.advance(2000)
    bed.take()
    call.call.paced!.onTurn(DRAINED)
    const lines = await nextLeg(bed, 10)
    expect(lines.map((line) => said(line).slice(0, 19))).toEqual([
      "leg0 reset CANCEL",
      "release 127.0.0.1:1",
      "2 call, continuity-",
    ])
  })

  test("ends it where it cannot", async () => {
    const { bed, call } = await begin({ modes: ["handoff"] })
    call.leg.head(200, HANDOFF)
    call.call.paced!.onTurn(DRAINED)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
  })

  test("asks for a handoff by a half-close, and waits five seconds for it", async () => {
    const { bed, call } = await begin({ modes: ["handoff"], ask: "half-close" })
    call.leg.head(200, HANDOFF)
    call.data(message("a"))
    bed.take()
    call.call.paced!.onTurn(DRAINED)
    expect(bed.take()).toEqual(["leg0 data  END"])
    call.data(message("b"))
    expect(bed.take()).toEqual([])
    call.leg.trailers([...HANDED_OFF, "continuity-received", "1"])
    await nextLeg(bed)
    call.leg.head(200, HANDOFF)
    expect(bed.take()).toContain("leg1 data |b")
    expect(bed.context.deadlines.size).toBe(0)
    const silent = await begin({ modes: ["handoff"], ask: "half-close" })
    silent.call.leg.head(200, HANDOFF)
    silent.call.call.paced!.onTurn(DRAINED)
    silent.bed.clock.advance(4990)
    expect(silent.bed.records).toEqual([])
    silent.bed.clock.advance(30)
    expect(silent.bed.records).toMatchObject([{ grpcMessage: "we go" }])
  })

  test("no half-close within a message, nor where the backend does not accept handoffs", async () => {
    const within = await begin({ modes: ["handoff"], ask: "half-close" })
    within.call.leg.head(200, HANDOFF)
    within.call.data(message("long").subarray(0, 7))
    within.call.call.paced!.onTurn(DRAINED)
    expect(within.bed.records).toHaveLength(1)
    const other = await begin({ modes: ["handoff", "restart"], restartWith: "none", ask: "half-close" })
    other.call.leg.head(200)
    other.bed.take()
    other.call.call.paced!.onTurn(DRAINED)
    expect((await nextLeg(other.bed, 10))[0]).toBe("leg0 reset CANCEL")
  })

  test.each<[ContinuityConfig["modes"], string]>([
    [["handoff", "resume"], "client headers 200, grpc-status: 14, grpc-message: we go END"],
    [["handoff", "restart"], "leg0 reset CANCEL"],
  ])("before its head a call of modes %j moves where nothing of that is needed", async (modes, expected) => {
    const { bed, call } = await begin({ modes, restartWith: "none" })
    bed.take()
    call.call.paced!.onTurn(DRAINED)
    expect(bed.take()).toContain(expected)
  })
})

describe("what is kept for another leg", () => {
  test("no more than the route says: a message that is gone is not held any more", async () => {
    const { bed, call } = await begin({ modes: ["resume"], keepOctets: 12 })
    call.leg.head(200, RESUME)
    for (const text of ["a", "b", "c"]) call.data(message(text))
    expect(call.call.bufferedOctets).toBe(12)
    expect(bed.counters.get("continuity_log_exceeded")).toBe(1)
    call.data(message("d"))
    expect(bed.counters.get("continuity_log_exceeded")).toBe(1)
    bed.take()
    call.leg.breaks(LOST)
    expect(said((await nextLeg(bed)).at(-1))).toContain("continuity-holds: 3")
    call.leg.head(200, [...RESUME, "continuity-received", "1"])
    expect(bed.records[0]!.grpcMessage).toContain(
      "continuity-received is 1, and only messages from 3 on are kept",
    )
  })

  test("nothing where no backend takes part and no mode works without", async () => {
    const { bed, call } = await begin({ modes: ["handoff", "resume"] })
    call.data(message("a"))
    expect(call.call.bufferedOctets).toBe(6)
    call.leg.head(200)
    expect(call.call.bufferedOctets).toBe(0)
    call.data(message("b"))
    expect(call.call.bufferedOctets).toBe(0)
    call.leg.data(message("long").subarray(0, 7))
    expect(bed.take().slice(-2)).toEqual(["client data |lo", "leg0 credit 7"])
    call.leg.breaks(LOST)
    expect(bed.records).toHaveLength(1)
  })

  test("what is let go when memory is short is not sent again", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    for (const text of ["a", "b"]) call.data(message(text))
    const { budget } = bed.context
    expect(budget.octets).toBe(12)
    budget.add(Number.MAX_SAFE_INTEGER / 4)
    expect(call.call.bufferedOctets).toBe(0)
    budget.add(-Number.MAX_SAFE_INTEGER / 4)
    bed.take()
    call.leg.breaks(LOST)
    expect(said((await nextLeg(bed)).at(-1))).toContain("continuity-holds: 3")
  })

  test("what waits for a leg that is due stays, however short memory is", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.data(message("a"))
    call.leg.breaks(LOST)
    bed.context.budget.add(Number.MAX_SAFE_INTEGER / 4)
    expect(call.call.bufferedOctets).toBe(6)
  })

  test("what came before the first leg, trailers too, is the first leg's", async () => {
    const bed = new CallBed({ continuity: { keepOctets: 1000, modes: ["restart"], restartWith: "first" } })
    const call = bed.begin()
    call.data(message("a"))
    call.trailers(["x-t", "1"])
    await settled()
    expect(bed.take().slice(1)).toEqual(["leg0 data |a", "client credit 6", "leg0 headers x-t: 1 END"])
  })
})

describe("heads and trailers for the client", () => {
  test("say nothing of continuity", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, [...RESUME, "x-a", "1"])
    call.leg.trailers(["grpc-status", "0", "continuity-session", "s2"])
    expect(bed.take().filter((line) => line.startsWith("client"))).toEqual([
      "client headers 200, x-a: 1",
      "client headers grpc-status: 0 END",
      "client reset NO_ERROR",
    ])
    const alone = await begin({ modes: ["resume"] })
    alone.call.leg.head(200, [...RESUME, "grpc-status", "0"], true)
    expect(alone.bed.take().find((line) => line.startsWith("client"))).toBe(
      "client headers 200, grpc-status: 0 END",
    )
  })

  test("come once: of a later leg nothing but what follows", async () => {
    const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
    call.leg.head(200)
    call.leg.breaks(LOST)
    await nextLeg(bed)
    call.leg.head(200, ["x-a", "2"])
    expect(bed.take()).toEqual([])
    expect([...bed.cluster.endpoints].map(({ streamsAnswered }) => streamsAnswered)).toEqual([1, 1])
  })

  test("part of a message at the end of an answer is given to the client as it is", async () => {
    const { bed, call } = await begin({ modes: ["resume"] })
    call.leg.head(200, RESUME)
    call.leg.data(message("long").subarray(0, 7))
    call.leg.trailers(["grpc-status", "0"])
    expect(
      bed
        .take()
        .filter((line) => line.startsWith("client"))
        .slice(1, 3),
    ).toEqual(["client data |lo", "client headers grpc-status: 0 END"])
  })
})

test("an answer before anything of continuity is as ever", async () => {
  const { bed, call } = await begin(
    { modes: ["resume"] },
    { settings: { retry: { conditions: ["http_503", "non_idempotent"], tries: null, timeoutMs: null } } },
  )
  call.leg.head(503, [], true)
  await settled()
  expect(bed.legs).toHaveLength(2)
  call.leg.owner.onInformational({ list: new HeaderList([":status", "103"]), status: 103, contentLength: -1 })
  expect(bed.take().at(-1)).toBe("client headers 103")
})

test("a record shows the first leg and the latest fifteen", async () => {
  const { bed, call } = await begin({ modes: ["restart"], restartWith: "none" })
  for (let at = 0; at < 20; at++) {
    call.leg.head(200)
    bed.clock.advance(1000)
    call.leg.breaks(LOST)
    await nextLeg(bed)
  }
  expect(call.call.record.attempts).toHaveLength(17)
  expect(call.call.record.resumes).toBe(20)
})
