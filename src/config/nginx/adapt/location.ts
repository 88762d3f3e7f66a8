/** `location` blocks, nested ones with them. */
import { defaultContentType } from "../../defaults.ts"
import type { ExceptMethods, RouteAction, RouteConfig, RouteMatch, RouteSettings } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import type { Locations } from "./error-page.ts"
import { adaptFiles } from "./files.ts"
import { adaptGrpcPass, type Pass } from "./grpc-pass.ts"
import { adaptHealthChecks } from "./health-check.ts"
import { adaptProxyPass } from "./proxy-pass.ts"
import { adaptReturn } from "./return.ts"
import { adaptSteps, hasAdmission } from "./rewrite.ts"
import { adaptSettings } from "./settings.ts"

interface Location {
  match: RouteMatch
  /** As nginx compares and names it: the path, the pattern or `@name`. */
  name: string
  scope: Scope
  directive: Directive
}

/** The scopes of a server's own locations, for `error_page`. Problems are left to `adaptLocations`. */
export function indexLocations(server: Scope): Locations {
  const found = new Map<string, Scope>()
  for (const directive of server.own("location")) {
    const [modifier, word] = modifierOf(directive)
    if (modifier.startsWith("~")) continue
    const taken = found.has(word.text) && modifier !== "="
    if (!taken) found.set(word.text, new Scope("location", directive.block ?? [], server))
  }
  return found
}

/** The routes of the locations of one level. */
export function adaptLocations(
  adapter: Adapter,
  scope: Scope,
  parent: Pick<Location, "match" | "name"> | null,
  locations: Locations,
): RouteConfig[] {
  const seen = new Map<string, Directive>()
  return scope.own("location").flatMap((directive) => {
    const location = readLocation(adapter, directive, scope)
    if (location === null) return []
    if (parent !== null && !checkNesting(adapter, location, parent)) return []
    if (!checkUnique(adapter, location, seen)) return []
    return [adaptLocation(adapter, location, locations)]
  })
}

function adaptLocation(adapter: Adapter, location: Location, locations: Locations): RouteConfig {
  const { match, scope } = location
  adapter.matches.set(scope, match)
  const prefix = match.kind === "exact" || match.kind === "prefix" ? match.path : null
  const pass = readPass(adapter, scope, prefix)
  const files = pass === null ? adaptFiles(adapter, scope, match) : null
  adaptHealthChecks(adapter, scope, pass?.action ?? { kind: "none" })
  const isAnswered = scope.own("return").length > 0 && !hasOwnSteps(scope)
  const authority = isAnswered ? null : (pass?.authority ?? null)
  const settings = adaptSettings(adapter, scope, authority, locations, familyOf(pass?.action))
  const own: RouteAction = pass?.action ?? files ?? { kind: "none" }
  const action = adaptAnswer(adapter, scope, settings, files !== null) ?? own
  if (settings.maxBodyOctets !== null && (action.kind === "cluster" || action.kind === "variable"))
    warnOfBodyLimit(adapter, scope)
  const routes = adaptLocations(adapter, scope, location, locations)
  const rewrite = adaptSteps(adapter, scope, settings, (inner) =>
    adaptInner(adapter, inner, own, pass, locations),
  )
  const internal = scope.own("internal").length > 0
  if (action.kind === "none" && routes.length === 0 && rewrite.length === 0) {
    adapter.report.note(
      spanOf(location.directive),
      `location ${location.name}`,
      "no grpc_pass: answers 404, or UNIMPLEMENTED to gRPC",
    )
  }
  const except = adaptExcept(adapter, scope, own, pass, locations)
  return { match, when: [], action, settings, internal, rewrite, except, routes }
}

/** What may keep a `return` behind it from being the answer. */
function hasOwnSteps(scope: Scope): boolean {
  return ["if", "set", "rewrite", "break"].some((name) => scope.own(name).length > 0)
}

/** One that holds in many places is told of once. */
function warnOfBodyLimit({ report, bodyLimitsTold }: Adapter, scope: Scope): void {
  const directive = scope.one("client_max_body_size")
  if (directive === null || bodyLimitsTold.has(directive)) return
  bodyLimitsTold.add(directive)
  report.warning(
    spanOf(directive),
    "client_max_body_size counts all messages of a gRPC stream together: one that sends more is ended",
    "0 in the locations of streams; one message may be limited by grpc_message_max_size",
  )
}

/** What holds within `if`, or for the methods that `limit_except` does not name: its own pass, or that of the location. */
function adaptInner(
  adapter: Adapter,
  scope: Scope,
  outerAction: RouteAction,
  outerPass: Pass | null,
  locations: Locations,
): Pick<ExceptMethods, "action" | "settings"> {
  const pass = readPass(adapter, scope, null)
  const authority = pass === null ? (outerPass?.authority ?? null) : pass.authority
  const action = pass?.action ?? outerAction
  return { action, settings: adaptSettings(adapter, scope, authority, locations, familyOf(action)) }
}

const METHODS = [
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "OPTIONS", "PROPFIND", "PROPPATCH"],
  ...["LOCK", "UNLOCK", "PATCH"],
]

function adaptExcept(
  adapter: Adapter,
  scope: Scope,
  outerAction: RouteAction,
  outerPass: Pass | null,
  locations: Locations,
): ExceptMethods | null {
  const directive = scope.own("limit_except")[0]
  if (directive === undefined) return null
  const methods = directive.args.flatMap(({ text, span }) => {
    const method = METHODS.find((each) => each === text.toUpperCase())
    if (method === undefined)
      adapter.report.error(span, `invalid method "${text}"`, didYouMean(text, METHODS))
    return method === "GET" ? ["GET", "HEAD"] : (method ?? [])
  })
  const inner = new Scope("limit_except", directive.block ?? [], scope)
  return { methods: [...new Set(methods)], ...adaptInner(adapter, inner, outerAction, outerPass, locations) }
}

