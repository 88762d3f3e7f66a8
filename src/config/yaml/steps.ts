import type { RewriteStep, RewriteTest, RouteAction, RouteSettings } from "../model.ts"
import { COMPARING, type StepInput, type TestInput } from "./step-schema.ts"

type Variant = { action: RouteAction; settings: RouteSettings }
type Return = Extract<RouteAction, { kind: "return" }>

/** How the parts of steps read that are parts of routes too. */
export interface StepReaders {
  readReturn(input: unknown): Return
  readRoute(input: unknown): Variant
}

export interface StepWriters {
  writeReturn(action: Return): unknown
  writeRoute(route: Variant): unknown
}

export function readSteps(input: readonly StepInput[], readers: StepReaders): RewriteStep[] {
  return input.map((step): RewriteStep => {
    if ("set" in step) return { kind: "set", variable: step.set, template: step.to }
    if ("rewrite" in step)
      return { kind: "rewrite", pattern: step.rewrite, replacement: step.to, flag: step.flag ?? null }
    if ("break" in step) return { kind: "break" }
    if ("return" in step) return { kind: "return", action: readers.readReturn(step.return) }
    return {
      kind: "if",
      test: readTest(step),
      steps: readSteps(step.steps ?? [], readers),
      route: step.route === undefined ? null : readers.readRoute(step.route),
    }
  })
}

export function readTest({ if: value, is = "set", text = "" }: TestInput): RewriteTest {
  switch (is) {
    case "=":
    case "!=":
      return { operator: is, value, text }
    case "~":
    case "!~":
    case "~*":
    case "!~*":
      return { operator: is, value, pattern: text }
    default:
      return { operator: is, value }
  }
}

export function writeSteps(steps: readonly RewriteStep[], writers: StepWriters): unknown[] {
  return steps.map((step) => writeStep(step, writers))
}

function writeStep(step: RewriteStep, writers: StepWriters): unknown {
  switch (step.kind) {
    case "set":
      return { set: step.variable, to: step.template }
    case "rewrite":
      return {
        rewrite: step.pattern,
        to: step.replacement,
        ...(step.flag !== null && { flag: step.flag }),
      }
    case "break":
      return { break: true }
    case "return":
      return { return: writers.writeReturn(step.action) }
    case "if": {
      const { test, steps: inner, route } = step
      return {
        ...writeTest(test),
        ...(inner.length > 0 && { steps: writeSteps(inner, writers) }),
        ...(route !== null && { route: writers.writeRoute(route) }),
      }
    }
  }
}

export function writeTest(test: RewriteTest): TestInput {
  const text = "pattern" in test ? test.pattern : "text" in test ? test.text : ""
  return {
    if: test.value,
    ...(test.operator !== "set" && { is: test.operator }),
    ...(COMPARING.has(test.operator) && { text }),
  }
}
