import { octetText } from "../../base/octet-text.ts"
import type { ProxyAction, RouteAction } from "../../config/model.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableTable } from "../../record/variable-table.ts"
import { redirectInside } from "./internal-redirect.ts"
import type { CompiledAction } from "./phases.ts"
import { readProxyTarget } from "./proxy-request.ts"
import type { ReturnAction, Route } from "./route.ts"
import type { FilesParts, RouteParts } from "./route-parts.ts"
import type { RoutesOf } from "./router.ts"
import { withoutScheme } from "./said-scheme.ts"

/** Where a route leads. */
export function compileAction(action: RouteAction, host: RoutesOf<Route>, parts: RouteParts): CompiledAction {
  const { table, templateOf } = parts
  switch (action.kind) {
    case "cluster":
      return { kind: "cluster", cluster: action.cluster }
    case "variable":
      return {
        kind: "variable",
        template: withoutScheme(compileTemplate(action.template, "header", table)),
        mayResolve: action.resolve,
        needsPort: true,
      }
    case "return":
      return compileReturn(action, table)
    case "proxy":
      return compileProxy(action.target, table)
    case "files": {
      const redirect: FilesParts["redirect"] = (record, target, args) =>
        redirectInside(record, target, args, host)
      return { kind: "files", serve: parts.serveFiles(action.files, { templateOf, redirect }) }
    }
    case "none":
      return action
  }
}

function compileProxy(target: ProxyAction["target"], table: VariableTable): CompiledAction {
  if ("cluster" in target) return { kind: "cluster", cluster: target.cluster }
  const url = compileTemplate(target.template, "header", table)
  // What names the cluster is the middle of it.
  const nameOf: Template["render"] = (record, env) => readProxyTarget(url.render(record, env))?.name ?? ""
  const template = { ...url, render: nameOf }
  return { kind: "variable", template, mayResolve: target.resolve, needsPort: false }
}

/** nginx's `return`. */
export function compileReturn(
  action: Extract<RouteAction, { kind: "return" }>,
  table: VariableTable,
): ReturnAction {
  return {
    ...action,
    template: compileTemplate(action.template, "header", table),
    contentType: octetText(action.contentType),
    grpcMessage: action.grpcMessage === null ? null : compileTemplate(action.grpcMessage, "header", table),
  }
}
