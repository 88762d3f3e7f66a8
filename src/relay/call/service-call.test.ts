import { describe, expect, test } from "vitest"
import {
  CallBed,
  type CallBedOptions,
  type FakeLeg,
  message,
  settled,
} from "../../../test/support/call-bed.ts"
import type { ServiceAnswer } from "../route/route.ts"
import { beginServiceCall } from "./service-call.ts"

const TIMEOUT_MS = 500

/** A service of the configuration that is asked, and what is told of its answer. */
async function ask(options: CallBedOptions = {}) {
  const bed = new CallBed(options)
  const { route } = (await bed.call()).call
  bed.take()
  const legs = bed.legs.length
  const answers: ServiceAnswer[] = []
  const question = { route, path: "/s.S/Ask", message: Buffer.from("who?"), timeoutMs: TIMEOUT_MS }
  const cancel = beginServiceCall(bed.context, question, (answer) => answers.push(answer))
  await settled()
  const leg = (): FakeLeg => bed.legs[legs]!
  /** What it is told in the end: a text, or the problem. */
  const said = (): string[] =>
    answers.map((answer) => ("problem" in answer ? answer.problem : answer.message.toString()))
  return { bed, leg, said, cancel }
}

/** One message of gRPC with another first octet, or another length. */
function odd(change: (octets: Buffer) => void): Buffer {
  const octets = message("yes")
  change(octets)
  return octets
}

describe("a service that is asked", () => {
  test("has a unary call like any other's, with a deadline, on the balancing of its route", async () => {
    const { bed } = await ask()
    const [open, ...sent] = bed.take()
    expect(open).toBe(
      "leg1 open 127.0.0.1:2 /s.S/Ask, te: trailers, grpc-timeout: 500m, grpc-accept-encoding: identity, user-agent: sluice",
    )
    expect(sent).toEqual(["leg1 data |who?", "leg1 data  END"])
  })

  test("answers with one message, which may come in pieces", async () => {
    const { bed, leg, said } = await ask()
    leg().head(200)
    const octets = message("yes")
    leg().data(octets.subarray(0, 2))
    leg().data(octets.subarray(2))
    expect(said()).toEqual([])
    leg().trailers(["grpc-status", "0"])
    expect(said()).toEqual(["yes"])
    expect(bed.records).toEqual([])
    expect(bed.take()).not.toContain("log end")
    bed.clock.advance(TIMEOUT_MS + 1000)
    expect(said()).toEqual(["yes"])
    expect(bed.counters.get("service_timeout")).toBe(0)
  })

  test("answers with an empty message", async () => {
    const { leg, said } = await ask()
    leg().head(200)
    leg().data(message(""))
    leg().trailers(["grpc-status", "0"])
    expect(said()).toEqual([""])
  })
})

describe("a call without a client", () => {
  test("goes over a connection that is up in one piece: its head, then its message with the end", async () => {
    const { bed } = await ask({ endpoints: 1 })
    const [open, ...sent] = bed.take()
    expect(open).toMatch(/user-agent: sluice$/)
    expect(sent).toEqual(["leg1 data |who? END"])
  })

  test("sends the message whole, with its prefix, and nothing behind it", async () => {
    const bed = new CallBed()
    const { route } = (await bed.call()).call
    const octets: Buffer[] = []
    bed.take()
    beginServiceCall(
      bed.context,
      { route, path: "/s.S/Ask", message: Buffer.from("who?"), timeoutMs: 500 },
      () => {},
    )
    await settled()
    const leg = bed.legs[1]!
    const send = leg.sendData.bind(leg)
    leg.sendData = (piece, start, end, isEnd) => {
      octets.push(Buffer.from(piece.subarray(start, end)))
      return send(piece, start, end, isEnd)
    }
    leg.breaks({ code: 7, origin: "peer", unprocessed: true })
    await settled()
    // Another leg is sent the same.
    expect(bed.legs.length).toBeGreaterThanOrEqual(2)
    expect(bed.take().find((line) => line.includes("data"))).toBe("leg1 data |who?")
  })

  test("names the cluster as the one that it is for", async () => {
    const bed = new CallBed()
    const { route } = (await bed.call()).call
    let authority = ""
    const connection = bed.connections[0]!
    const open = connection.open.bind(connection)
    for (const one of bed.connections)
      one.open = (list, endStream, isHead, owner) => {
        authority = list.get(":authority") ?? ""
        return open(list, endStream, isHead, owner)
      }
    beginServiceCall(
      bed.context,
      { route, path: "/s.S/Ask", message: Buffer.alloc(0), timeoutMs: 500 },
      () => {},
    )
    beginServiceCall(
      bed.context,
      { route, path: "/s.S/Ask", message: Buffer.alloc(0), timeoutMs: 500 },
      () => {},
    )
    await settled()
    expect(authority).toBe("c")
  })

  test("whose route answers by itself has an answer at once", async () => {
    const action = {
      kind: "return" as const,
      status: 403,
      template: "",
      contentType: "",
      grpcStatus: 7,
      grpcMessage: "no",
    }
    const bed = new CallBed({ action })
    const { route } = (await bed.call()).call
    const answers: ServiceAnswer[] = []
    const question = { route, path: "/s.S/Ask", message: Buffer.from("who?"), timeoutMs: 500 }
    beginServiceCall(bed.context, question, (answer) => answers.push(answer))
    expect(answers).toEqual([{ problem: "/s.S/Ask: grpc-status 7 no" }])
    expect(bed.context.deadlines.size).toBe(0)
    bed.clock.advance(2000)
    expect(answers).toHaveLength(1)
  })

  test("that is answered and then given up stays answered", async () => {
    const { bed, leg, said, cancel } = await ask()
    leg().head(200)
    leg().data(message("yes"))
    leg().trailers(["grpc-status", "0"])
    bed.take()
    cancel()
    expect([said(), bed.take()]).toEqual([["yes"], []])
  })

  test("gives credit for what it reads", async () => {
    const { bed, leg } = await ask()
    leg().head(200)
    bed.take()
    leg().data(message("yes"))
    expect(bed.take()).toEqual(["leg1 credit 8"])
  })
})

