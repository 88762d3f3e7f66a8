import type { ExtAuthzConfig } from "../../config/service-model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import type { HeaderChange } from "../../record/header-change.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import type {
  ContentHandler,
  PhaseContext,
  PhasedCall,
  Route,
  ServiceAnswer,
  Verdict,
  Wait,
} from "./route.ts"
import type { ServiceMessages } from "./service-messages.ts"

const PATH = "/envoy.service.auth.v3.Authorization/Check"

/** Envoy's ext_authz: the service says whether the call goes on, and with which header fields. */
export function askExtAuthz(
  config: ExtAuthzConfig,
  route: Route,
  template: (source: string) => Template,
  messages: ServiceMessages,
): (call: PhasedCall, context: PhaseContext) => Wait {
  const { timeoutMs } = config
  const extended = config.context.map(([name, source]) => [name, template(source)] as const)
  return (call, context) => ({
    kind: "wait",
    begin(done) {
      const extensions = extended.map(([name, value]): [string, string] => [
        name,
        value.render(call.record, context.env),
      ])
      const message = messages.checkRequest(call.record, extensions, context.env.clock.wallMs())
      return context.services.begin({ route, path: PATH, message, timeoutMs }, (answer) =>
        done(verdictOf(answer, config, messages, call, context)),
      )
    },
  })
}

function verdictOf(
  answer: ServiceAnswer,
  config: ExtAuthzConfig,
  messages: ServiceMessages,
  call: PhasedCall,
  context: PhaseContext,
): Verdict | null {
  const said = "problem" in answer ? null : messages.readCheck(answer.message)
  const problem = "problem" in answer ? answer.problem : said === null ? `${PATH}: no CheckResponse` : null
  if (problem !== null || said === null || said.kind === "error")
    return failed(problem ?? `${PATH}: the service reports an error`, config, call.record, context)
  const state = stateOf(call.record)
  state.responseChanges = [...(state.responseChanges ?? []), ...toldTo(call, said.responseChanges)]
  if (said.kind === "ok") {
    state.requestChanges = [...(state.requestChanges ?? []), ...said.requestChanges]
    return null
  }
  const { status, body } = said
  if (body !== "" && !call.isGrpc) return wholeAnswer(status, body)
  const kind = status === 401 ? "unauthenticated" : status === 429 ? "request_limit" : "access_denied"
  const refusal = failure(kind, body || "the authorization service refuses the call", true)
  return { ...refusal, httpStatus: status }
}

/** A gRPC client is told these by what the status of the service comes to. */
const OF_GRPC = /^(content-type|grpc-(status|message|encoding))$/

/** What a service has its client told, without what the answer itself is made of. */
export function toldTo({ isGrpc }: PhasedCall, changes: readonly HeaderChange[]): readonly HeaderChange[] {
  return isGrpc ? changes.filter(({ name }) => !OF_GRPC.test(name)) : changes
}

function failed(
  problem: string,
  { failOpen, statusOnError }: ExtAuthzConfig,
  { connection }: StreamRecord,
  { log }: PhaseContext,
): Verdict | null {
  log.warn(
    failOpen ? "a call was let in without authorization" : "a call was refused for want of authorization",
    {
      client: connection.remoteAddress,
      problem,
    },
  )
  if (failOpen) return null
  return {
    ...failure("auth_unavailable", "the authorization service cannot be asked", true),
    httpStatus: statusOnError,
  }
}

/** An answer that the service has written whole. */
export function wholeAnswer(status: number, text: string): ContentHandler {
  return {
    kind: "content",
    answer(call) {
      const body = Buffer.from(text, "utf8")
      const fields = [":status", String(status), "content-type", "text/plain; charset=utf-8"]
      const list = new HeaderList([...fields, "content-length", String(body.length)])
      const isHead = call.record.head.method === "HEAD"
      call.sendAnswerHead(list, isHead)
      if (!isHead) call.sendAnswerData(body, 0, body.length, true)
      return { onSent() {}, cancel() {} }
    },
  }
}
