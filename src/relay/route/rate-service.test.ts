import { describe, expect, test } from "vitest"
import { LogLines } from "../../../test/support/log-lines.ts"
import { streamRecord, templateEnvironment } from "../../../test/support/stream-record.ts"
import { Counters } from "../../base/counters.ts"
import type { RateServiceConfig } from "../../config/service-model.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import { stateOf } from "../../record/request-state.ts"
import { templatesOf } from "../../record/template.ts"
import { builtIn } from "../../record/variable-table.ts"
import { askRateService } from "./rate-service.ts"
import type { PhaseContext, PhasedCall, Route, ServiceAnswer, ServiceQuestion } from "./route.ts"
import type { RateAnswer } from "./service-messages.ts"

const CONFIG: RateServiceConfig = {
  cluster: "limits",
  tls: null,
  timeoutMs: 20,
  failOpen: false,
  domain: "d",
  descriptors: [[["key", "value"]]],
}
const change = (name: string): HeaderChange => ({ name, value: "v", action: "append" })
const FREE: RateAnswer = {
  isOverLimit: false,
  resetMs: null,
  requestChanges: [change("a")],
  responseChanges: [change("b")],
  body: "",
}

function bedOf(config: Partial<RateServiceConfig> = {}, said: RateAnswer | null = FREE, isGrpc = false) {
  const log = new LogLines()
  const counters = new Counters()
  const questions: ServiceQuestion[] = []
  let tell: (answer: ServiceAnswer) => void = () => {}
  let givenUp = 0
  const no = (): never => {
    throw new Error("not asked here")
  }
  const messages = {
    checkRequest: no,
    readCheck: no,
    rateRequest: (domain: string, descriptors: unknown) => Buffer.from(JSON.stringify([domain, descriptors])),
    readRate: () => said,
  }
  const ask = askRateService({ ...CONFIG, ...config }, {} as Route, templatesOf(builtIn), messages)
  const call = { record: streamRecord({ path: "/?a=1" }), isGrpc } as unknown as PhasedCall
  const context = {
    env: templateEnvironment(),
    log: log.log,
    counters,
    services: {
      begin: (question: ServiceQuestion, done: (answer: ServiceAnswer) => void) => {
        questions.push(question)
        tell = done
        return () => givenUp++
      },
    },
  } as unknown as PhaseContext
  /** What a call comes to, once the service has answered; undefined: it was not asked. */
  const judge = (answer: ServiceAnswer = { message: Buffer.alloc(0) }): unknown => {
    const wait = ask(call, context)
    if (wait === null || wait.kind !== "wait") return undefined
    const verdicts: unknown[] = []
    wait.begin((verdict) => verdicts.push(verdict))()
    tell(answer)
    return verdicts[0]
  }
  return {
    ask,
    call,
    context,
    judge,
    questions,
    log,
    counters,
    state: stateOf(call.record),
    givenUp: () => givenUp,
  }
}

describe("when a service of limits is asked", () => {
  test("once for a call, though another location takes it over", () => {
    const { ask, call, context } = bedOf()
    expect(ask(call, context)).toMatchObject({ kind: "wait" })
    expect(ask(call, context)).toBe(null)
  })

  test("not for what the configuration asks itself", () => {
    const { ask, call, context, state } = bedOf()
    state.isSubrequest = true
    expect(ask(call, context)).toBe(null)
    expect(state.isRateAsked).toBe(false)
  })

  test("by the descriptors of which no value is empty, and not where none is left", () => {
    const descriptors: [string, string][][] = [
      [
        ["a", "$arg_a"],
        ["host", "$host"],
      ],
      [
        ["a", "$arg_a"],
        ["b", "$arg_b"],
      ],
    ]
    const { judge, questions, givenUp } = bedOf({ descriptors })
    expect(judge()).toBe(null)
    expect(questions[0]).toMatchObject({
      path: "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
      timeoutMs: 20,
    })
    const sent = [
      ["a", "1"],
      ["host", "chat.example"],
    ]
    expect(JSON.parse(String(questions[0]!.message))).toEqual(["d", [sent]])
    expect(givenUp()).toBe(1)
    expect(bedOf({ descriptors: [descriptors[1]!] }).judge()).toBe(undefined)
  })
})

test("a call below its limits goes on with the changes", () => {
  const { judge, state, counters } = bedOf()
  expect(judge()).toBe(null)
  expect([state.requestChanges, state.responseChanges]).toEqual([[change("a")], [change("b")]])
  expect(counters.get("requests_limited")).toBe(0)
})

describe("a call above them", () => {
  const over = { ...FREE, isOverLimit: true }

  test("is refused, counted, and its request is not changed", () => {
    const { judge, state, counters } = bedOf({}, over)
    expect(judge()).toMatchObject({
      kind: "request_limit",
      httpStatus: 429,
      message: "more requests than the limits of d let in",
      isUnsent: true,
    })
    expect(counters.get("requests_limited")).toBe(1)
    expect([state.requestChanges, state.responseChanges]).toEqual([null, [change("b")]])
  })

  test.each([
    ["in whole seconds", false, { name: "retry-after", value: "2", action: "add if absent" }],
    [
      "of gRPC, in its own words",
      true,
      { name: "grpc-retry-pushback-ms", value: "1001", action: "add if absent" },
    ],
  ])("is told when to come again: %s", (_, isGrpc, expected) => {
    const { judge, state } = bedOf({}, { ...over, resetMs: 1001 }, isGrpc)
    judge()
    expect(state.responseChanges).toEqual([change("b"), expected])
  })

  test("has the text of the service as its answer, as its message where it is of gRPC", () => {
    const said = { ...over, body: "slow down" }
    expect(bedOf({}, said).judge()).toMatchObject({ kind: "content" })
    expect(bedOf({}, said, true).judge()).toMatchObject({ kind: "request_limit", message: "slow down" })
  })
})

test.each<[string, ServiceAnswer, string]>([
  ["it is gone", { problem: "it is gone" }, "it is gone"],
  ["it says something else", { message: Buffer.alloc(0) }, "no RateLimitResponse"],
])("a service that cannot be asked: %s", (_, answer, problem) => {
  const closed = bedOf({}, null)
  expect(closed.judge(answer)).toMatchObject({ kind: "auth_unavailable", isUnsent: true })
  const [line] = closed.log.saying("a call was refused uncounted")
  expect(line!["client"]).toBe("192.0.2.1")
  expect(line!["problem"]).toContain(problem)

  const open = bedOf({ failOpen: true }, null)
  expect(open.judge(answer)).toBe(null)
  expect(open.log.saying("a call was let in uncounted")).toHaveLength(1)
})