describe("what is no answer", () => {
  test("octets that end without a status", async () => {
    const { leg, said } = await ask()
    leg().head(200)
    leg().data(message("yes"), true)
    expect(said()).toEqual(["/s.S/Ask ended without a status"])
  })

  test("an answer of HTTP", async () => {
    const { leg, said } = await ask({ endpoints: 1 })
    leg().head(404, [], true)
    expect(said()[0]).toMatch(/^\/s\.S\/Ask: /)
  })

  test.each<[string, (leg: FakeLeg) => void, string]>([
    [
      "another status, with its message",
      (leg) => {
        leg.head(200)
        leg.trailers(["grpc-status", "7", "grpc-message", "no"])
      },
      "/s.S/Ask: grpc-status 7 no",
    ],
    [
      "a status without a message",
      (leg) => leg.head(200, ["grpc-status", "5"], true),
      "/s.S/Ask: grpc-status 5",
    ],
    [
      "no message at all",
      (leg) => leg.head(200, ["grpc-status", "0"], true),
      "/s.S/Ask answered with something else than one message",
    ],
    [
      "two of them",
      (leg) => {
        leg.head(200)
        leg.data(Buffer.concat([message("a"), message("b")]))
        leg.trailers(["grpc-status", "0"])
      },
      "/s.S/Ask answered with something else than one message",
    ],
    [
      "part of one",
      (leg) => {
        leg.head(200)
        leg.data(message("yes").subarray(0, 7))
        leg.trailers(["grpc-status", "0"])
      },
      "/s.S/Ask answered with something else than one message",
    ],
    [
      "one that is compressed",
      (leg) => {
        leg.head(200)
        leg.data(odd((octets) => (octets[0] = 1)))
        leg.trailers(["grpc-status", "0"])
      },
      "/s.S/Ask answered with a compressed message",
    ],
    ["a reset", (leg) => leg.breaks({ reason: "gone" }), "/s.S/Ask: its stream was reset"],
  ])("%s", async (_, answer, expected) => {
    const { bed, leg, said } = await ask({ endpoints: 1 })
    answer(leg())
    await settled()
    bed.clock.advance(2 * TIMEOUT_MS)
    expect(bed.counters.get("service_timeout")).toBe(0)
    expect(said()).toHaveLength(1)
    expect(said()[0]!.slice(0, expected.length)).toBe(expected)
  })

  test("silence, for longer than it has", async () => {
    const { bed, leg, said } = await ask()
    bed.take()
    bed.clock.advance(TIMEOUT_MS - 100)
    expect(said()).toEqual([])
    bed.clock.advance(1000)
    expect(said()).toEqual([`/s.S/Ask did not answer within ${TIMEOUT_MS} ms`])
    expect(bed.counters.get("service_timeout")).toBe(1)
    expect(bed.take()).toEqual(["leg1 reset CANCEL", "release 127.0.0.1:2"])
    expect(leg().isClosed).toBe(true)
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("more octets than are read: the call ends, and it is told once", async () => {
    const { bed, leg, said } = await ask({ limits: { serviceAnswerOctetsMax: 1024 } })
    leg().head(200)
    leg().data(message("a".repeat(1019)))
    expect(said()).toEqual([])
    leg().data("a")
    leg().data("a")
    expect(said()).toEqual(["/s.S/Ask answered with more than serviceAnswerOctetsMax"])
    expect(bed.counters.get("service_answer_too_large")).toBe(1)
    bed.take()
    await settled()
    expect(bed.take()).toEqual(["leg1 reset CANCEL", "release 127.0.0.1:2"])
    bed.clock.advance(TIMEOUT_MS + 1000)
    expect(said()).toHaveLength(1)
    expect(bed.counters.get("service_timeout")).toBe(0)
  })
})

test("an answer that is not wanted any more ends its call, and is told to no caller", async () => {
  const { bed, leg, said, cancel } = await ask()
  bed.take()
  cancel()
  expect(bed.take()).toEqual(["leg1 reset CANCEL", "release 127.0.0.1:2"])
  cancel()
  expect(bed.take()).toEqual([])
  expect(leg().isClosed).toBe(true)
  bed.clock.advance(TIMEOUT_MS + 1000)
  expect(said()).toEqual([])
  expect(bed.counters.get("service_timeout")).toBe(0)
})
