/**
 * nginx's rewrite module: `if`, `set`, `rewrite`, `break` and `return`, in the order in which they stand.
 * Source: ngx_http_rewrite_module.c, ngx_http_script.c.
 */
import type { RewriteStep } from "../../config/model.ts"
import { failure } from "../../record/failure.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import { compileTemplate, literalTemplate, type Template } from "../../record/template.ts"
import { escapeArgument } from "../../record/uri.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import { keepMatch } from "./kept-match.ts"
import type { RegexOf } from "./regexes.ts"
import { compileTest, type Test } from "./rewrite-test.ts"
import type { Phase, PhaseContext, PhasedCall, ReturnAction, Route, Verdict } from "./route.ts"

export interface RewriteParts {
  readonly table: VariableSource
  readonly regexOf: RegexOf
  templateOf(source: string): Template
  compileReturn(action: Extract<RewriteStep, { kind: "return" }>["action"]): ReturnAction
  /** Of an `if` in a location: what holds from there on. */
  compileThen(then: NonNullable<Extract<RewriteStep, { kind: "if" }>["route"]>): Route
}

/** `stop`: no further step is taken. */
type Outcome = Verdict | "stop" | null
type Step = (call: PhasedCall, state: RequestState, context: PhaseContext) => Outcome

/** What its steps make of a request: an answer; or null, and the state says whether its location is to be found anew. */
export function compileRewrite(steps: readonly RewriteStep[], parts: RewriteParts): Phase {
  const program = compileSteps(steps, parts)
  return (call, context) => {
    const state = stateOf(call.record)
    const outcome = run(program, call, state, context)
    return outcome === "stop" ? null : outcome
  }
}

function run(
  program: readonly Step[],
  call: PhasedCall,
  state: RequestState,
  context: PhaseContext,
): Outcome {
  for (const step of program) {
    const outcome = step(call, state, context)
    if (outcome !== null) return outcome
  }
  return null
}

function compileSteps(steps: readonly RewriteStep[], parts: RewriteParts): Step[] {
  return steps.map((step) => compileStep(step, parts))
}

function compileStep(step: RewriteStep, parts: RewriteParts): Step {
  switch (step.kind) {
    case "set":
      return compileSet(step, parts)
    case "break":
      return (_call, state) => {
        state.isUriChanged = false
        return "stop"
      }
    case "return": {
      const action = parts.compileReturn(step.action)
      return () => action
    }
    case "rewrite":
      return compileRule(step, parts)
    case "if":
      return compileIf(step, parts)
  }
}

function compileSet(
  { variable, template }: Extract<RewriteStep, { kind: "set" }>,
  { templateOf }: RewriteParts,
): Step {
  const name = variable.toLowerCase()
  const value = templateOf(template)
  return (call, state, { env }) => {
    const text = value.render(call.record, env)
    if (name === "args") {
      state.args = text
      state.isRewritten = true
    } else state.values.set(name, text)
    return null
  }
}

function compileIf(step: Extract<RewriteStep, { kind: "if" }>, parts: RewriteParts): Step {
  const test: Test = compileTest(step.test, parts)
  const program = compileSteps(step.steps, parts)
  const then = step.route === null ? null : parts.compileThen(step.route)
  return (call, state, context) => {
    const holds = test(call, state, context)
    if (holds === "limit") return overrun()
    if (!holds) return null
    if (then !== null) call.route = then
    return run(program, call, state, context)
  }
}

function overrun(): Verdict {
  return failure("internal", "a regex of the configuration took more than regexSteps for this request", true)
}

// ---- rewrite ------------------------------------------------------------------------------------------------------

const REDIRECT_STATUS = { redirect: 302, permanent: 301 }

function compileRule(step: Extract<RewriteStep, { kind: "rewrite" }>, parts: RewriteParts): Step {
  const { flag, replacement } = step
  const regex = parts.regexOf(step.pattern, false)
  const dropsArgs = replacement.endsWith("?")
  const text = dropsArgs ? replacement.slice(0, -1) : replacement
  const isAddress = /^(https?:\/\/|\$scheme)/.test(replacement)
  const status = flag === "redirect" || flag === "permanent" ? REDIRECT_STATUS[flag] : isAddress ? 302 : null
  const make =
    status === null ? compileChange(text, dropsArgs, parts) : compileRedirect(text, dropsArgs, status, parts)
  return (call, state, context) => {
    const match = regex.exec(state.uri)
    if (match === "limit") return overrun()
    if (!keepMatch(state, regex, match)) return null
    state.isInternal = true
    state.isRewritten = true
    state.hasLeftPrefix = flag === "break"
    state.isUriChanged = flag !== "break"
    const answer = make(call, state, context)
    return answer ?? (flag === null ? null : "stop")
  }
}

function compileRedirect(text: string, dropsArgs: boolean, status: number, { table }: RewriteParts): Step {
  const template = compileTemplate(text, "none", escapingCaptures(table))
  return (call, state, { env }) => {
    const address = unescapeRedirect(template.render(call.record, env))
    const args = dropsArgs || state.args === "" ? "" : `${text.includes("?") ? "&" : "?"}${state.args}`
    const location: Template = literalTemplate("")
    return redirectTo(status, address + args, location)
  }
}

/** `octets` are the address as it is to be sent. */
function redirectTo(status: number, octets: string, template: Template): ReturnAction {
  const rendered: Template = { ...template, constant: octets, render: () => octets }
  return { kind: "return", status, template: rendered, contentType: "", grpcStatus: null, grpcMessage: null }
}

function compileChange(text: string, dropsArgs: boolean, { table, templateOf }: RewriteParts): Step {
  const mark = text.indexOf("?")
  const path = templateOf(mark < 0 ? text : text.slice(0, mark))
  const query = mark < 0 ? null : compileTemplate(text.slice(mark + 1), "none", escapingCaptures(table))
  return (call, state, { env }) => {
    const uri = path.render(call.record, env)
    if (query !== null) {
      const args = query.render(call.record, env)
      state.args = dropsArgs || state.args === "" ? args : `${args}&${state.args}`
    } else if (dropsArgs) state.args = ""
    if (uri === "") return failure("internal", "the rewritten path is empty", true)
    state.uri = uri
    return null
  }
}

/** nginx escapes what a capture holds where the path had escapes or a `+`. */
function escapingCaptures(table: VariableSource): VariableSource {
  return {
    find(name) {
      const variable = table.find(name)
      if (variable === undefined || !/^[1-9]$/.test(name)) return variable
      return (record, env) => {
        const value = variable(record, env)
        const path = record.path.split("?", 1)[0]!
        return value !== undefined && /[%+]/.test(path) ? escapeArgument(value) : value
      }
    },
  }
}

/** nginx's NGX_UNESCAPE_REDIRECT: what need not be escaped before the query is not. */
function unescapeRedirect(address: string): string {
  const mark = address.indexOf("?")
  const path = mark < 0 ? address : address.slice(0, mark)
  const plain = path.replace(/%([0-9A-Fa-f]{2})/g, (whole, hex: string) => {
    const code = Number.parseInt(hex, 16)
    return code > 0x25 && code < 0x7f ? String.fromCharCode(code) : whole
  })
  return plain + (mark < 0 ? "" : address.slice(mark))
}
