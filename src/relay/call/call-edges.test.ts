import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, message, settled } from "../../../test/support/call-bed.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import { stateOf } from "../../record/request-state.ts"
import { TURN_ROW, TurnMessages } from "../overload/turn-messages.ts"
import type { AnsweredCall, ContentHandler, Phase } from "../route/route.ts"
import { ROUTE_ROW, RouteMeter } from "../route/route-meter.ts"
import { headersProblem } from "./call-request.ts"
import type { Leg } from "./leg.ts"

const HTTP = { contentType: "text/plain", method: "GET", ended: true }
const UPLOAD = { contentType: "text/plain", method: "POST" }
const LOST = { origin: "connection" as const, reason: "gone" }
const page = (...httpStatuses: number[]) => ({
  errorPages: [{ httpStatuses, status: null, target: "/page" }],
})
const client = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith("client"))

describe("what a phase answers in the backend's place", () => {
  /** A bed whose route answers by itself. `begin`: what the handler does at once. */
  const answering = (begin: (call: AnsweredCall) => void, options: CallBedOptions = {}) => {
    let call: AnsweredCall | null = null
    const told: string[] = []
    const content: Phase = (): ContentHandler => ({
      kind: "content",
      answer: (given) => {
        call = given
        begin(given)
        return { onSent: () => told.push("sent"), cancel: () => told.push("over") }
      },
    })
    const bed = new CallBed({ action: { kind: "files" } as never, content, ...options })
    return { bed, told, answer: () => call! }
  }
  const head = (status: number): HeaderList => new HeaderList([":status", String(status), "x-a", "1"])

  test("is told as it comes, and its octets count", async () => {
    const { bed, told, answer } = answering((call) => call.sendAnswerHead(head(200), false))
    const call = await bed.call(HTTP)
    expect(client(bed.take())).toEqual(["client headers 200, x-a: 1"])
    call.client.room = 1
    answer().sendAnswerData(Buffer.from("#abc#"), 1, 4, false)
    expect(answer().queuedOctets).toBe(2)
    call.take(1)
    call.take(1)
    expect(told).toEqual(["sent", "sent"])
    expect(bed.records).toEqual([])
    call.client.room = 9
    answer().sendAnswerData(Buffer.from("de"), 0, 2, true)
    expect(client(bed.take())).toEqual(["client data abc", "client data de END"])
    expect(bed.records).toMatchObject([{ status: 200, responseOctets: 5 }])
    expect(told.at(-1)).toBe("over")
  })

  test("may be a head alone, sent while the handler begins", async () => {
    const { bed, told } = answering((call) => call.sendAnswerHead(head(304), true))
    await bed.call(HTTP)
    expect(client(bed.take())).toEqual(["client headers 304, x-a: 1 END"])
    expect(bed.records).toMatchObject([{ status: 304 }])
    expect(told).toEqual(["over"])
  })

  test("is over once its octets are taken, and the request is not wanted further", async () => {
    const { bed, answer } = answering((call) => call.sendAnswerHead(head(200), false))
    const call = await bed.call(UPLOAD)
    call.data("abc")
    expect(bed.take()).toContain("client credit 3")
    call.client.room = 0
    answer().sendAnswerData(Buffer.from("de"), 0, 2, true)
    expect(bed.take()).not.toContain("client reset NO_ERROR")
    call.take()
    expect(bed.take()).toContain("client reset NO_ERROR")
  })

  test("fails in the client's words, and is told that it is over once", async () => {
    const { bed, told, answer } = answering(() => {})
    await bed.call(HTTP)
    answer().fail(failure("internal", "broken"))
    expect(client(bed.take())[0]).toMatch(/^client headers 500/)
    expect(told).toEqual(["over"])
    expect(answer().record.status).toBe(500)
  })

  test("counts a status that an error has led to, and the head says it", async () => {
    const content: Phase = ({ record }) => {
      record.state!.errorStatus = 404
      return {
        kind: "content",
        answer: (call) => {
          call.sendAnswerHead(head(200), true)
          return { onSent() {}, cancel() {} }
        },
      }
    }
    const bed = new CallBed({
      action: { kind: "files" } as never,
      content: (call, context) => {
        call.record.state ??= null
        return content(
          Object.assign(call, { record: Object.assign(call.record, { state: stateOf(call.record) }) }),
          context,
        )
      },
    })
    await bed.call(HTTP)
    expect(client(bed.take())).toEqual(["client headers 404, x-a: 1 END"])
    expect(bed.records).toMatchObject([{ status: 404 }])
  })
})

