import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions } from "../../../test/support/call-bed.ts"
import type { RouteAction } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import type { AnsweredCall } from "../route/route.ts"

const OK = ["grpc-status", "0"]
const returning = (status: number, template = "", more: object = {}): RouteAction => {
  return {
    kind: "return",
    status,
    template,
    contentType: "text/x",
    grpcStatus: null,
    grpcMessage: null,
    ...more,
  } as RouteAction
}

describe("nginx's return", () => {
  const answer = async (
    action: RouteAction,
    request: Parameters<CallBed["call"]>[0] = {},
    options: CallBedOptions = {},
  ) => {
    const bed = new CallBed({ action, ...options })
    await bed.call({ ended: true, contentType: "text/plain", ...request })
    return { lines: bed.take(), record: bed.records[0] }
  }
  const GRPC = { contentType: "application/grpc" }

  test("a text", async () => {
    const { lines, record } = await answer(returning(200, "at $uri"))
    expect(lines).toEqual(["client headers 200", "client data at /s/m END"])
    expect(record).toMatchObject({ status: 200, grpcStatus: -1, responseOctets: 7, attempts: [] })
  })

  test("no body to HEAD, nor where it has none", async () => {
    expect((await answer(returning(200, "text"), { method: "HEAD" })).lines).toEqual([
      "client headers 200 END",
    ])
    const { lines, record } = await answer(returning(204))
    expect(lines).toEqual(["client headers 204 END"])
    expect(record).toMatchObject({ responseOctets: 0 })
  })

  test("a location, made whole by the route's settings", async () => {
    const headOf = async (settings: CallBedOptions["settings"]): Promise<string> =>
      (await answer(returning(301, "/x"), {}, { settings: settings! })).lines[0]!
    expect(await headOf({})).toBe("client headers 301, location: http://a:8080/x")
    expect(await headOf({ absoluteRedirect: false })).toBe("client headers 301, location: /x")
    expect((await answer(returning(404, "/x"))).lines[1]).toBe("client data /x END")
  })

  test("444: nothing at all", async () => {
    const { lines, record } = await answer(returning(444))
    expect(lines).toEqual(["client reset CANCEL"])
    expect(record).toMatchObject({ status: 444 })
    expect((await answer(returning(445, "x"))).lines[0]).toBe("client headers 445")
  })

  test.each<[number, object, string]>([
    [200, {}, "client headers 200"],
    [299, {}, "client headers 299"],
    [300, {}, "client headers 200, grpc-status: 2, grpc-message: text END"],
    [403, {}, "client headers 200, grpc-status: 7, grpc-message: text END"],
    [404, {}, "client headers 200, grpc-status: 12, grpc-message: text END"],
    [
      204,
      { grpcStatus: 5, grpcMessage: "not $uri" },
      "client headers 200, grpc-status: 5, grpc-message: not /s/m END",
    ],
    [204, { grpcStatus: 0, grpcMessage: "" }, "client headers 200, grpc-status: 0, grpc-message:  END"],
  ])("%i to gRPC, with %j: %s", async (status, more, expected) => {
    const { lines } = await answer(returning(status, "text", more), GRPC)
    expect(lines[0]).toBe(expected)
  })

  test("what the route adds to answers of that status, whatever gRPC is told", async () => {
    const addHeaders = [{ name: "x-a", template: "1", always: false }]
    expect((await answer(returning(403, "x"), {}, { settings: { addHeaders } })).lines[0]).toBe(
      "client headers 403",
    )
    expect((await answer(returning(200, "x"), {}, { settings: { addHeaders } })).lines[0]).toBe(
      "client headers 200, x-a: 1",
    )
    expect((await answer(returning(403, "x"), GRPC, { settings: { addHeaders } })).lines[0]).not.toContain(
      "x-a",
    )
  })

  test("once it is out, no more of the request is wanted", async () => {
    const { lines } = await answer(returning(200, "text"), { ended: false })
    expect(lines.at(-1)).toBe("client reset NO_ERROR")
  })
})

