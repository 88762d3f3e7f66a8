/** `error_page`, and where it leads to a gRPC status, as NGINX's own example pages for gRPC do. */
import type { ErrorPageConfig } from "../../error-page-model.ts"
import type { ErrorStatusConfig } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"

/** The locations of one server by how they are reached: `@name`, or the path of a prefix or exact one. */
export type Locations = ReadonlyMap<string, Scope>

/** Where errors of a level lead, and what gRPC clients are told where that is a location which says a `grpc-status`. */
export interface ErrorPages {
  readonly errorPages: ErrorPageConfig[]
  readonly errorStatuses: ErrorStatusConfig[]
}

/** @param locations of the server; null: outside of one */
export function adaptErrorPages(adapter: Adapter, scope: Scope, locations: Locations | null): ErrorPages {
  const errorPages: ErrorPageConfig[] = []
  const errorStatuses: ErrorStatusConfig[] = []
  for (const directive of scope.all("error_page")) {
    const page = readPage(adapter, directive)
    if (page === null) continue
    errorPages.push(page)
    const { httpStatuses } = page
    const answer = locations === null ? null : findAnswer(adapter, directive, locations)
    if (answer !== null) errorStatuses.push({ httpStatuses, ...answer })
  }
  return { errorPages, errorStatuses }
}

function readPage({ report, variables }: Adapter, { args }: Directive): ErrorPageConfig | null {
  const codes = args.slice(0, -1)
  const target = args.at(-1)!
  let isRight = variables.check(target, report)
  const fault = (word: Word, message: string): void => {
    report.error(word.span, message)
    isRight = false
  }
  let status: ErrorPageConfig["status"] = null
  if (codes.length > 0 && codes.at(-1)!.text.startsWith("=")) {
    const word = codes.pop()!
    const written = readNumber(word.text.slice(1))
    if (codes.length === 0 || (word.text.length > 1 && written === null) || (written ?? 0) > 999)
      fault(word, `invalid value "${word.text}"`)
    else status = written === null || written === 0 ? "target" : written
  }
  const httpStatuses = codes.flatMap((word) => {
    const code = readNumber(word.text)
    if (code === null || code === 499) fault(word, `invalid value "${word.text}"`)
    else if (code < 300 || code > 599) fault(word, `value "${word.text}" must be between 300 and 599`)
    else return [code]
    return []
  })
  return isRight && httpStatuses.length > 0 ? { httpStatuses, status, target: target.text } : null
}

function findAnswer(
  { report }: Adapter,
  directive: Directive,
  locations: Locations,
): Pick<ErrorStatusConfig, "grpcStatus" | "grpcMessage"> | null {
  const target = directive.args.at(-1)!
  if (hasVariables(target.text)) return null
  const location = locations.get(target.text.replace(/\?.*/s, ""))
  if (location === undefined && target.text.startsWith("@"))
    report.warning(target.span, `could not find named location "${target.text}"`)
  return location === undefined || location.own("return").length === 0 ? null : grpcStatusOf(location)
}

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