describe("a return of the configuration's", () => {
  const returning = async (
    status: number,
    text: string,
    { isGrpc = false, more = {} as object, request = HTTP as object } = {},
  ) => {
    const action = {
      kind: "return" as const,
      status,
      template: text,
      contentType: "text/plain",
      grpcStatus: null,
      grpcMessage: null,
      ...more,
    }
    const bed = new CallBed({ action: action as never })
    let ended = 0
    const call = bed.begin({ ...request, ...(isGrpc && { contentType: "application/grpc", method: "POST" }) })
    Object.assign(call.client, { endConnection: () => ended++ })
    await settled()
    return { bed, call, lines: client(bed.take()), ended: () => ended }
  }

  test("is a text", async () => {
    const { bed, lines } = await returning(200, "hello")
    expect(lines).toEqual(["client headers 200", "client data hello END"])
    expect(bed.records).toMatchObject([{ status: 200, responseOctets: 5 }])
  })

  test("of an error is a page, and of nginx's own numbers one of 400", async () => {
    const { bed, lines } = await returning(497, "")
    expect(lines[0]).toBe("client headers 400")
    expect(bed.records).toMatchObject([{ status: 400 }])
    expect((await returning(404, "")).lines[0]).toBe("client headers 404")
  })

  test("of a redirect has its location, and no other has one", async () => {
    expect((await returning(301, "/there")).lines[0]).toContain("location: http://")
    expect((await returning(404, "")).lines[0]).not.toContain("location")
  })

  test("of nginx's number for it is no answer at all", async () => {
    const { bed, lines } = await returning(444, "")
    expect(lines).toEqual(["client reset CANCEL"])
    expect(bed.records).toMatchObject([{ status: 444 }])
  })

  test("to gRPC is a status, from 300 on or where one is named", async () => {
    expect((await returning(404, "no such thing", { isGrpc: true })).lines[0]).toBe(
      "client headers 200, grpc-status: 12, grpc-message: no such thing END",
    )
    expect((await returning(300, "many", { isGrpc: true })).lines[0]).toContain("grpc-status: ")
    expect((await returning(299, "ok", { isGrpc: true })).lines[0]).toBe("client headers 299")
    const named = { isGrpc: true, more: { grpcStatus: 0, grpcMessage: "fine" } }
    expect((await returning(200, "x", named)).lines[0]).toBe(
      "client headers 200, grpc-status: 0, grpc-message: fine END",
    )
  })

  test("to HEAD has no body", async () => {
    const { lines } = await returning(200, "hello", { request: { ...HTTP, method: "HEAD" } })
    expect(lines).toEqual(["client headers 200 END"])
  })

  test("is not waited for by a request that goes on", async () => {
    const { lines } = await returning(200, "hello", { request: UPLOAD })
    expect(lines.at(-1)).toBe("client reset NO_ERROR")
  })
})

describe("a connection of HTTP/1", () => {
  const failed = async (httpStatus: number, isGrpc = false): Promise<number> => {
    const bed = new CallBed()
    const call = await bed.call(isGrpc ? {} : HTTP)
    let ended = 0
    Object.assign(call.client, { endConnection: () => ended++ })
    call.fail({ ...failure("bad_request", "no"), httpStatus })
    return ended
  }

  test("ends behind an error after which its octets may be no request", async () => {
    expect([await failed(400), await failed(404), await failed(413)]).toEqual([1, 0, 1])
  })

  test("carries gRPC on, whatever its error", async () => {
    expect(await failed(400, true)).toBe(0)
  })
})

