/** `server` blocks. */
import { hostname } from "node:os"
import { hostAddress } from "../../address.ts"
import { defaultRoute } from "../../defaults.ts"
import type { RouteConfig } from "../../model.ts"
import { serverNameProblem } from "../../server-name.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import { Scope } from "../scope.ts"
import type { Adapter } from "./adapter.ts"
import type { ListeningDraft, ServerDraft } from "./drafts.ts"
import { adaptFiles } from "./files.ts"
import { defaultListenOptions, readListenDirective } from "./listen.ts"
import type { Listeners } from "./listeners.ts"
import { adaptAnswer, adaptLocations, indexLocations } from "./location.ts"
import { adaptSteps } from "./rewrite.ts"
import { adaptSettings, isOn } from "./settings.ts"

export function adaptServer(
  adapter: Adapter,
  directive: Directive,
  http: Scope,
  listeners: Listeners,
): ServerDraft {
  const { report } = adapter
  const scope = new Scope("server", directive.block ?? [], http)
  const locations = indexLocations(scope)
  const fallback = adaptSettings(adapter, scope, null, locations)
  const written = scope
    .own("server_name")
    .flatMap(({ args }) => args.flatMap((word) => adaptServerName(adapter, word)))
  const names = written.length === 0 ? [""] : [...new Set(written)]
  const span = directive.name.span
  const draft: ServerDraft = {
    config: {
      names,
      listeners: [],
      defaultFor: [],
      order: "nginx",
      underscoresInHeaders: isOn(scope, "underscores_in_headers"),
      mergeSlashes: isOn(scope, "merge_slashes", true),
      routes: [],
      rewrite: [],
      fallback,
    },
    scope,
    span,
  }
  adaptListens(adapter, draft, listeners)
  checkKeys(adapter, draft)
  const routes = adaptLocations(adapter, scope, null, locations)
  draft.config.rewrite = adaptSteps(adapter, scope, fallback, null)
  const answer = adaptAnswer(adapter, scope, fallback, false)
  if (answer?.kind === "return" && scope.own("return").length > 0) {
    const everything: RouteConfig = {
      match: { kind: "prefix", path: "", final: true },
      action: answer,
      settings: fallback,
      ...defaultRoute(),
    }
    draft.config.routes = [everything]
    if (routes.length > 0)
      report.warning(
        spanOf(scope.own("return")[0]!),
        "return answers every call of this server: its locations are never reached",
      )
  } else draft.config.routes = [...routes, ...otherFiles(adapter, scope, routes, fallback)]
  return draft
}

/** What no location matches is a file of the server, where it has a `root`. */
function otherFiles(
  adapter: Adapter,
  scope: Scope,
  routes: readonly RouteConfig[],
  settings: RouteConfig["settings"],
): RouteConfig[] {
  if (routes.some(({ match }) => match.kind === "prefix" && /^\/?$/.test(match.path))) return []
  const action = adaptFiles(adapter, scope, null)
  if (action === null) return []
  return [{ match: { kind: "prefix", path: "", final: false }, action, settings, ...defaultRoute() }]
}

function adaptListens({ report }: Adapter, draft: ServerDraft, listeners: Listeners): void {
  const directives = draft.scope.own("listen")
  if (directives.length === 0) {
    report.note(draft.span, "server", "no listen is written: port 80")
    listeners.add(hostAddress("0.0.0.0", 80), defaultListenOptions(draft.span), draft)
  }
  const secure = draft.scope.one("ssl")
  const isSecure = secure !== null && secure.args[0]!.text.toLowerCase() === "on"
  if (isSecure) report.warning(spanOf(secure), 'nginx has "ssl" no longer', 'write "listen ... ssl"')
  const isQuic = ({ args }: Directive) => args.some(({ text }, index) => index > 0 && text === "quic")
  const isAlone = directives.every(isQuic)
  for (const directive of directives.filter(isQuic)) {
    const said = '"quic" is not supported: HTTP/3 is not spoken'
    if (isAlone) report.error(spanOf(directive), said)
    else report.warning(spanOf(directive), said, "clients go on over TCP, by the other listen")
  }
  for (const directive of directives.filter((each) => !isQuic(each))) {
    const listen = readListenDirective(report, directive)
    if (listen !== null && isSecure) listen.options.ssl = true
    for (const address of listen?.addresses ?? []) listeners.add(address, listen!.options, draft)
  }
}

/** A certificate needs its key even where no listen has `ssl`. */
export function checkKeys({ report }: Adapter, { scope }: ListeningDraft): void {
  const keys = scope.all("ssl_certificate_key").length
  for (const { args } of scope.all("ssl_certificate").slice(keys)) {
    report.error(args[0]!.span, `no "ssl_certificate_key" is defined for certificate "${args[0]!.text}"`)
  }
}

/** The names that one word stands for; `.example.com` is two. */
export function adaptServerName({ report }: Adapter, word: Word): string[] {
  const { text, span } = word
  const problem = serverNameProblem(text)
  if (problem !== null) report[problem.severity](span, problem.message, problem.hint)
  if (problem?.severity === "error") return []
  if (text.startsWith("~")) return checkRegex(report, word, text.slice(1), "server_name") ? [text] : []
  const name = text.toLowerCase()
  if (name === "$hostname") return [hostname().toLowerCase()]
  return name.startsWith(".") ? [name.slice(1), `*${name}`] : [name]
}
