/** What `error_page` makes of an endpoint's answer. */
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Route } from "../route/route.ts"
import type { Reply } from "./local-reply.ts"

interface AnsweredCall {
  readonly route: Route
  readonly record: StreamRecord
  readonly isGrpc: boolean
}

/** The answer of an endpoint that the route has another one for; null: it is passed on. nginx: `proxy_intercept_errors`. */
export function intercepted({ route, isGrpc }: AnsweredCall, status: number, list: HeaderList): Reply | null {
  if (status < 300 || !route.settings.interceptErrors) return null
  if (!route.errorPages.has(status) && !(isGrpc && route.errorStatuses.has(status))) return null
  const fields = status === 401 ? challengesOf(list) : []
  return { httpStatus: status, grpcStatus: -1, message: "", fields }
}

function challengesOf({ fields }: HeaderList): string[] {
  return fields.filter((_, at) => fields[at - (at % 2)] === "www-authenticate")
}

/** The status of an answer, or what the page of an error has in its place; to gRPC 200 is all there is. */
export function statusTold({ record, isGrpc }: AnsweredCall, status: number): number {
  const { state } = record
  return isGrpc || status < 200 || state === null || state.errorStatus === 0 ? status : state.errorStatus
}

export function withStatus({ fields, neverIndexed }: HeaderList, status: number): HeaderList {
  const told = fields.map((text, at) =>
    at % 2 === 1 && fields[at - 1] === ":status" ? String(status) : text,
  )
  return new HeaderList(told, neverIndexed)
}

/** What the error that has led here asks of its client: `www-authenticate`. */
export function withErrorFields({ record, isGrpc }: AnsweredCall, list: HeaderList): HeaderList {
  const { state } = record
  if (isGrpc || state === null || state.errorFields.length === 0) return list
  return new HeaderList([...list.fields, ...state.errorFields], list.neverIndexed)
}