describe("an answer of a content handler", () => {
  const files = { kind: "files", files: {} } as unknown as RouteAction
  const begin = async (
    request: Parameters<CallBed["call"]>[0] = {},
    settings: CallBedOptions["settings"] = {},
  ) => {
    let answered: AnsweredCall | null = null
    const bed: CallBed = new CallBed({
      action: files,
      settings,
      content: () => ({
        kind: "content",
        answer(call) {
          answered = call
          return { onSent: () => bed.say("handler sent"), cancel: () => bed.say("handler cancelled") }
        },
      }),
    })
    const call = await bed.call({ contentType: "text/plain", ended: true, ...request })
    return { bed, call, answer: answered! as AnsweredCall }
  }
  const HEAD = new HeaderList([":status", "206", "x-h", "1"])

  test("is a head and octets", async () => {
    const { bed, call, answer } = await begin(
      {},
      { addHeaders: [{ name: "x-a", template: "1", always: false }] },
    )
    answer.sendAnswerHead(HEAD, false)
    answer.sendAnswerData(Buffer.from("__abc__"), 2, 5, false)
    expect(bed.records).toEqual([])
    call.take(0)
    answer.sendAnswerData(Buffer.from("de"), 0, 2, true)
    expect(bed.take()).toEqual([
      "client headers 206, x-h: 1, x-a: 1",
      "client data abc",
      "handler sent",
      "client data de END",
      "handler cancelled",
    ])
    expect(bed.records).toMatchObject([
      { status: 206, responseOctets: 5, responseHeaders: { fields: [...HEAD.fields, "x-a", "1"] } },
    ])
  })

  test("is a head alone", async () => {
    const { bed, answer } = await begin()
    answer.sendAnswerHead(HEAD, true)
    expect(bed.records).toHaveLength(1)
  })

  test("does not wait for the rest of the request, and throws away what comes of it", async () => {
    const { bed, call, answer } = await begin({ ended: false })
    call.data("abc")
    call.client.room = 0
    answer.sendAnswerHead(HEAD, false)
    answer.sendAnswerData(Buffer.from("de"), 0, 2, true)
    expect(answer.queuedOctets).toBe(2)
    call.data("f")
    call.take()
    expect(bed.take()).toEqual([
      "client credit 3",
      "client headers 206, x-h: 1",
      "client data de END",
      "client credit 1",
      "handler sent",
      "client reset NO_ERROR",
      "handler cancelled",
    ])
  })

  test("fails as a call does, and is given up with its client", async () => {
    const failing = await begin()
    failing.answer.fail(failure("internal", "unreadable"))
    expect(failing.bed.take()).toEqual([
      "client headers 500",
      expect.stringContaining("500 Internal Server Error"),
      "handler cancelled",
    ])
    const gone = await begin()
    gone.call.cancels()
    expect(gone.bed.take()).toEqual(["handler cancelled"])
    expect(gone.answer.record).toBe(gone.call.call.record)
  })
})

describe("a backend's head that the route has another answer for", () => {
  const errorStatuses = [
    { httpStatuses: [300, 503], grpcStatus: 9, grpcMessage: "not now: $uri" },
    { httpStatuses: [502], grpcStatus: 10, grpcMessage: "" },
  ]
  const answer = async (status: number, interceptErrors: boolean, contentType = "application/grpc") => {
    const bed = new CallBed({ settings: { errorStatuses, interceptErrors } })
    const call = await bed.call({ ended: true, contentType })
    bed.take()
    call.leg.head(status, [], true)
    return bed.take().find((line) => line.startsWith("client"))
  }
  test.each<[number, boolean, string, string]>([
    [503, true, "application/grpc", "client headers 200, grpc-status: 9, grpc-message: not now: /s/m END"],
    [300, true, "application/grpc", "client headers 200, grpc-status: 9, grpc-message: not now: /s/m END"],
    [503, false, "application/grpc", "client headers 503 END"],
    [503, true, "text/plain", "client headers 503 END"],
    [504, true, "application/grpc", "client headers 504 END"],
    [200, true, "application/grpc", "client headers 200 END"],
  ])("%i, intercepted %s, to %s: %s", async (status, intercepts, contentType, expected) => {
    expect(await answer(status, intercepts, contentType)).toBe(expected)
  })

  test("an answer of Sluice's own has it too, for gRPC", async () => {
    const said = async (contentType: string): Promise<string> => {
      const bed = new CallBed({ settings: { errorStatuses } })
      bed.isReachable = () => false
      await bed.call({ ended: true, contentType })
      return bed.take()[0]!
    }
    expect(await said("application/grpc")).toMatch(
      /grpc-status: 10, grpc-message: cluster c, endpoint .*ECONNREFUSED END$/,
    )
    expect(await said("text/plain")).toBe("client headers 502")
  })
})

