/**
 * `valid_referers` and `secure_link`: what they check of a request depends on the level that it is at. Each level makes a variable
 * of its own and says by a step that it is the one; the variable that the file asks for goes by what was said.
 */
import type { DeclaredVariable, MapVariable } from "../../../record/declared/declared.ts"
import type { ReferersVariable } from "../../../record/declared/referers.ts"
import type { RewriteStep } from "../../model.ts"
import { serverNameProblem } from "../../server-name.ts"
import type { Directive, Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import type { Variables } from "../variables.ts"

interface Adapter {
  readonly report: Report
  readonly variables: Variables
}

interface Kind {
  /** What the file asks for. */
  readonly variables: readonly string[]
  /** Where it is set which level's counts. */
  readonly here: string
  /** The directives that make it; null: none holds here. */
  key(scope: Scope): Directive | null
  /** One of each name, in the order of `variables`. */
  make(adapter: Adapter, scope: Scope, names: readonly string[], key: Directive): DeclaredVariable[]
}

const KINDS: readonly Kind[] = [
  {
    variables: ["invalid_referer"],
    here: "valid_referers_here",
    key: (scope) => scope.one("valid_referers"),
    make: (adapter, scope, [name]) => [adaptReferers(adapter, scope, name!)],
  },
  {
    variables: ["secure_link", "secure_link_expires"],
    here: "secure_link_here",
    // As nginx merges them: a secret of the level's own, or both others, or else a secret of an outer level.
    key: (scope) => {
      const own = scope.own("secure_link_secret")[0]
      const [md5, value] = [scope.one("secure_link_md5"), scope.one("secure_link")]
      if (own !== undefined || (md5 === null && value === null)) return own ?? scope.one("secure_link_secret")
      return md5 === null || value === null ? null : (scope.own("secure_link_md5")[0] ?? value)
    },
    make: adaptSecureLink,
  },
]

/** What the levels of a file check. */
export class LevelChecks {
  readonly #numbers = new Map<Directive, number>()
  readonly #variables: DeclaredVariable[] = []
  readonly #maps = new Map<string, MapVariable>()

  /** Before all other steps of a level. */
  stepsOf(adapter: Adapter, scope: Scope): RewriteStep[] {
    return KINDS.flatMap((kind): RewriteStep[] => {
      const key = kind.key(scope)
      if (key === null) return []
      const number = this.#numbers.get(key) ?? this.#add(adapter, scope, kind, key)
      return [{ kind: "set", variable: kind.here, template: String(number) }]
    })
  }

  #add(adapter: Adapter, scope: Scope, kind: Kind, key: Directive): number {
    const number = this.#numbers.size + 1
    this.#numbers.set(key, number)
    const names = kind.variables.map((name) => `${name}_${number}`)
    const made = kind.make(adapter, scope, names, key)
    this.#variables.push(...made)
    for (const [index, name] of kind.variables.entries()) {
      const { entries } = this.#mapOf(kind, name)
      if (made.some((one) => one.name === names[index])) entries.push([String(number), `$${names[index]}`])
    }
    return number
  }

  #mapOf({ here }: Kind, name: string): MapVariable {
    const flags = { hostnames: false, volatile: false }
    const made: MapVariable = { kind: "map", name, source: `$${here}`, entries: [], default: "", ...flags }
    const map = this.#maps.get(name) ?? made
    this.#maps.set(name, map)
    return map
  }

  /** Those that the file asks for first: what is declared behind them may use them. */
  get variables(): readonly DeclaredVariable[] {
    return [...this.#maps.values(), ...this.#variables]
  }
}

function adaptSecureLink(
  { report, variables }: Adapter,
  scope: Scope,
  [verdict, expires]: readonly string[],
  key: Directive,
): DeclaredVariable[] {
  if (key.name.text === "secure_link_secret") {
    const mixed = scope.own("secure_link")[0] ?? scope.own("secure_link_md5")[0]
    if (mixed !== undefined)
      report.error(
        mixed.name.span,
        '"secure_link" and "secure_link_md5" directives cannot be mixed with "secure_link_secret"',
      )
    return [{ kind: "secureLinkPath", name: verdict!, secret: key.args[0]!.text }]
  }
  const [of, md5] = ["secure_link", "secure_link_md5"].map((name) => scope.one(name)!.args[0]!) as [
    Word,
    Word,
  ]
  const right = [of, md5].filter((word) => variables.check(word, report)).length === 2
  if (!right) return []
  return [
    { kind: "secureLink", name: verdict!, of: of.text, md5: md5.text },
    { kind: "secureLink", name: expires!, of: of.text, md5: null },
  ]
}

function adaptReferers(adapter: Adapter, scope: Scope, name: string): DeclaredVariable {
  const { report } = adapter
  const referers = {
    kind: "referers" as const,
    name,
    none: false,
    blocked: false,
    hosts: [] as [string, string][],
    regexes: [] as string[],
    hostRegexes: [] as string[],
  }
  const add = (word: Word, text: string): void => {
    const at = text.indexOf("/")
    const host = (at < 0 ? text : text.slice(0, at)).toLowerCase()
    const isWrong = host === "" || serverNameProblem(host)?.severity === "error"
    if (isWrong) report.error(word.span, `invalid hostname or wildcard "${text}"`)
    else if (referers.hosts.some(([known]) => known === host))
      report.error(word.span, `conflicting parameter "${text}"`)
    else referers.hosts.push([host, at < 0 ? "" : text.slice(at)])
  }
  const words = scope.all("valid_referers").flatMap(({ args }) => args)
  if (words.every(({ text }) => text === "none" || text === "blocked"))
    report.error(
      words[0]!.span,
      'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer',
    )
  for (const word of words) {
    if (word.text === "none" || word.text === "blocked") referers[word.text] = true
    else if (word.text === "server_names") addServerNames(scope, referers)
    else if (!word.text.startsWith("~")) add(word, word.text)
    else if (checkRegex(report, word, word.text.slice(1), "location"))
      referers.regexes.push(word.text.slice(1))
  }
  return referers
}

function addServerNames(
  from: Scope,
  { hosts, hostRegexes }: Pick<ReferersVariable, "hosts" | "hostRegexes">,
): void {
  let scope: Scope | null = from
  while (scope !== null && scope.context !== "server") scope = scope.parent
  for (const { text } of (scope?.own("server_name") ?? []).flatMap(({ args }) => args)) {
    if (text.startsWith("~")) hostRegexes.push(text.slice(1))
    else if (text !== "" && !hosts.some(([known]) => known === text.toLowerCase()))
      hosts.push([text.toLowerCase(), ""])
  }
}
