/** nginx's `error_page`. Source: ngx_http_special_response.c. */
import { octetText } from "../../base/octet-text.ts"
import type { ErrorPageConfig } from "../../config/error-page-model.ts"
import type { FailureKind } from "../../record/failure.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import { literalTemplate, type Template } from "../../record/template.ts"
import { redirectInside } from "./internal-redirect.ts"
import type { ErrorPage, PhaseContext, PhasedCall, ReturnAction, Route, Verdict } from "./route.ts"

/** The first entry with a status counts. */
export function compileErrorPages(
  configs: readonly ErrorPageConfig[],
  templateOf: (source: string) => Template,
): ReadonlyMap<number, ErrorPage> {
  const pages = new Map<number, ErrorPage>()
  for (const { httpStatuses, status, target } of configs)
    for (const each of httpStatuses)
      if (!pages.has(each)) pages.set(each, { status, target: templateOf(target) })
  return pages
}

/** A `return` of that status has a location as its text. */
export function isRedirect(status: number): boolean {
  return (status >= 301 && status <= 303) || status === 307 || status === 308
}

/** nginx's own numbers are said as 400: a head too large, a client certificate at fault, HTTP without TLS on a port with it. */
export function statusOnWire(status: number): number {
  return status >= 494 && status <= 497 ? 400 : status
}

/** Behind these nginx ends a connection of HTTP/1: what follows on it may not be a request. */
export function endsConnection(status: number): boolean {
  return ENDING.has(status)
}

const ENDING: ReadonlySet<number> = new Set([400, 408, 413, 414, 494, 495, 496, 497, 500, 501])

/** nginx closes the connection instead: its own number for that, and two that say the client is gone. */
export function isUnanswered(status: number): boolean {
  return status === 408 || status === 444 || status === 499
}

/** A `return` that is answered by nginx's own page: a redirect, or an error without a text. */
export function isPage({ status, template }: ReturnAction): boolean {
  return isRedirect(status) || (status >= 400 && template.constant === "")
}

/** Ends of Sluice's own choice: a page would cost what there is too little of. */
const WITHOUT_PAGE: ReadonlySet<FailureKind> = new Set(["overload", "shutdown", "drained", "deadline"])

/** The status by which the page of an answer is looked for; 0: it has none. */
export function pageStatusOf(
  answer: Verdict | { readonly kind?: FailureKind; readonly httpStatus: number },
): number {
  if ("httpStatus" in answer)
    return answer.kind !== undefined && WITHOUT_PAGE.has(answer.kind) ? 0 : answer.httpStatus
  return answer.kind === "return" && answer.isFinal !== true && isPage(answer) ? answer.status : 0
}

/** Where an answer leads, through as many pages as it takes; the answer itself where it has none. */
export function withErrorPage(call: PhasedCall, context: PhaseContext, answer: Verdict): Verdict {
  let verdict = answer
  for (;;) {
    const status = pageStatusOf(verdict)
    const page = status === 0 ? null : errorPageOf(call, context, status)
    if (page === null) return verdict
    if ("httpStatus" in verdict) noteError(call.record, verdict)
    verdict = page
  }
}

/** What the page cannot say: the message, and what the client is to know whatever is answered. */
export function noteError(record: PhasedCall["record"], { message, fields = [] }: Told): void {
  record.grpcMessage = octetText(message)
  if (fields.length > 0) stateOf(record).errorFields = fields
}

interface Told {
  readonly message: string
  readonly fields?: readonly string[]
}

/** Where an error of that status leads; null: to no page. A gRPC client is sent on only to what serves it. */
export function errorPageOf(call: PhasedCall, { env }: PhaseContext, status: number): Verdict | null {
  const { record, route } = call
  if (route.errorPages.size === 0) return null
  const state = stateOf(record)
  if (state.isErrorPageUsed || state.uriChangesLeft < 0 || state.isSubrequest) return null
  const page = route.errorPages.get(status)
  const target = page?.target.render(record, env) ?? ""
  if (call.isGrpc && !leadsOn(route, target)) return null
  if (!route.settings.recursiveErrorPages) state.isErrorPageUsed = true
  if (page === undefined) return null
  if (endsConnection(status)) call.downstream?.endConnection?.()
  state.errorStatus = page.status === "target" ? 0 : (page.status ?? statusOnWire(status))
  if (!target.startsWith("/") && !target.startsWith("@")) return redirectTo(state, target)
  state.isAtErrorPage = true
  if (target.startsWith("/") && record.head.method !== "HEAD") state.method = "GET"
  return redirectInside(record, target, undefined, route.host)
}

function redirectTo(state: RequestState, address: string): ReturnAction {
  const status = isRedirect(state.errorStatus) ? state.errorStatus : 302
  const template = { ...literalTemplate(""), constant: address, render: () => address }
  return {
    ...{ kind: "return", status, template, contentType: "" },
    ...{ grpcStatus: null, grpcMessage: null, isFinal: true },
  } as const
}

/** The client of gRPC is not told in HTML: see `errorStatuses` of a route for what it is told. */
function leadsOn({ host }: Route, target: string): boolean {
  const found = target.startsWith("@")
    ? host.named(target)
    : target.startsWith("/")
      ? host.find(target.replace(/\?.*/s, ""))
      : undefined
  return found !== undefined && found !== "limit" && found.servesGrpc
}