describe("how a call ended", () => {
  test.each<[string, string[], object]>([
    ["in a head alone", ["grpc-status", "5", "grpc-message", "no"], { grpcStatus: 5, grpcMessage: "no" }],
    ["without a message", ["grpc-status", "5"], { grpcStatus: 5, grpcMessage: "" }],
    ["not said", [], { grpcStatus: -1, grpcMessage: "" }],
  ])("%s", async (_, fields, expected) => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.leg.head(200, fields, true)
    expect(bed.records).toMatchObject([expected])
  })

  test("is read of a head before a body, of gRPC alone", async () => {
    for (const [contentType, grpcStatus] of [
      ["application/grpc", 5],
      ["text/plain", -1],
    ] as const) {
      const bed = new CallBed()
      const call = await bed.call({ ended: true, contentType })
      call.leg.head(200, ["grpc-status", "5"])
      expect(call.call.record.grpcStatus).toBe(grpcStatus)
    }
  })

  test("is read of a whole head of plain HTTP, too", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true, contentType: "text/plain" })
    call.leg.head(200, ["grpc-status", "5"], true)
    expect(bed.records).toMatchObject([{ grpcStatus: 5 }])
  })

  test("stands in the record with the lists that said it", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.leg.localEnded = true
    call.leg.head(200, ["x-a", "1"])
    call.leg.trailers(["grpc-status", "0", "x-t", "1"])
    expect(bed.records[0]!.responseHeaders!.get("x-a")).toBe("1")
    expect(bed.records[0]!.responseTrailers!.get("x-t")).toBe("1")
    expect(bed.records[0]!.attempts[0]!.responseHeaders!.get("x-a")).toBe("1")
    expect(bed.records[0]!.attempts[0]!.responseTrailers!.get("x-t")).toBe("1")
  })
})

describe("lists that the client does not take", () => {
  const LARGE = ["x-large", "y".repeat(200)]
  test("a head: the call fails, not its connection", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.client.headerListMax = 200
    call.leg.head(200, LARGE)
    expect(bed.take().at(-1)).toMatch(
      /grpc-status: 8, grpc-message: cluster c, endpoint 127.0.0.1:1: answered with a header list of \d+ octets, the client takes 200 END/,
    )
  })

  test("to the octet", async () => {
    for (const short of [0, 1]) {
      const bed = new CallBed()
      const call = await bed.call({ ended: true })
      const list = new HeaderList([":status", "200", "content-type", "application/grpc", ...LARGE])
      call.client.headerListMax = list.octets - short
      call.leg.head(200, LARGE)
      expect(call.client.localEnded).toBe(short === 1)
    }
  })

  test("an ending is cut to what it takes, and keeps its status", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.client.headerListMax = 150
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "5", ...LARGE])
    expect(bed.take()).toContain("client headers grpc-status: 5 END")
    expect(bed.counters.get("trailers_cut")).toBe(1)
    expect(bed.log.saying("trailers are cut to what their client takes")).toMatchObject([
      { client: "192.0.2.1", from: "cluster c, endpoint 127.0.0.1:1", most: 150, grpcStatus: "5" },
    ])
  })

  test("so is a head that is an ending; one of plain HTTP is not", async () => {
    for (const [contentType, expected] of [
      ["application/grpc", "client headers 200, grpc-status: 5 END"],
      ["text/plain", "client headers 431"],
    ] as const) {
      const bed = new CallBed()
      const call = await bed.call({ ended: true, contentType })
      call.client.headerListMax = 150
      call.leg.head(200, ["grpc-status", "5", ...LARGE], true)
      expect(bed.take().find((line) => line.startsWith(expected))).toBeDefined()
    }
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.client.headerListMax = 150
    call.leg.head(200)
    call.leg.trailers(LARGE)
    expect(bed.log.saying("trailers are cut to what their client takes")).toMatchObject([{ grpcStatus: "-" }])
  })
})

