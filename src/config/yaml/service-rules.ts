import { didYouMean } from "../problem.ts"
import { type Fault, fault, type Path } from "./faults.ts"

type Map_ = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is Map_ =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Wherever services are asked, their clusters are there. `used` gets their names; `clusters` null: they cannot be told. */
export function checkServices(
  input: Map_,
  path: Path,
  { clusters, used }: { readonly clusters: ReadonlySet<string> | null; readonly used: Set<string> },
  faults: Fault[],
): void {
  for (const key of ["extAuthz", "rateLimitService"]) {
    const service = input[key]
    if (!isMap(service) || typeof service.cluster !== "string") continue
    used.add(service.cluster)
    if (clusters === null || clusters.has(service.cluster)) continue
    const message = `there is no cluster "${service.cluster}"`
    faults.push(fault([...path, key, "cluster"], message, didYouMean(service.cluster, clusters)))
  }
  for (const key of ["servers", "routes", "steps", "rewrite"])
    for (const [index, inner] of (Array.isArray(input[key]) ? input[key] : []).entries())
      if (isMap(inner)) checkServices(inner, [...path, key, index], { clusters, used }, faults)
  for (const key of ["except", "route"])
    if (isMap(input[key])) checkServices(input[key], [...path, key], { clusters, used }, faults)
}
