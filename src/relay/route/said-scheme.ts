/** Backends whose scheme is what variables come to: `https://`, `grpcs://`. */
import type { RouteAction } from "../../config/model.ts"
import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { bareTarget } from "./bare-target.ts"
import { readProxyTarget } from "./proxy-request.ts"
import type { Phase, Route } from "./route.ts"

/** What it comes to, less `grpc://` or `grpcs://`. */
export function withoutScheme(template: Template): Template {
  const render: Template["render"] = (record, env) => bareTarget(template.render(record, env))
  return { ...template, render }
}

/** What comes to no TLS goes by a route without. @param compile makes that route */
export function schemePhases(
  action: RouteAction,
  table: VariableSource,
  compile: (action: RouteAction) => Route,
): Phase[] {
  const isTls = schemeOf(action, table)
  if (isTls === null) return []
  const plain = compile({ ...action, tls: null } as RouteAction)
  const toPlain = { kind: "goto", route: plain, phases: plain.locationPhases } as const
  return [({ record }, { env }) => (isTls(record, env) ? null : toPlain)]
}

/** Null: the action says it, whatever the request. */
function schemeOf(
  action: RouteAction,
  table: VariableSource,
): ((record: StreamRecord, env: TemplateEnvironment) => boolean) | null {
  if (action.kind === "variable") {
    if (action.tls === null || !action.tlsByScheme) return null
    const target = compileTemplate(action.template, "header", table)
    return (record, env) => /^grpcs:/i.test(target.render(record, env))
  }
  if (action.kind !== "proxy" || action.tls === null || !("template" in action.target)) return null
  const { template } = action.target
  if (/^https:/i.test(template)) return null
  const url = compileTemplate(template, "header", table)
  return (record, env) => readProxyTarget(url.render(record, env))?.isTls !== false
}
