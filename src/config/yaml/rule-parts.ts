/** What the rules of HTTP and of TCP have in common. */
import { octetText } from "../../base/octet-text.ts"
import { compileRegex, Regex } from "../../regex/regex.ts"
import { serverNameProblem } from "../server-name.ts"
import { type ZoneKind, zoneKindOf } from "../shared-model.ts"
import { type Fault, fault, type Path } from "./faults.ts"

export type Map_ = Readonly<Record<string, unknown>>

export function checkRegex(pattern: string, path: Path, faults: Fault[]): void {
  const regex = compileRegex(octetText(pattern))
  if (!(regex instanceof Regex)) faults.push(fault(path, `not a regex: ${regex.error}`))
  else if (regex.explosion !== null && !regex.isLinear)
    faults.push({
      ...fault(
        path,
        `a text can be made for which this regex takes ${regex.explosion} time: such a request is answered 500`,
        "after limits.regexSteps; without lookaround, references and atomic groups it would take linear time",
      ),
      severity: "warning",
    })
}

export function known(names: ReadonlySet<string>): string | null {
  return names.size === 0 || names.size > 8
    ? null
    : `there is ${[...names].map((name) => `"${name}"`).join(", ")}`
}

export function* clustersOf(input: unknown): Iterable<[name: string, path: Path, cluster: unknown]> {
  if (isMap(input))
    for (const [name, cluster] of Object.entries(input)) yield [name, ["clusters", name], cluster]
  if (!Array.isArray(input)) return
  for (const [index, cluster] of input.entries()) {
    if (isMap(cluster) && typeof cluster.name === "string") yield [cluster.name, ["clusters", index], cluster]
  }
}

export function listOf(input: unknown): unknown[] {
  return input === undefined ? [] : Array.isArray(input) ? input : [input]
}

export function isMap(input: unknown): input is Map_ {
  return typeof input === "object" && input !== null && !Array.isArray(input)
}

export function zoneNames(input: unknown): Record<`${"request" | "stream" | "message"}Limits`, Set<string>> {
  const zones = (Array.isArray(input) ? input : []).filter(isMap)
  const named = (kind: ZoneKind) => {
    const ofKind = zones.filter(({ rate, counts }) => {
      const given = {
        rate: rate === undefined ? null : 1,
        ...(counts !== undefined && { ofMessages: true as const }),
      }
      return zoneKindOf(given) === kind
    })
    return new Set(ofKind.map(({ name }) => String(name)))
  }
  return {
    requestLimits: named("requests"),
    streamLimits: named("streams"),
    messageLimits: named("messages"),
  }
}

export function checkName(name: string, path: Path, faults: Fault[]): void {
  const problem = serverNameProblem(name)
  if (problem !== null)
    faults.push({ ...fault(path, problem.message, problem.hint), severity: problem.severity })
  else if (name.startsWith("~")) checkRegex(name.slice(1), path, faults)
}

export function checkVariables(input: unknown, at: Path, faults: Fault[]): void {
  for (const [index, variable] of (Array.isArray(input) ? input : []).entries()) {
    if (!isMap(variable) || variable.map === undefined) continue
    const path = [...at, index, "values"]
    const entries: [string | number, unknown][] = Array.isArray(variable.values)
      ? [...variable.values.entries()].map(([at, pair]) => [at, Array.isArray(pair) ? pair[0] : pair])
      : Object.keys(isMap(variable.values) ? variable.values : {}).map((key) => [key, key])
    for (const [at, key] of entries)
      if (typeof key === "string" && key.startsWith("~"))
        checkRegex(key.replace(/^~\*?/, ""), [...path, at], faults)
  }
}