describe("what is held for a client", () => {
  const LARGE = ["x-large", "y".repeat(5000)]
  const octets = (fields: string[]): number => new HeaderList(fields).octets

  test("large header lists, until it has taken everything", async () => {
    const bed = new CallBed()
    const { budget } = bed.context
    const call = await bed.call({ ended: true, fields: LARGE })
    const request = call.call.record.requestHeaders.octets
    expect([budget.octets, call.call.bufferedOctets]).toEqual([request, request])
    call.leg.localEnded = true
    call.leg.head(200, LARGE)
    const both = request + octets([":status", "200", "content-type", "application/grpc", ...LARGE])
    expect([budget.octets, call.call.bufferedOctets]).toEqual([both, both])
    call.client.room = 0
    call.leg.data("abc")
    expect(call.call.bufferedOctets).toBe(both + 3)
    call.leg.trailers(OK)
    call.take(2)
    expect(budget.octets).toBe(both)
    call.take(1)
    expect([budget.octets, call.call.bufferedOctets]).toEqual([0, 0])
  })

  test("a client that is gone holds nothing", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: LARGE })
    call.client.room = 0
    call.leg.head(200, LARGE)
    call.leg.data("abc")
    call.client.queuedOctets = 0
    call.cancels()
    expect(bed.context.budget.octets).toBe(0)
  })

  test("one that is over, and whose client goes before it has taken all", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: LARGE, ended: true })
    call.client.room = 0
    call.leg.localEnded = true
    call.leg.head(200)
    call.leg.data("abc")
    call.fail(failure("drained", "x"))
    expect(bed.context.budget.octets).toBeGreaterThan(0)
    call.cancels()
    expect(bed.context.budget.octets).toBe(0)
    expect(bed.records).toHaveLength(1)
  })

  test("one that is over, and is shed", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: LARGE, ended: true })
    call.client.room = 0
    call.leg.localEnded = true
    call.leg.head(200)
    call.leg.data("abc")
    call.fail(failure("drained", "x"))
    call.call.shed(failure("overload", "x"))
    expect(bed.context.budget.octets).toBe(0)
  })
})

describe("access records of a stream that goes on", () => {
  const accessLogs = [{}] as never
  test("one when it begins, one an interval, and its end", async () => {
    const bed = new CallBed({ settings: { accessLogs, accessLogIntervalMs: 1000 } })
    const call = await bed.call()
    bed.clock.advance(1010)
    bed.clock.advance(1010)
    call.cancels()
    bed.clock.advance(5000)
    expect(bed.take().filter((line) => line.startsWith("log"))).toEqual([
      "log start",
      "log alive",
      "log alive",
      "log end",
    ])
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("its end alone without an interval; and none without a log", async () => {
    const bed = new CallBed({ settings: { accessLogs } })
    const call = await bed.call()
    bed.clock.advance(5000)
    call.cancels()
    expect(bed.take().filter((line) => line.startsWith("log"))).toEqual(["log end"])
    const quiet = new CallBed({ settings: { accessLogIntervalMs: 1000 } })
    await quiet.call()
    expect(quiet.context.deadlines.size).toBe(0)
  })

  test("of a call that has failed before its first leg there is none but its end", async () => {
    const bed = new CallBed({ endpoints: 0, settings: { accessLogs, accessLogIntervalMs: 1000 } })
    await bed.call({ ended: true })
    expect(bed.take().filter((line) => line.startsWith("log"))).toEqual(["log end"])
    expect(bed.context.deadlines.size).toBe(0)
  })
})

describe("what phases have taken", () => {
  test("is given back once, when the call is over", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    for (const name of ["a", "b", "c"]) call.call.atEnd(() => bed.say(name))
    call.cancels()
    call.cancels()
    expect(bed.take().slice(-3)).toEqual(["a", "b", "c"])
    expect(bed.context.admission.streamsOpen).toBe(0)
  })

  test("of a call that was not admitted nothing is given back", async () => {
    const bed = new CallBed({ action: returning(200) })
    await bed.call({ ended: true })
    expect(bed.context.admission.streamsOpen).toBe(0)
  })

  test("a key is rendered from its route's variables", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    expect([call.call.render("$uri"), call.call.paced!.render("x$request_method")]).toEqual(["/s/m", "xPOST"])
  })
})
