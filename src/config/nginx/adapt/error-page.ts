/** `error_page` where it leads to a gRPC status, as NGINX's own example pages for gRPC do. */
import type { ErrorStatusConfig } from "../../model.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"

/** The locations of one server by how they are reached: `@name`, or the path of a prefix or exact one. */
export type Locations = ReadonlyMap<string, Scope>

export function adaptErrorPages(
  adapter: Adapter,
  scope: Scope,
  locations: Locations | null,
): ErrorStatusConfig[] {
  return scope.all("error_page").flatMap((directive) => {
    const httpStatuses = readStatuses(adapter, directive)
    const answer = locations === null ? null : findAnswer(adapter, directive, locations)
    return answer === null || httpStatuses.length === 0 ? [] : [{ httpStatuses, ...answer }]
  })
}

function readStatuses({ report }: Adapter, { args }: Directive): number[] {
  const codes = args.slice(0, -1)
  if (codes.length > 0 && codes.at(-1)!.text.startsWith("=")) {
    const { text, span } = codes.pop()!
    const invalid = codes.length === 0 || (text.length > 1 && readNumber(text.slice(1)) === null)
    if (invalid) report.error(span, `invalid value "${text}"`)
  }
  return codes.flatMap(({ text, span }) => {
    const status = readNumber(text)
    if (status === null || status === 499) report.error(span, `invalid value "${text}"`)
    else if (status < 300 || status > 599) report.error(span, `value "${text}" must be between 300 and 599`)
    else return [status]
    return []
  })
}

function findAnswer(
  adapter: Adapter,
  directive: Directive,
  locations: Locations,
): Pick<ErrorStatusConfig, "grpcStatus" | "grpcMessage"> | null {
  const { report } = adapter
  const target = directive.args.at(-1)!
  if (hasVariables(target.text)) {
    adapter.variables.check(target, report)
    report.note(spanOf(directive), "error_page", NO_PAGES)
    return null
  }
  const location = locations.get(target.text.replace(/\?.*/s, ""))
  if (location === undefined && target.text.startsWith("@")) {
    report.warning(target.span, `could not find named location "${target.text}"`)
    return null
  }
  if (location !== undefined && location.own("grpc_pass").length > 0) {
    report.error(
      target.span,
      "error_page to a location with grpc_pass is not supported: it would send the call elsewhere",
    )
    return null
  }
  const status = location === undefined || location.own("return").length === 0 ? null : grpcStatusOf(location)
  if (status === null) report.note(spanOf(directive), "error_page", NO_PAGES)
  return status
}

const NO_PAGES = "gRPC clients get a grpc-status, others the HTTP status alone"

/** The status that a location's `add_header grpc-status` and `grpc-message` name, or null. */
export function grpcStatusOf(location: Scope): Pick<ErrorStatusConfig, "grpcStatus" | "grpcMessage"> | null {
  const status = readNumber(addedHeader(location, "grpc-status")?.text ?? "")
  if (status === null || status > 16) return null
  return { grpcStatus: status, grpcMessage: decoded(addedHeader(location, "grpc-message")?.text ?? "") }
}

/**
 * Without the percent-encoding in which gRPC has its messages: the relay encodes what it sends. An encoded `$` stays, since
 * a template has no other way to write one.
 */
function decoded(message: string): string {
  return message.replace(/(?:%(?!24)[0-9A-Fa-f]{2})+/g, (octets) =>
    Buffer.from(octets.replaceAll("%", ""), "hex").toString("utf8"),
  )
}

function addedHeader(location: Scope, name: string): Word | undefined {
  return location.all("add_header").find(({ args }) => args[0]!.text.toLowerCase() === name)?.args[1]
}
