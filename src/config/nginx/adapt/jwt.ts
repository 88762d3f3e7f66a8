/** NGINX Plus's `auth_jwt`, and what it has no words for. */
import type { TokenVariable } from "../../../record/declared/declared.ts"
import { defaults } from "../../defaults-table.ts"
import { JWT_ALGORITHMS, type JwtConfig, type JwtKeysConfig } from "../../jwt-model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readTimeMs } from "../units.ts"
import { type Adapter, fullPath } from "./adapter.ts"
import { variableName } from "./rewrite.ts"

export function adaptJwt(adapter: Adapter, scope: Scope): JwtConfig | null {
  const { report, variables } = adapter
  const directive = scope.one("auth_jwt")
  if (directive === null || directive.args[0]!.text === "off") return null
  const [realm, parameter] = directive.args as [Word, Word?]
  let token: string | null = null
  if (parameter !== undefined) {
    token = /^token=(\$.+)$/.exec(parameter.text)?.[1] ?? null
    if (token === null)
      report.error(parameter.span, `invalid parameter "${parameter.text}"`, "token=$variable")
    else variables.check(parameter, report)
  }
  variables.check(realm, report)
  const keys = adaptKeys(adapter, scope)
  if (keys.length === 0 && scope.context === "location") {
    const message = "auth_jwt lets nobody in without keys"
    report.error(spanOf(directive), message, "auth_jwt_key_file, auth_jwt_key_request or auth_jwt_key_url")
  }
  return {
    realm: realm.text,
    token,
    type: choice(adapter, scope, "auth_jwt_type", ["signed", "encrypted", "nested"] as const) ?? "signed",
    keys,
    keyCacheMs: time(scope, "auth_jwt_key_cache"),
    keyStaleMs: time(scope, "auth_jwt_key_stale") ?? defaults.jwt.keyStale.value,
    leewayMs: time(scope, "auth_jwt_leeway") ?? defaults.jwt.leeway.value,
    issuers: texts(scope, "auth_jwt_issuer"),
    audiences: texts(scope, "auth_jwt_audience"),
    algorithms: adaptAlgorithms(adapter, scope),
    require: adaptRequired(adapter, scope),
    endStreams: scope.one("auth_jwt_end_streams")?.args[0]?.text.toLowerCase() === "on",
  }
}

const KEY_DIRECTIVES: ReadonlySet<string> = new Set([
  "auth_jwt_key_file",
  "auth_jwt_key_request",
  "auth_jwt_key_url",
])

/** One list: a level with any hides all of the outer one. */
function adaptKeys(adapter: Adapter, scope: Scope): JwtKeysConfig[] {
  const isKeys = ({ name }: Directive) => KEY_DIRECTIVES.has(name.text)
  let level: Scope | null = scope
  while (level !== null && !level.directives.some(isKeys)) level = level.parent
  return (level?.directives ?? []).filter(isKeys).flatMap((directive) => adaptKey(adapter, directive))
}

function adaptKey(adapter: Adapter, { name, args }: Directive): JwtKeysConfig[] {
  const { report, variables } = adapter
  const [word, parameter] = args as [Word, Word?]
  if (name.text === "auth_jwt_key_request")
    return variables.check(word, report) ? [{ kind: "request", uri: word.text }] : []
  if (word.text.includes("$")) {
    report.error(word.span, `variables in ${name.text} are not supported`)
    return []
  }
  if (name.text === "auth_jwt_key_file") return [{ kind: "file", keysFile: fullPath(adapter, word) }]
  if (!/^https?:\/\/[^/]/.test(word.text) || !URL.canParse(word.text)) {
    report.error(word.span, `invalid address "${word.text}"`, "https://host/path")
    return []
  }
  const ca = parameter === undefined ? null : /^ca=(.+)$/.exec(parameter.text)
  if (parameter !== undefined && ca === null)
    report.error(parameter.span, `invalid parameter "${parameter.text}"`, "ca=file")
  const caFile = ca === null ? null : fullPath(adapter, { ...parameter!, text: ca[1]! })
  return [{ kind: "url", url: word.text, caFile }]
}

function adaptRequired({ report, variables }: Adapter, scope: Scope): JwtConfig["require"] {
  return scope.all("auth_jwt_require").flatMap(({ args }) => {
    const words = args.filter(({ text }) => !text.startsWith("error="))
    const error = args.find(({ text }) => text.startsWith("error="))
    const status = error === undefined ? 401 : Number(error.text.slice("error=".length))
    if (error !== undefined && status !== 401 && status !== 403)
      report.error(error.span, `invalid parameter "${error.text}"`, "error=401 or error=403")
    for (const { text, span } of words)
      if (!text.startsWith("$")) report.error(span, `"${text}" must start with a variable`)
    if (!words.every((word) => variables.check(word, report)) || words.length === 0) return []
    return [{ values: words.map(({ text }) => text), status: status === 403 ? 403 : 401 }]
  })
}

function adaptAlgorithms({ report }: Adapter, scope: Scope): JwtConfig["algorithms"] {
  return (scope.one("auth_jwt_algorithms")?.args ?? []).flatMap(({ text, span }) => {
    const known = JWT_ALGORITHMS.find((each) => each === text)
    if (known === undefined)
      report.error(span, `invalid algorithm "${text}"`, didYouMean(text, JWT_ALGORITHMS))
    return known ?? []
  })
}

function choice<Choice extends string>(
  { report }: Adapter,
  scope: Scope,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const word = scope.one(name)?.args[0]
  const found = choices.find((each) => each === word?.text)
  if (word !== undefined && found === undefined)
    report.error(word.span, `invalid value "${word.text}"`, didYouMean(word.text, choices))
  return found
}

function time(scope: Scope, name: string): number | null {
  const word = scope.one(name)?.args[0]
  return word === undefined ? null : readTimeMs(word.text)
}

const texts = (scope: Scope, name: string): string[] => scope.one(name)?.args.map(({ text }) => text) ?? []

/** `auth_jwt_claim_set` and `auth_jwt_header_set`. */
export function adaptTokenVariable(adapter: Adapter, { name, args }: Directive): TokenVariable | null {
  const [variable, ...path] = args as [Word, ...Word[]]
  const made = variableName(adapter, variable)
  if (made === null) return null
  const of = name.text === "auth_jwt_claim_set" ? "claim" : "header"
  return { kind: "token", name: made, of, path: path.map(({ text }) => text) }
}
