/** nginx's `return`. */
import { defaultContentType } from "../../defaults.ts"
import type { RouteAction } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import { grpcStatusOf } from "./error-page.ts"
import { adaptTypes } from "./files.ts"

/** @param scope of the level that it stands in, for what is added to the answer. Null when it is wrong; then it was reported. */
export function adaptReturn(
  adapter: Adapter,
  { args }: Directive,
  scope: Scope,
): Extract<RouteAction, { kind: "return" }> | null {
  const [first, text] = args as [Word, Word?]
  const status = readNumber(first.text)
  const isAddress = text === undefined && /^(https?:\/\/|\$scheme)/.test(first.text)
  if (status === null ? !isAddress : status > 999) {
    adapter.report.error(first.span, `invalid return code "${first.text}"`)
    return null
  }
  const template = status === null ? first : text
  if (template !== undefined && !adapter.variables.check(template, adapter.report)) return null
  const grpc = grpcStatusOf(scope)
  return {
    kind: "return",
    status: status ?? 302,
    template: template?.text ?? "",
    contentType: typeOfPath(adapter, scope) ?? scope.one("default_type")?.args[0]?.text ?? defaultContentType,
    grpcStatus: grpc?.grpcStatus ?? null,
    grpcMessage: grpc?.grpcMessage ?? null,
  }
}

/** By the extension of an exact location's path, the only one that it answers. */
function typeOfPath(adapter: Adapter, scope: Scope): string | null {
  const match = adapter.matches.get(scope)
  const [, extension] = match?.kind === "exact" ? (/\.([^./]+)$/.exec(match.path) ?? []) : []
  return extension === undefined ? null : (adaptTypes(adapter, scope)[extension.toLowerCase()] ?? null)
}
