/** `allow`, `deny`, `auth_basic`, `auth_request` and real_ip: who is let in. */
import { parseNetwork } from "../../../record/networks.ts"
import type { AccessConfig, RealIpConfig } from "../../model.ts"
import { isTrustedName } from "../../trusted-names.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { type Adapter, saidPath } from "./adapter.ts"
import { adaptJwt } from "./jwt.ts"
import { variableName } from "./rewrite.ts"

export function adaptAccess(adapter: Adapter, scope: Scope): AccessConfig {
  const { report } = adapter
  const satisfy = scope.one("satisfy")?.args[0]
  if (satisfy !== undefined && !/^(all|any)$/.test(satisfy.text))
    report.error(satisfy.span, `invalid value "${satisfy.text}"`, '"all" or "any"')
  return {
    satisfy: satisfy?.text === "any" ? "any" : "all",
    rules: adaptRules(adapter, scope),
    basic: adaptBasic(adapter, scope),
    jwt: adaptJwt(adapter, scope),
    request: adaptRequest(adapter, scope),
  }
}

/** `allow` and `deny` are one list: a level with either hides all of the outer one. */
export function adaptRules({ report }: Adapter, scope: Scope): AccessConfig["rules"] {
  const isRule = ({ name }: Directive) => name.text === "allow" || name.text === "deny"
  let level: Scope | null = scope
  while (level !== null && !level.has("allow") && !level.has("deny")) level = level.parent
  return (level?.directives ?? []).filter(isRule).flatMap(({ name, args }) => {
    const { text, span } = args[0]!
    const isKnown = text === "all" || text === "unix:" || parseNetwork(text) !== null
    if (!isKnown) report.error(span, `invalid parameter "${text}"`, "an address, a network, unix: or all")
    return isKnown ? [{ allow: name.text === "allow", from: text }] : []
  })
}

function adaptBasic(adapter: Adapter, scope: Scope): AccessConfig["basic"] {
  const realm = scope.one("auth_basic")?.args[0]
  const file = scope.one("auth_basic_user_file")?.args[0]
  if (realm === undefined || realm.text === "off") return null
  if (file === undefined) {
    adapter.report.note(realm.span, "auth_basic", "asks nothing without an auth_basic_user_file, as in nginx")
    return null
  }
  if (!adapter.variables.check(realm, adapter.report) || !adapter.variables.check(file, adapter.report))
    return null
  return { realm: realm.text, userFile: saidPath(adapter, file) }
}

function adaptRequest(adapter: Adapter, scope: Scope): AccessConfig["request"] {
  const uri = scope.one("auth_request")?.args[0]
  const set = scope.all("auth_request_set").flatMap(({ args }): [string, string][] => {
    const [variable, value] = args as [Word, Word]
    const name = variableName(adapter, variable)
    return name === null || !adapter.variables.check(value, adapter.report) ? [] : [[name, value.text]]
  })
  return uri === undefined || uri.text === "off" ? null : { uri: uri.text, set }
}

/** Null: the peer of the connection is the client. */
export function adaptRealIp({ report }: Adapter, scope: Scope): RealIpConfig | null {
  const from = scope.all("set_real_ip_from").flatMap((directive) => {
    const { text } = directive.args[0]!
    if (text === "unix:" || parseNetwork(text) !== null || isTrustedName(text)) return [text]
    report.error(
      spanOf(directive),
      `host not found in set_real_ip_from "${text}"`,
      "an address, a network, a name or unix:",
    )
    return []
  })
  const header = scope.one("real_ip_header")?.args[0]?.text.toLowerCase() ?? "x-real-ip"
  const recursive = scope.one("real_ip_recursive")?.args[0]?.text.toLowerCase() === "on"
  return from.length === 0 ? null : { from, header, recursive }
}
