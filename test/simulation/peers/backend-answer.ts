import type { HeaderList } from "../../../src/http2/header-list.ts"
import { headOf, metadata } from "../content.ts"
import type { CallPlan } from "../plan.ts"

/** The head that an attempt is answered with; the client expects the same. `isAlone`: it is also the end. */
export function responseHead(
  { id, protocol, metadata: count, response }: CallPlan,
  attempt: number,
  isAlone: boolean,
): HeaderList {
  const fields = [":status", String(response.status)]
  fields.push("content-type", protocol === "grpc" ? "application/grpc" : "text/plain")
  if (isAlone && protocol === "grpc")
    fields.push("grpc-status", String(response.grpcStatus), "x-end", String(attempt))
  return headOf([...fields, "x-attempt", String(attempt), ...metadata(id + 500, count)])
}

/** The trailers behind an attempt's body. */
export function responseTrailers({ id, metadata: count, response }: CallPlan, attempt: number): HeaderList {
  const fields = ["grpc-status", String(response.grpcStatus), "grpc-message", `answered ${id}`]
  return headOf([...fields, "x-end", String(attempt), ...metadata(id + 900, count >> 1)])
}