describe("a header list too large for its client", () => {
  const small = async (most: number, fields: string[]) => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call()
    call.client.headerListMax = most
    call.leg.head(200, fields)
    call.leg.trailers(["grpc-status", "5", "grpc-message", "m".repeat(300)])
    return { bed, lines: client(bed.take()) }
  }

  test("is no answer where it is a head, and is cut where it is an ending", async () => {
    const head = await small(100, ["x-a", "a".repeat(300)])
    expect(head.lines[0]).toContain("grpc-status: 8")
    const trailers = await small(200, [])
    expect(trailers.lines.at(-2)).toMatch(/^client headers grpc-status: 5, grpc-message: m{1,200} END$/)
    expect(trailers.bed.counters.get("trailers_cut")).toBe(1)
    expect(trailers.bed.log.saying("trailers are cut to what their client takes")[0]).toMatchObject({
      client: "192.0.2.1",
      most: 200,
      grpcStatus: "5",
    })
  })

  test("to the octet: what fits is sent as it is", async () => {
    const list = new HeaderList(["grpc-status", "5", "grpc-message", "m".repeat(300)])
    const fits = await small(list.octets, [])
    expect(fits.lines.at(-2)).toBe(`client headers grpc-status: 5, grpc-message: ${"m".repeat(300)} END`)
    expect(fits.bed.counters.get("trailers_cut")).toBe(0)
    const cut = await small(list.octets - 1, [])
    expect(cut.bed.counters.get("trailers_cut")).toBe(1)
  })

  test("of an interim answer is not sent", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const interim = new HeaderList([":status", "103", "link", "a".repeat(100)])
    const told = (most: number): number => {
      call.client.headerListMax = most
      call.leg.owner.onInformational({ list: interim, status: 103, contentLength: -1 })
      return client(bed.take()).length
    }
    expect([told(interim.octets - 1), told(interim.octets)]).toEqual([0, 1])
  })

  test("to a backend is refused before it is sent, and says so to the octet", () => {
    const list = new HeaderList(["x", "y"])
    const leg = (headerListMax: number, octetsSent = 0): Leg =>
      ({ headerListMax, octetsSent, where: "there" }) as unknown as Leg
    expect(headersProblem(leg(list.octets), list)).toBe(null)
    expect(headersProblem(leg(list.octets - 1), list)).toMatchObject({
      kind: "headers_too_large",
      message: `there: takes header lists of ${list.octets - 1} octets, this one has ${list.octets}`,
      isUnsent: true,
    })
    expect(headersProblem(leg(1, 1), list)!.isUnsent).toBe(false)
  })
})

describe("the page of an error", () => {
  test("is not asked for with a body of which too much has gone", async () => {
    const bed = new CallBed({ endpoints: 1, settings: page(502), limits: { replayOctets: 0 } as never })
    const call = await bed.call(UPLOAD)
    call.data("x".repeat(200_000))
    call.leg.breaks(LOST)
    await settled()
    expect(bed.legs).toHaveLength(1)
    expect(bed.records[0]!.grpcMessage).toContain("the request cannot be sent once more")
  })

  test("is asked with the body that was kept, whatever the route lets bodies be", async () => {
    const bed = new CallBed({ endpoints: 1, settings: { ...page(413, 502), maxBodyOctets: 3 } })
    const call = await bed.call(UPLOAD)
    call.data("ab")
    call.leg.breaks(LOST)
    await settled()
    expect(bed.take().slice(-2)).toMatchObject([expect.stringContaining("leg1 open"), "leg1 data ab"])
    call.data("cdefgh", true)
    expect(bed.take()).toContain("leg1 data cdefgh END")
    bed.legs[1]!.head(200, [], true)
    expect(bed.records).toMatchObject([{ status: 502 }])
  })

  test("whose route has continuity is not asked without its body either", async () => {
    const pageContinuity = { modes: ["resume" as const] }
    const bed = new CallBed({ endpoints: 1, settings: page(502), pageContinuity })
    const call = await bed.call()
    call.data("x".repeat(200_000))
    call.leg.breaks(LOST)
    await settled()
    expect(bed.legs).toHaveLength(1)
    expect(bed.records[0]!.grpcMessage).toContain("the request cannot be sent once more")
  })

  test("whose route has continuity gives credit for what has been taken before once", async () => {
    const pageContinuity = { modes: ["resume" as const] }
    const bed = new CallBed({ endpoints: 1, settings: page(502), pageContinuity })
    bed.legRoom = 3
    const call = await bed.call()
    call.data("abcde")
    bed.legRoom = 10
    call.leg.breaks(LOST)
    await settled()
    call.data("fg")
    expect(bed.take().filter((line) => line.startsWith("client") || line.includes("data"))).toEqual([
      "leg0 data abcde",
      "client credit 3",
      "leg1 data abcde",
      "client credit 2",
      "leg1 data fg",
      "client credit 2",
    ])
  })

  test("has a timer and tries of its own", async () => {
    const retry = { conditions: ["error" as const], tries: 2, timeoutMs: null }
    const bed = new CallBed({ endpoints: 2, settings: { ...page(502), retry, readTimeoutMs: 1000 } })
    const call = await bed.call(HTTP)
    call.leg.breaks(LOST)
    await settled()
    bed.legs[1]!.breaks(LOST)
    await settled()
    // Both are used up; at the page both are asked again.
    expect(bed.legs).toHaveLength(3)
    bed.legs[2]!.breaks(LOST)
    await settled()
    expect(bed.legs).toHaveLength(4)
    bed.legs[3]!.head(200, [], true)
    expect(bed.records).toHaveLength(1)
    expect(bed.context.deadlines.size).toBe(0)
  })
})

