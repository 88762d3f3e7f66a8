import { counterIds } from "../../base/counters.ts"
import type { RateServiceConfig } from "../../config/service-model.ts"
import { failure } from "../../record/failure.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import { toldTo, wholeAnswer } from "./ext-authz.ts"
import type { Phase, PhaseContext, PhasedCall, Route, ServiceAnswer, Verdict } from "./route.ts"
import type { ServiceMessages } from "./service-messages.ts"

const PATH = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"

/** Envoy's rate limit filter. Descriptors of which a value is empty are left out, as Envoy does. */
export function askRateService(
  config: RateServiceConfig,
  route: Route,
  template: (source: string) => Template,
  messages: ServiceMessages,
): Phase {
  const { timeoutMs, domain } = config
  const descriptors = config.descriptors.map((entries) =>
    entries.map(([key, value]) => ({ key, value: template(value) })),
  )
  return (call, context) => {
    const { record } = call
    const state = stateOf(record)
    // A call that another location takes over has been counted.
    if (state.isSubrequest || state.isRateAsked) return null
    state.isRateAsked = true
    const rendered = descriptors
      .map((entries) =>
        entries.map(({ key, value }): [string, string] => [key, value.render(record, context.env)]),
      )
      .filter((entries) => entries.every(([, value]) => value !== ""))
    if (rendered.length === 0) return null
    const message = messages.rateRequest(domain, rendered)
    return {
      kind: "wait",
      begin: (done) =>
        context.services.begin({ route, path: PATH, message, timeoutMs }, (answer) =>
          done(verdictOf(answer, config, messages, call, context)),
        ),
    }
  }
}

function verdictOf(
  answer: ServiceAnswer,
  { failOpen, domain }: RateServiceConfig,
  messages: ServiceMessages,
  call: PhasedCall,
  { log, counters }: PhaseContext,
): Verdict | null {
  const said = "problem" in answer ? null : messages.readRate(answer.message)
  const state = stateOf(call.record)
  if (said === null) {
    const problem = "problem" in answer ? answer.problem : `${PATH}: no RateLimitResponse`
    const client = call.record.connection.remoteAddress
    log.warn(failOpen ? "a call was let in uncounted" : "a call was refused uncounted", { client, problem })
    return failOpen ? null : failure("auth_unavailable", "the rate limit service cannot be asked", true)
  }
  state.responseChanges = [...(state.responseChanges ?? []), ...toldTo(call, said.responseChanges)]
  if (!said.isOverLimit) {
    state.requestChanges = [...(state.requestChanges ?? []), ...said.requestChanges]
    return null
  }
  counters.add(counterIds.requests_limited)
  if (said.resetMs !== null) {
    // RFC 9110 §10.2.3; gRFC A6.
    const [name, value] = call.isGrpc
      ? ["grpc-retry-pushback-ms", String(said.resetMs)]
      : ["retry-after", String(Math.ceil(said.resetMs / 1000))]
    state.responseChanges = [...state.responseChanges, { name, value, action: "add if absent" }]
  }
  if (said.body !== "" && !call.isGrpc) return wholeAnswer(429, said.body)
  const message = said.body || `more requests than the limits of ${domain} let in`
  return { ...failure("request_limit", message, true), httpStatus: 429 }
}
