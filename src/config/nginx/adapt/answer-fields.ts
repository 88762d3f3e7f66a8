/** `expires` and `charset`: what is said of answers beside their own fields. */
import { defaultRouteSettings } from "../../defaults.ts"
import { expiresPattern } from "../../expires.ts"
import type { RouteSettings } from "../../model.ts"
import { spanOf } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"

export function adaptAnswerFields(
  adapter: Adapter,
  scope: Scope,
): Pick<RouteSettings, "expires" | "charset" | "charsetTypes"> {
  return {
    expires: adaptExpires(adapter, scope),
    charset: adaptCharset(adapter, scope),
    charsetTypes: adaptTypes(scope),
  }
}

function adaptExpires({ report, variables }: Adapter, scope: Scope): string {
  const { expires } = defaultRouteSettings()
  const directive = scope.one("expires")
  if (directive === null) return expires
  const written = directive.args.map(({ text }) => text).join(" ")
  const isModified = directive.args.length === 1 || directive.args[0]!.text === "modified"
  const value = directive.args.at(-1)!
  if (isModified && hasVariables(value.text)) return variables.check(value, report) ? written : expires
  if (isModified && expiresPattern.test(written)) return written
  report.error(spanOf(directive), `invalid value "${written}"`, "off, max, epoch, a time such as 30d or @18h")
  return expires
}

/** Where nginx would write the body anew, in another charset, nothing is said: it is passed on as it is. */
function adaptCharset({ report, variables }: Adapter, scope: Scope): string | null {
  const word = scope.one("charset")?.args[0]
  if (word === undefined || word.text.toLowerCase() === "off" || !variables.check(word, report)) return null
  const source = scope.one("source_charset")?.args[0]
  if (source === undefined || source.text.toLowerCase() === word.text.toLowerCase()) return word.text
  report.warning(source.span, "bodies are not written anew in another charset: none is said")
  return null
}

function adaptTypes(scope: Scope): string[] {
  const words = scope.all("charset_types").flatMap(({ args }) => args)
  if (words.length === 0) return defaultRouteSettings().charsetTypes
  return [...new Set(["text/html", ...words.map(({ text }) => text.toLowerCase())])]
}