test("a client that keeps its streams itself, where it may, is not kept twice", async () => {
  const continuity = { modes: ["resume" as const], keepOctets: 1000 }
  const isKept = async (clients: "trusted" | "ignored", ...fields: string[]): Promise<boolean> => {
    const call = await new CallBed({ continuity: { ...continuity, clients } }).call({ fields })
    return call.call.continuity !== null
  }
  const offer = ["continuity-offer", "resume"]
  expect([await isKept("trusted", ...offer), await isKept("ignored", ...offer)]).toEqual([false, true])
  expect(await isKept("trusted")).toBe(true)
})

describe("what comes after a call is over", () => {
  const over = async (request = UPLOAD as object) => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call(request)
    call.client.room = 0
    call.fail(failure("access_denied", "no"))
    bed.take()
    return { bed, call }
  }

  test("from its client has credit, so that it can end its request", async () => {
    const { bed, call } = await over()
    call.data("abc")
    expect(bed.take()).toEqual(["client credit 3"])
  })

  test("has credit where no leg ever read, and is not counted: the record is told", async () => {
    const bed = new CallBed({ endpoints: 0 })
    const call = await bed.call(UPLOAD)
    bed.take()
    call.data("abc")
    expect(bed.take()).toEqual(["client credit 3"])
    expect([bed.context.budget.octets, bed.records[0]!.requestOctets]).toEqual([0, 0])
  })

  test("has no timer any more, where its timeout sought another endpoint and every one is full", async () => {
    const retry = {
      conditions: ["timeout" as const, "non_idempotent" as const],
      tries: null,
      timeoutMs: null,
    }
    const bed = new CallBed({ endpoints: 2, settings: { readTimeoutMs: 1000, retry } })
    await bed.call({ ended: true })
    for (const endpoint of bed.cluster.endpoints) Object.defineProperty(endpoint, "isFull", { value: true })
    bed.clock.advance(1500)
    await settled()
    expect(bed.records[0]!.grpcMessage).toContain("sent nothing for 1000 ms")
    expect([bed.legs.length, bed.records.length, bed.context.deadlines.size]).toEqual([1, 1, 0])
  })

  test("of a client that cannot take what came is not broken off once more", async () => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call()
    call.leg.head(200)
    call.client.sendData = () => {
      call.call.fail(failure("internal", "it cannot be translated"))
      return 0
    }
    bed.take()
    call.leg.data(message("a"), true)
    expect(client(bed.take())).toEqual([
      "client headers grpc-status: 13, grpc-message: it cannot be translated END",
      "client reset NO_ERROR",
    ])
    expect(bed.records).toHaveLength(1)
  })

  test("is not a second ending, nor a second record", async () => {
    const { bed, call } = await over()
    call.fail(failure("internal", "again"))
    call.take()
    call.cancels()
    call.call.settle()
    expect(client(bed.take())).toEqual(["client reset NO_ERROR"])
    expect(bed.records).toHaveLength(1)
  })

  test("is what it holds: its header lists until its client has taken the answer, or is gone", async () => {
    const large = ["x-large", "a".repeat(8000)]
    const { bed, call } = await over({ ...UPLOAD, fields: large })
    expect(call.call.bufferedOctets).toBeGreaterThan(8000)
    expect(bed.context.budget.octets).toBeGreaterThan(8000)
    call.take()
    expect(call.call.bufferedOctets).toBe(0)
    expect(bed.context.budget.octets).toBe(0)
    const gone = await over({ ...UPLOAD, fields: large })
    gone.call.cancels()
    expect(gone.bed.context.budget.octets).toBe(0)
  })

  test("is ended at once, with what it holds, where memory is short", async () => {
    const { bed, call } = await over({ ...UPLOAD, fields: ["x-large", "a".repeat(8000)] })
    call.call.shed(failure("overload", "memory"))
    expect(client(bed.take())).toEqual(["client discard", "client reset ENHANCE_YOUR_CALM"])
    expect(bed.context.budget.octets).toBe(0)
  })
})

