import type { AuthRequestConfig } from "../../config/model.ts"
import { failure } from "../../record/failure.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import type { PhaseContext, PhasedCall, SubrequestEnd, Verdict, Wait } from "./route.ts"

/**
 * nginx: `auth_request` and `auth_request_set`. A location of the server is asked, with the request's headers and without its
 * body: 2xx lets it in, 401 and 403 are told to the client, all else is an error.
 */
export function askAuthorization(
  { uri, set }: AuthRequestConfig,
  template: (source: string) => Template,
): (call: PhasedCall, context: PhaseContext) => Wait {
  const variables = set.map(([name, value]) => ({ name: name.toLowerCase(), value: template(value) }))
  return (call, context) => ({
    kind: "wait",
    begin: (done) =>
      context.subrequests.begin(call, uri, (end) => {
        const { values } = stateOf(call.record)
        for (const { name, value } of variables) values.set(name, value.render(end.record, context.env))
        done(verdictOf(end))
      }),
  })
}

function verdictOf({ status, record }: SubrequestEnd): Verdict | null {
  if (status >= 200 && status < 300) return null
  if (status === 403) return failure("access_denied", "the authorization server refuses the request", true)
  if (status >= 500) return failure("auth_unavailable", `the authorization server failed: ${status}`, true)
  if (status !== 401)
    return failure("internal", `the authorization server answered with an unexpected status: ${status}`, true)
  const refusal = failure("unauthenticated", "the authorization server asks for credentials", true)
  const { fields } = record.responseHeaders ?? { fields: [] }
  const challenge = fields.filter((_, i) => fields[i - (i % 2)] === "www-authenticate")
  return { ...refusal, fields: challenge }
}
