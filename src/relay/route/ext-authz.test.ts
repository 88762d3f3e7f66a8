import { describe, expect, test } from "vitest"
import { LogLines } from "../../../test/support/log-lines.ts"
import { streamRecord, templateEnvironment } from "../../../test/support/stream-record.ts"
import type { ExtAuthzConfig } from "../../config/service-model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import { stateOf } from "../../record/request-state.ts"
import { templatesOf } from "../../record/template.ts"
import { builtIn } from "../../record/variable-table.ts"
import { askExtAuthz, wholeAnswer } from "./ext-authz.ts"
import type {
  AnsweredCall,
  PhaseContext,
  PhasedCall,
  Route,
  ServiceAnswer,
  ServiceQuestion,
} from "./route.ts"
import type { CheckAnswer } from "./service-messages.ts"

const CONFIG: ExtAuthzConfig = {
  cluster: "authz",
  tls: null,
  timeoutMs: 200,
  failOpen: false,
  statusOnError: 403,
  context: [
    ["host", "$host"],
    ["fixed", "a"],
  ],
}
const ROUTE = { name: "to the service" } as unknown as Route
const change = (name: string): HeaderChange => ({ name, value: "v", action: "append" })

/** A call of which a service is asked, and its answer. `said`: what its message is read as. */
function asked(
  said: CheckAnswer | null,
  {
    config = {},
    isGrpc = false,
    answer = { message: Buffer.from("m") },
  }: {
    config?: Partial<ExtAuthzConfig>
    isGrpc?: boolean
    answer?: ServiceAnswer
  } = {},
) {
  const log = new LogLines()
  const messages = {
    checkRequest: (_record: unknown, extensions: unknown, wallMs: number) =>
      Buffer.from(JSON.stringify([extensions, wallMs])),
    readCheck: (message: Buffer) => {
      expect(message.toString()).toBe("m")
      return said
    },
    rateRequest: () => Buffer.alloc(0),
    readRate: () => null,
  }
  const questions: ServiceQuestion[] = []
  let givenUp = 0
  let tell: (answer: ServiceAnswer) => void = () => {}
  const context = {
    env: templateEnvironment(),
    log: log.log,
    services: {
      begin: (question: ServiceQuestion, done: (answer: ServiceAnswer) => void) => {
        questions.push(question)
        tell = done
        return () => givenUp++
      },
    },
  } as unknown as PhaseContext
  const call = { record: streamRecord(), isGrpc } as unknown as PhasedCall
  const wait = askExtAuthz({ ...CONFIG, ...config }, ROUTE, templatesOf(builtIn), messages)(call, context)
  const verdicts: unknown[] = []
  const giveUp = wait.begin((verdict) => verdicts.push(verdict))
  expect(verdicts).toEqual([])
  tell(answer)
  const state = stateOf(call.record)
  return { question: questions[0]!, verdict: verdicts[0], state, log, giveUp, givenUp: () => givenUp }
}

const ok: CheckAnswer = { kind: "ok", requestChanges: [], responseChanges: [] }
const denied = (status: number, body = "", responseChanges: HeaderChange[] = []): CheckAnswer => ({
  kind: "denied",
  status,
  responseChanges,
  body,
})

test("a service is asked of a call, with what is said of its route", () => {
  const { question, verdict, giveUp, givenUp } = asked(ok)
  expect(question).toMatchObject({
    route: ROUTE,
    path: "/envoy.service.auth.v3.Authorization/Check",
    timeoutMs: 200,
  })
  const wallMs = templateEnvironment().clock.wallMs()
  const extensions = [
    ["host", "chat.example"],
    ["fixed", "a"],
  ]
  expect(JSON.parse(String(question.message))).toEqual([extensions, wallMs])
  expect(verdict).toBe(null)
  giveUp()
  expect(givenUp()).toBe(1)
})