describe("an answer that is whole before its request", () => {
  test("of HTTP lets the client go on uploading, and ends with it", async () => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call(UPLOAD)
    call.leg.head(200, [], true)
    expect(bed.take()).not.toContain("leg0 end early")
    call.data("abc")
    expect(bed.take()).toContain("leg0 data abc")
    expect(bed.records).toEqual([])
    call.data("", true)
    expect(bed.records).toHaveLength(1)
  })

  test("of gRPC ends the call; the endpoint that has all of it is not broken off", async () => {
    const bed = new CallBed({ endpoints: 1 })
    const whole = await bed.call()
    whole.data(message("a"), true)
    whole.leg.localEnded = true
    whole.leg.head(200)
    whole.leg.trailers(["grpc-status", "0"])
    expect(bed.take()).not.toContain("leg0 end early")
    const part = await bed.call()
    part.leg.head(200)
    part.leg.trailers(["grpc-status", "0"])
    expect(bed.take()).toContain("leg1 end early")
    expect(bed.records).toHaveLength(2)
  })

  test("whose trailers come from the client last is over with them", async () => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call(UPLOAD)
    call.leg.head(200, [], true)
    call.leg.localEnded = true
    expect(bed.records).toEqual([])
    call.trailers(["x", "y"])
    expect(bed.records).toHaveLength(1)
  })

  test("and whose last octets the endpoint takes later is over then", async () => {
    const bed = new CallBed({ endpoints: 1 })
    bed.legRoom = 0
    const call = await bed.call(UPLOAD)
    call.data("abc", true)
    call.leg.head(200, [], true)
    call.leg.localEnded = true
    expect(bed.records).toEqual([])
    call.leg.take()
    expect(bed.records).toHaveLength(1)
  })
})

describe("a leg that ends by itself", () => {
  const begun = async (request: object = {}) => {
    const bed = new CallBed({ endpoints: 1 })
    const call = await bed.call(request)
    return { bed, call }
  }

  test("by a reset: its code is the client's, for gRPC always, for HTTP behind a head", async () => {
    const reset = { code: ErrorCode.REFUSED_STREAM, origin: "peer" as const }
    const grpc = await begun()
    grpc.call.leg.breaks({ code: ErrorCode.INTERNAL_ERROR, origin: "peer" })
    expect(client(grpc.bed.take()).at(-1)).toBe("client reset INTERNAL_ERROR")
    const http = await begun(HTTP)
    http.call.leg.breaks(reset)
    expect(client(http.bed.take())[0]).toMatch(/^client headers 502/)
    const headed = await begun(HTTP)
    headed.call.leg.head(200)
    headed.call.leg.breaks({ code: ErrorCode.INTERNAL_ERROR, origin: "peer" })
    expect(client(headed.bed.take()).at(-1)).toBe("client reset INTERNAL_ERROR")
    expect(headed.bed.records).toMatchObject([{ status: 200 }])
  })

  test("by a break of its connection: what the client is told", async () => {
    const { bed, call } = await begun(HTTP)
    call.leg.head(200)
    call.leg.breaks(LOST)
    expect(client(bed.take()).at(-1)).toBe("client reset INTERNAL_ERROR")
  })
})

test("a call is timed once it has its head: a backend that is silent is left for the next", async () => {
  const retry = { conditions: ["timeout" as const, "non_idempotent" as const], tries: null, timeoutMs: null }
  const bed = new CallBed({
    endpoints: 2,
    settings: { readTimeoutMs: 1000, bodyTimeoutMs: null, sendTimeoutMs: null, retry },
  })
  const call = await bed.call({ ended: true })
  bed.clock.advance(1100)
  await settled()
  expect(
    bed
      .take()
      .filter((line) => line.includes("open"))
      .map((line) => line.slice(0, 22)),
  ).toEqual(["leg0 open 127.0.0.1:1 ", "leg1 open 127.0.0.1:2 "])
  bed.clock.advance(1100)
  await settled()
  expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
  expect(call.call.paced).toBe(null)
  expect(bed.context.deadlines.size).toBe(0)
})

test("what is not gRPC has no messages to count, and no status of gRPC to look for", async () => {
  const row = new Float64Array(ROUTE_ROW)
  const bed = new CallBed({
    endpoints: 1,
    meter: new RouteMeter(row, new TurnMessages(new Float64Array(TURN_ROW))),
  })
  const call = await bed.call({ ...UPLOAD })
  call.data(message("a"))
  call.leg.head(200, ["grpc-status", "5"])
  call.leg.data(message("b"))
  call.data("", true)
  call.leg.data("", true)
  expect(bed.records).toMatchObject([{ requestMessages: 0, responseMessages: 0, grpcStatus: -1 }])
})

test("a template of a gRPC status may be empty: then the error's own message is told", async () => {
  const errorStatuses = [{ httpStatuses: [403], grpcStatus: 7, grpcMessage: "" }]
  const bed = new CallBed({ endpoints: 1, settings: { errorStatuses } })
  const call = await bed.call()
  call.fail(failure("access_denied", "not here"))
  expect(client(bed.take())[0]).toBe("client headers 200, grpc-status: 7, grpc-message: not here END")
})
