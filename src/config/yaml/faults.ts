/** What is wrong with an input, by path: what zod found, in our words, and what `rules.ts` found. */
import type { z } from "zod"
import { didYouMean, type Severity } from "../problem.ts"
import { namesGiven } from "./declared.ts"
import { schema } from "./schema.ts"

export type Path = readonly (string | number)[]

export interface Fault {
  severity: Severity
  path: Path
  /** Whether the key or the value at `path` is to be pointed at. */
  at: "key" | "value"
  message: string
  hint: string | null
  /** The part of a text value that is meant. */
  within?: { offset: number; length: number }
  /** A variable that is not known, unless the input makes it. */
  variable?: string
}

export function fault(
  path: Path,
  message: string,
  hint: string | null = null,
  at: Fault["at"] = "value",
): Fault {
  return { severity: "error", path, at, message, hint }
}

/** Everything by which a value differs from the schema's shape; empty when it conforms. */
export function shapeFaults(input: unknown): Fault[] {
  const result = schema.safeParse(input, { reportInput: true })
  if (result.success) return []
  const found = result.error.issues.flatMap((issue) => faultsOf(issue, []))
  if (!found.some(({ variable }) => variable !== undefined)) return found
  const given = namesGiven(input)
  return found.filter(({ variable }) => variable === undefined || !given.has(variable.toLowerCase()))
}

/** `servers[0].routes[1].cluster`. */
export function pathText(path: Path): string {
  let text = ""
  for (const step of path) text += typeof step === "number" ? `[${step}]` : text === "" ? step : `.${step}`
  return text
}

type Issue = z.core.$ZodIssue

function faultsOf(issue: Issue, base: Path): Fault[] {
  const path = [...base, ...(issue.path as (string | number)[])]
  const name = path.length === 0 ? "the file" : `"${lastName(path)}"`
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) =>
        fault([...path, key], `unknown key "${key}"`, didYouMean(key, keysAt(path)), "key"),
      )
    case "invalid_union":
      return unionFaults(issue, path, name)
    case "invalid_key":
      return [fault(path, `${name} ${issue.issues[0]?.message ?? issue.message}`, null, "key")]
    case "custom":
      return [customFault(issue, path, name)]
    case "invalid_type":
      if (issue.input === undefined) return [fault(path, `${name} is missing`, null, "key")]
      return [fault(path, `${name} ${typeMessage(issue)}, not ${described(issue.input)}`)]
    case "invalid_value": {
      const hint = typeof issue.input === "string" ? didYouMean(issue.input, issue.values.map(String)) : null
      return [fault(path, `${name} must be ${listed(issue.values)}, not ${described(issue.input)}`, hint)]
    }
    case "too_small":
    case "too_big":
      return [fault(path, `${name} ${boundMessage(issue)}`)]
    default:
      return [fault(path, `${name} ${issue.message}, not ${described(issue.input)}`)]
  }
}

/** `schema.ts` says in `params` which part of a template is wrong. */
function customFault(issue: Extract<Issue, { code: "custom" }>, path: Path, name: string): Fault {
  if (issue.params === undefined) return fault(path, `${name} ${issue.message}`)
  const { offset, length, hint, variable } = issue.params as {
    offset: number
    length: number
    hint: string | null
    variable: string | null
  }
  const found = { ...fault(path, issue.message, hint), within: { offset, length } }
  return variable === null ? found : { ...found, variable }
}

/** The branch that was meant is the one whose own type fits; its faults are told. Else the union's own words. */
function unionFaults(issue: Extract<Issue, { code: "invalid_union" }>, path: Path, name: string): Fault[] {
  if (issue.input === undefined) return [fault(path, `${name} is missing`, null, "key")]
  const meant = issue.errors.filter((branch) => branch.every((one) => !isMismatch(one)))
  if (meant.length === 1) return meant[0]!.flatMap((one) => faultsOf(one, path))
  return [fault(path, `${name} ${issue.message}, not ${described(issue.input)}`)]
}

/** The value is of another kind altogether than the branch asks for. */
function isMismatch(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === "invalid_union") return issue.errors.every((branch) => branch.some(isMismatch))
  return issue.code === "invalid_type" || (issue.code === "invalid_value" && issue.values.length === 1)
}

function typeMessage({ message, expected }: Extract<Issue, { code: "invalid_type" }>): string {
  if (!message.startsWith("Invalid input")) return message
  return `must be ${EXPECTED[expected] ?? expected}`
}

const EXPECTED: Record<string, string> = {
  int: "a whole number",
  number: "a whole number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
  tuple: "a pair",
}

function boundMessage(issue: Extract<Issue, { code: "too_small" | "too_big" }>): string {
  if (!/^(Too|Invalid)/.test(issue.message)) return issue.message
  const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`
  if (issue.origin === "array")
    return issue.code === "too_small" ? "must not be empty" : `must have ${bound} entries`
  return `must be ${bound}, not ${described(issue.input)}`
}

function described(value: unknown): string {
  if (value === null) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a map"
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    return `a ${typeof value}`
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function listed(values: readonly unknown[]): string {
  const texts = values.map(String)
  return texts.length < 2 ? (texts[0] ?? "") : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`
}

function lastName(path: Path): string {
  const last = path.findLastIndex((step) => typeof step === "string")
  return pathText(path.slice(Math.max(last, 0)))
}

/** The keys that any map at `path` may have. */
function keysAt(path: Path): string[] {
  let here: z.core.$ZodType[] = unwrapped(schema)
  for (const step of path) here = here.flatMap((one) => below(one, step))
  return here.flatMap((one) => (isObject(one) ? Object.keys(one._zod.def.shape) : []))
}

function below(type: z.core.$ZodType, step: string | number): z.core.$ZodType[] {
  const { def } = (type as z.core.$ZodTypes)._zod
  if (def.type === "object" && typeof step === "string")
    return Object.hasOwn(def.shape, step) ? unwrapped(def.shape[step]!) : []
  if (def.type === "array" && typeof step === "number") return unwrapped(def.element)
  return def.type === "record" ? unwrapped(def.valueType) : []
}

function unwrapped(type: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (type as z.core.$ZodTypes)._zod
  if (def.type === "optional") return unwrapped(def.innerType)
  return def.type === "union" ? def.options.flatMap(unwrapped) : [type]
}

function isObject(type: z.core.$ZodType): type is z.core.$ZodObject {
  return (type as z.core.$ZodTypes)._zod.def.type === "object"
}
