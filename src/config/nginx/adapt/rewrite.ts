/** `if`, `set`, `rewrite`, `break` and `return`: nginx's rewrite module. */
import type { RewriteStep, RewriteTest, RouteSettings } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import { Scope } from "../scope.ts"
import type { Adapter } from "./adapter.ts"
import { adaptReturn } from "./return.ts"

const STEPS: ReadonlySet<string> = new Set(["if", "set", "rewrite", "break", "return"])

type Then = Extract<RewriteStep, { kind: "if" }>["route"]

/**
 * The steps of a level in their order. Empty where all there is is one `return`, and no client is asked who it is: then that
 * is what the level does.
 */
export function adaptSteps(
  adapter: Adapter,
  scope: Scope,
  settings: RouteSettings,
  thenOf: ((inner: Scope) => Then) | null,
): RewriteStep[] {
  const found = scope.directives.filter(({ name }) => STEPS.has(name.text))
  const checks = adapter.levelChecks.stepsOf(adapter, scope)
  const isAnswer = found.every(({ name }) => name.text === "return")
  if (isAnswer && checks.length === 0 && !hasAdmission(settings)) return []
  return [...checks, ...stepsOf(adapter, scope, found, thenOf)]
}

/** A `return` comes before all of it. */
export function hasAdmission(settings: RouteSettings): boolean {
  const { access, requestLimits, streamLimits, extAuthz, rateService } = settings
  const { rules, basic, jwt, request } = access
  return (
    rules.length + requestLimits.limits.length + streamLimits.limits.length > 0 ||
    (basic ?? jwt ?? request ?? extAuthz ?? rateService) !== null
  )
}

function stepsOf(
  adapter: Adapter,
  scope: Scope,
  directives: readonly Directive[],
  thenOf: ((inner: Scope) => Then) | null,
): RewriteStep[] {
  // nginx makes each `if` of a location a location of its own, and the last that holds counts.
  const changes = directives.some(({ name, block }) => {
    return name.text === "if" && block?.some((inner) => !STEPS.has(inner.name.text)) === true
  })
  return directives.flatMap((directive): RewriteStep[] => {
    switch (directive.name.text) {
      case "set":
        return adaptSet(adapter, directive)
      case "rewrite":
        return adaptRule(adapter, directive)
      case "break":
        return [{ kind: "break" }]
      case "return": {
        const action = adaptReturn(adapter, directive, scope)
        return action === null ? [] : [{ kind: "return", action }]
      }
      default:
        return adaptIf(adapter, directive, scope, changes ? thenOf : null)
    }
  })
}

function adaptSet({ report, variables }: Adapter, directive: Directive): RewriteStep[] {
  const [variable, value] = directive.args as [Word, Word]
  const name = variableName({ report, variables }, variable)
  if (name === null || !variables.check(value, report)) return []
  return [{ kind: "set", variable: name, template: value.text }]
}

/** The name, without its dollar sign, of a variable that the file makes; null: it cannot be made. */
export function variableName(
  { report, variables }: Pick<Adapter, "report" | "variables">,
  { text, span }: Word,
): string | null {
  const name = /^\$./.test(text) ? text.slice(1) : null
  if (name === null) report.error(span, `invalid variable name "${text}"`)
  else if (variables.isChangeable(name)) return name
  else report.error(span, `the duplicate "${name}" variable`, "nginx makes it by itself")
  return null
}

const FLAGS = ["last", "break", "redirect", "permanent"] as const

function adaptRule({ report, variables }: Adapter, { args }: Directive): RewriteStep[] {
  const [pattern, replacement, flag] = args as [Word, Word, Word?]
  if (replacement.text === "") {
    report.error(replacement.span, "empty replacement")
    return []
  }
  const known = FLAGS.find((each) => each === flag?.text) ?? null
  if (flag !== undefined && known === null) {
    report.error(flag.span, `invalid parameter "${flag.text}"`, `it is ${FLAGS.join(", ")} or nothing`)
    return []
  }
  if (!checkRegex(report, pattern, pattern.text, "rewrite") || !variables.check(replacement, report))
    return []
  return [{ kind: "rewrite", pattern: pattern.text, replacement: replacement.text, flag: known }]
}

function adaptIf(
  adapter: Adapter,
  directive: Directive,
  outer: Scope,
  thenOf: ((inner: Scope) => Then) | null,
): RewriteStep[] {
  const scope = new Scope(outer.context === "server" ? "server if" : "if", directive.block ?? [], outer)
  const test = readCondition(adapter, directive)
  const inner = scope.directives.filter(({ name }) => STEPS.has(name.text))
  const steps = stepsOf(adapter, scope, inner, null)
  return test === null ? [] : [{ kind: "if", test, steps, route: thenOf === null ? null : thenOf(scope) }]
}

/** `($a)`, `($a = b)`, `($a ~ regex)`, `(-f path)`, with or without blanks at the brackets. */
function readCondition(adapter: Adapter, { name, args }: Directive): RewriteTest | null {
  const { report } = adapter
  const words = args.map((word) => ({ ...word }))
  const invalid = (word: Word | undefined): null => {
    const { text, span } = word ?? name
    report.error(span, `invalid condition "${text}"`)
    return null
  }
  const [first] = words
  const last = words.at(-1)
  if (first === undefined || last === undefined || !first.text.startsWith("(")) return invalid(first)
  if (!last.text.endsWith(")")) return invalid(last)
  first.text = first.text.slice(1)
  last.text = last.text.slice(0, -1)
  const [value, operator, operand, more] = words.filter(
    (word) => word.text !== "" || (word !== first && word !== last),
  ) as [Word?, Word?, Word?, Word?]
  if (value === undefined || more !== undefined) return invalid(first)
  if (value.text.length > 1 && value.text.startsWith("$")) {
    if (operator === undefined)
      return adapter.variables.check(value, report) ? { operator: "set", value: value.text } : null
    return compared(adapter, value, operator, operand)
  }
  const [, not, kind] = /^(!?)-(.)$/.exec(value.text) ?? []
  if (kind === undefined || operator === undefined || operand !== undefined) return invalid(value)
  if (!/^[fdex]$/.test(kind)) return invalid(value)
  if (!adapter.variables.check(operator, report)) return null
  return { operator: `${not as "" | "!"}-${kind as "f"}`, value: operator.text }
}

function compared(
  adapter: Adapter,
  value: Word,
  operator: Word,
  operand: Word | undefined,
): RewriteTest | null {
  const { report, variables } = adapter
  if (operand === undefined) {
    report.error(value.span, `invalid condition "${value.text}"`)
    return null
  }
  switch (operator.text) {
    case "=":
    case "!=": {
      const isRight = variables.check(value, report) && variables.check(operand, report)
      return isRight ? { operator: operator.text, value: value.text, text: operand.text } : null
    }
    case "~":
    case "!~":
    case "~*":
    case "!~*": {
      const isRight = variables.check(value, report) && checkRegex(report, operand, operand.text, "if")
      return isRight ? { operator: operator.text, value: value.text, pattern: operand.text } : null
    }
    default:
      report.error(operator.span, `unexpected "${operator.text}" in condition`)
      return null
  }
}
