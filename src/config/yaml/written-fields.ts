import { octetText } from "../../base/octet-text.ts"
import { type WrittenTo, writtenFieldProblem } from "../../record/written-field.ts"
import { type Fault, fault, type Path } from "./faults.ts"

/** Warns of headers that are not sent as they are written. `settings` may be of the file, a server or a route. */
export function checkWrittenFields(
  settings: Readonly<Record<string, unknown>>,
  path: Path,
  faults: Fault[],
): void {
  for (const [key, to] of [
    ["setHeaders", "request"],
    ["addHeaders", "response"],
    ["addTrailers", "response"],
  ] as const)
    for (const [name, value, place] of fieldsOf(settings[key], [...path, key]))
      check(name, value, to, place, faults)
}

function check(name: string, value: string, to: WrittenTo, path: Path, faults: Fault[]): void {
  const problem = writtenFieldProblem(name, octetText(value), to)
  if (problem === null) return
  faults.push({ ...fault(path, problem.message, problem.hint), severity: "warning" })
}

/** Both are a map, or a list: of pairs, or of maps with `name` and `value`. */
function* fieldsOf(input: unknown, path: Path): Generator<[name: string, value: string, path: Path]> {
  if (typeof input !== "object" || input === null) return
  if (!Array.isArray(input)) {
    for (const [name, value] of Object.entries(input))
      if (typeof value === "string") yield [name, value, [...path, name]]
    return
  }
  for (const [index, entry] of (input as unknown[]).entries()) {
    if (typeof entry !== "object" || entry === null) continue
    const { name, value } = entry as { name?: unknown; value?: unknown }
    const [first, second] = Array.isArray(entry) ? (entry as unknown[]) : [name, value]
    if (typeof first === "string" && typeof second === "string") yield [first, second, [...path, index]]
  }
}
