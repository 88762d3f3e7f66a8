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
  /** The directives that make it, each of the level that it is inherited from; empty: none hold here. */
  of(scope: Scope): readonly Directive[]
  /** One of each name, in the order of `variables`. */
  make(
    adapter: Adapter,
    scope: Scope,
    names: readonly string[],
    directives: readonly Directive[],
  ): DeclaredVariable[]
}

const KINDS: readonly Kind[] = [
  {
    variables: ["invalid_referer"],
    here: "valid_referers_here",
    of: (scope) => scope.all("valid_referers").slice(0, 1),
    make: (adapter, scope, [name]) => [adaptReferers(adapter, scope, name!)],
  },
  {
    variables: ["secure_link", "secure_link_expires"],
    here: "secure_link_here",
    of: secureLinkOf,
    make: adaptSecureLink,
  },
]

/** What the levels of a file check. */
export class LevelChecks {
  readonly #numbers = new Map<string, number>()
  readonly #ids = new Map<Directive, number>()
  readonly #variables: DeclaredVariable[] = []
  readonly #maps = new Map<string, MapVariable>()

  /** Before all other steps of a level. */
  stepsOf(adapter: Adapter, scope: Scope): RewriteStep[] {
    return KINDS.flatMap((kind): RewriteStep[] => {
      const directives = kind.of(scope)
      if (directives.length === 0) return []
      const key = directives.map((each) => this.#idOf(each)).join(" ")
      const number = this.#numbers.get(key) ?? this.#add(adapter, scope, kind, directives)
      this.#numbers.set(key, number)
      return [{ kind: "set", variable: kind.here, template: String(number) }]
    })
  }

  #idOf(directive: Directive): number {
    const id = this.#ids.get(directive) ?? this.#ids.size
    this.#ids.set(directive, id)
    return id
  }

  #add(adapter: Adapter, scope: Scope, kind: Kind, directives: readonly Directive[]): number {
    const number = this.#numbers.size + 1
    const names = kind.variables.map((name) => `${name}_${number}`)
    const made = kind.make(adapter, scope, names, directives)
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

/**
 * As nginx merges them: the secret, or `secure_link` and `secure_link_md5`, each of the innermost level that has one. A
 * level with a secret hides what levels around it have of the other two, and either of those the secret of a level around.
 */
function secureLinkOf(scope: Scope): Directive[] {
  const names = ["secure_link_secret", "secure_link", "secure_link_md5"] as const
  const [secret, of, md5] = names.map((name) => levelsOut(scope, name)) as [number, number, number]
  if (secret < Infinity && secret <= Math.min(of, md5)) return [scope.one(names[0])!]
  return of < secret && md5 < secret ? [scope.one(names[1])!, scope.one(names[2])!] : []
}

/** How far out the innermost level is that has it. */
function levelsOut(from: Scope, name: string): number {
  let levels = 0
  for (let scope: Scope | null = from; scope !== null; scope = scope.parent, levels++)
    if (scope.has(name)) return levels
  return Infinity
}

function adaptSecureLink(
  { report, variables }: Adapter,
  scope: Scope,
  [verdict, expires]: readonly string[],
  directives: readonly Directive[],
): DeclaredVariable[] {
  const words = directives.map(({ args }) => args[0]!)
  if (directives.length === 1) {
    const mixed = scope.own("secure_link")[0] ?? scope.own("secure_link_md5")[0]
    if (mixed !== undefined)
      report.error(
        mixed.name.span,
        '"secure_link" and "secure_link_md5" directives cannot be mixed with "secure_link_secret"',
      )
    return [{ kind: "secureLinkPath", name: verdict!, secret: words[0]!.text }]
  }
  const [of, md5] = words as [Word, Word]
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