/** The last of them counts, as in nginx. */
function readPass(adapter: Adapter, scope: Scope, prefix: string | null): Pass | null {
  const directive = scope.directives.findLast(({ name }) => /^(grpc|proxy)_pass$/.test(name.text))
  if (directive === undefined) return null
  return directive.name.text === "proxy_pass"
    ? adaptProxyPass(adapter, directive, scope, { prefix })
    : adaptGrpcPass(adapter, directive, scope)
}

/** Whose settings hold. */
function familyOf(action: RouteAction | undefined): "grpc" | "proxy" {
  return action?.kind === "proxy" ? "proxy" : "grpc"
}

function modifierOf({ args }: Directive): [modifier: string, word: Word] {
  const [first, second] = args as [Word, Word?]
  if (second !== undefined) return [first.text, second]
  const [modifier] = /^(?:=|\^~|~\*|~)?/.exec(first.text)!
  return [modifier, { ...first, text: first.text.slice(modifier.length) }]
}

function readLocation(adapter: Adapter, directive: Directive, parent: Scope): Location | null {
  const { report } = adapter
  const [modifier, word] = modifierOf(directive)
  const name = word.text
  const location = (match: RouteMatch): Location => {
    return { match, name, scope: new Scope("location", directive.block ?? [], parent), directive }
  }
  if (modifier === "=") return location({ kind: "exact", path: name })
  if (modifier === "^~") return location({ kind: "prefix", path: name, final: true })
  if (modifier === "~" || modifier === "~*") {
    if (!checkRegex(report, word, name, "location")) return null
    return location({ kind: "regex", pattern: name, ignoreCase: modifier === "~*" })
  }
  if (modifier !== "") {
    report.error(directive.args[0]!.span, `invalid location modifier "${modifier}"`, "it is =, ^~, ~ or ~*")
    return null
  }
  if (name.startsWith("@") && directive.args.length === 1) return location({ kind: "named", name })
  if (!name.startsWith("/") && name !== "") {
    report.warning(word.span, `no path starts with "${name}"`, `did you mean "/${name}"?`)
  }
  return location({ kind: "prefix", path: name, final: false })
}

function checkNesting(
  { report }: Adapter,
  inner: Location,
  outer: Pick<Location, "match" | "name">,
): boolean {
  const problem =
    outer.match.kind === "exact"
      ? `location "${inner.name}" cannot be inside the exact location "${outer.name}"`
      : outer.match.kind === "named"
        ? `location "${inner.name}" cannot be inside the named location "${outer.name}"`
        : inner.match.kind === "named"
          ? `named location "${inner.name}" can be on the server level only`
          : inner.match.kind !== "regex" && !inner.name.startsWith(outer.name)
            ? `location "${inner.name}" is outside location "${outer.name}"`
            : null
  if (problem !== null) report.error(spanOf(inner.directive), problem)
  return problem === null
}

function checkUnique(
  { report }: Adapter,
  { match, name, directive }: Location,
  seen: Map<string, Directive>,
): boolean {
  if (match.kind === "regex") return true
  const key = `${match.kind} ${name}`
  const earlier = seen.get(key)
  seen.set(key, earlier ?? directive)
  if (earlier === undefined) return true
  const { file, line } = earlier.name.span
  // nginx takes a second one of a name, and never goes there.
  if (match.kind === "named")
    report.warning(spanOf(directive), `location "${name}" is never used`, `the first is at ${file}:${line}`)
  else report.error(spanOf(directive), `duplicate location "${name}"`, `the first is at ${file}:${line}`)
  return false
}

/**
 * What a level answers by itself: `return`, or `try_files` with a code at its end. Null: nothing, or that depends on the
 * steps before it.
 */
export function adaptAnswer(
  adapter: Adapter,
  scope: Scope,
  settings: RouteSettings,
  hasFiles: boolean,
): RouteAction | null {
  const hasSteps =
    hasAdmission(settings) || adapter.levelChecks.stepsOf(adapter, scope).length > 0 || hasOwnSteps(scope)
  const returns = hasSteps
    ? []
    : scope.own("return").map((directive) => adaptReturn(adapter, directive, scope))
  if (returns.length > 0) return returns[0]!
  const tried = scope.own("try_files")[0]
  return tried === undefined || hasFiles ? null : adaptTryFiles(adapter, tried)
}

function adaptTryFiles({ report }: Adapter, directive: Directive): RouteAction | null {
  const last = directive.args.at(-1)!
  const status = last.text.startsWith("=") ? readNumber(last.text.slice(1)) : null
  if (last.text.startsWith("=") && (status === null || status > 999)) {
    report.error(last.span, `invalid code "${last.text}"`)
  } else if (status === null) {
    report.error(
      spanOf(directive),
      `try_files is not supported with "${last.text}" at its end: it would send the call elsewhere`,
    )
  } else {
    report.note(
      spanOf(directive),
      "try_files",
      `no root is written for it: the code at its end is the answer`,
    )
    return {
      kind: "return",
      status,
      template: "",
      contentType: defaultContentType,
      grpcStatus: null,
      grpcMessage: null,
    }
  }
  return null
}