describe("a call that is let in", () => {
  test("takes the changes along, behind those of others", () => {
    const first = asked({ ...ok, requestChanges: [change("a")], responseChanges: [change("b")] })
    expect(first.state.requestChanges).toEqual([change("a")])
    expect(first.state.responseChanges).toEqual([change("b")])
  })

  test("of gRPC keeps what gRPC says itself", () => {
    const names = [
      "grpc-status",
      "grpc-message",
      "grpc-encoding",
      "content-type",
      "grpc-statuses",
      "x-grpc-status",
    ]
    const responseChanges = names.map(change)
    const isGrpc = asked({ ...ok, responseChanges }, { isGrpc: true })
    expect(isGrpc.state.responseChanges!.map(({ name }) => name)).toEqual(["grpc-statuses", "x-grpc-status"])
    expect(asked({ ...ok, responseChanges }).state.responseChanges).toHaveLength(names.length)
  })
})

describe("a call that is denied", () => {
  test.each([
    [401, "unauthenticated"],
    [403, "access_denied"],
    [404, "access_denied"],
    [429, "request_limit"],
  ])("by %i", (status, kind) => {
    expect(asked(denied(status)).verdict).toMatchObject({
      kind,
      httpStatus: status,
      message: "the authorization service refuses the call",
      isUnsent: true,
    })
  })

  test("with a text has it as its answer, as its message where it is of gRPC", () => {
    expect(asked(denied(403, "go away")).verdict).toMatchObject({ kind: "content" })
    expect(asked(denied(403, "go away"), { isGrpc: true }).verdict).toMatchObject({
      kind: "access_denied",
      message: "go away",
    })
  })

  test("has the changes of its answer, and none of its request", () => {
    const { state } = asked(denied(403, "", [change("b")]))
    expect(state.responseChanges).toEqual([change("b")])
    expect(state.requestChanges).toBe(null)
  })
})

describe("a service that cannot be asked", () => {
  test.each<[string, CheckAnswer | null, ServiceAnswer, string]>([
    ["gives no answer", ok, { problem: "it is gone" }, "it is gone"],
    ["says something else", null, { message: Buffer.from("m") }, "no CheckResponse"],
    [
      "has an error of its own",
      { kind: "error" },
      { message: Buffer.from("m") },
      "the service reports an error",
    ],
  ])("%s", (_, said, answer, problem) => {
    const { verdict, log, state } = asked(said, { answer, config: { statusOnError: 503 } })
    expect(verdict).toMatchObject({ kind: "auth_unavailable", httpStatus: 503, isUnsent: true })
    const [line] = log.saying("a call was refused for want of authorization")
    expect(line!["client"]).toBe("192.0.2.1")
    expect(line!["problem"]).toContain(problem)
    expect(state.responseChanges).toBe(null)

    const open = asked(said, { answer, config: { failOpen: true } })
    expect(open.verdict).toBe(null)
    expect(open.log.saying("a call was let in without authorization")).toHaveLength(1)
  })
})

test.each([
  ["POST", ["head 403 END: false", 'data "nö" true']],
  ["HEAD", ["head 403 END: true"]],
])("an answer of a service is whole at once, but for HEAD: %s", (method, expected) => {
  const lines: string[] = []
  let fields: string[] = []
  const call = {
    record: { head: { method } },
    sendAnswerHead: (list: HeaderList, endStream: boolean) => {
      lines.push(`head ${list.get(":status")} END: ${endStream}`)
      fields = [list.get("content-type")!, list.get("content-length")!]
    },
    sendAnswerData: (octets: Buffer, start: number, end: number, endStream: boolean) =>
      lines.push(`data ${JSON.stringify(octets.toString("utf8", start, end))} ${endStream}`),
  } as unknown as AnsweredCall
  const answer = wholeAnswer(403, "nö")
  expect(answer.kind).toBe("content")
  const under = answer.answer(call)
  under.onSent()
  under.cancel()
  expect(lines).toEqual(expected)
  expect(fields).toEqual(["text/plain; charset=utf-8", "3"])
})
