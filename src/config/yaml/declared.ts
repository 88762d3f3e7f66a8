/** `variables`: what a file makes of others, as nginx's `map`, `geo` and `split_clients`. */
import { z } from "zod"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import { parseNetwork, parseRange } from "../../record/networks.ts"

const name = z.string().regex(/^\w+$/, { error: "must be the name of a variable, without its $" })
const network = z.string().refine((text) => parseNetwork(text) !== null || parseRange(text) !== null, {
  error: 'must be a network such as "10.0.0.0/8", or a range such as "10.0.0.1-10.0.0.9"',
})
const path = z.array(z.string()).min(1)
const VARIABLE_ERROR =
  'must be a map with "map", "geo", "split", "jwtClaim", "jwtHeader", "invalidReferer", "secureLink" or "secureLinkPath", which is the name of the variable'

/** @param template text with variables */
export function variableSchema(template: z.ZodType<string, string>) {
  const pairs = <Key extends z.ZodType<string, string>>(key: Key, value: z.ZodType<string, string>) =>
    z.union([z.record(z.string(), value), z.array(z.tuple([key, value]))], {
      error: "must be a map, or a list of pairs",
    })
  const fallback = template.optional().describe("Where nothing fits.")
  return z
    .union(
      [
        z.strictObject({
          map: name.describe("The variable that is made."),
          of: template.describe("What is looked up."),
          values: pairs(z.string(), template).describe(
            "Texts, ~regexes and ~*regexes, and what each becomes.",
          ),
          default: fallback,
          hostnames: z.boolean().optional().describe("Keys may be *.example.com, .example.com or www.*."),
          volatile: z.boolean().optional().describe("Looked up each time, not once for a request."),
        }),
        z.strictObject({
          geo: name.describe("The variable that is made."),
          of: template.optional().describe("The address; $remote_addr unless written."),
          values: pairs(network, z.string()).describe("Networks or ranges, and what each becomes."),
          default: z.string().optional(),
          proxies: z.array(network).optional().describe("Whose X-Forwarded-For is believed."),
          proxyRecursive: z.boolean().optional(),
        }),
        z.strictObject({
          jwtClaim: name.describe("The variable that is made."),
          of: path.describe("Names of the claim, from the top of the token's JSON."),
        }),
        z.strictObject({
          jwtHeader: name.describe("The variable that is made."),
          of: path.describe("Names of the member, from the top of the token's header."),
        }),
        z.strictObject({
          invalidReferer: name.describe(
            "The variable that is made: empty, or 1 where the Referer is none of these.",
          ),
          none: z.boolean().optional().describe("Requests without one are valid."),
          blocked: z.boolean().optional().describe("So is one without http:// or https://."),
          hosts: z
            .array(z.tuple([z.string(), z.string()]))
            .optional()
            .describe("Hosts, and what the path begins with; an empty text: any path."),
          regexes: z.array(z.string()).optional().describe("Of what follows the scheme."),
          hostRegexes: z.array(z.string()).optional().describe("Of the host."),
        }),
        z.strictObject({
          secureLink: name.describe(
            "The variable that is made: empty, 0 where it has expired, 1 where it holds.",
          ),
          of: template.describe("What comes to a hash and, behind a comma, the second at which it expires."),
          md5: template.optional().describe("What was hashed; unless written, the variable is that second."),
        }),
        z.strictObject({
          secureLinkPath: name.describe(
            "The variable that is made: of /x/hash/link as it was received, the link where the hash is right.",
          ),
          secret: z.string().describe("What was hashed behind the link."),
        }),
        z.strictObject({
          split: name.describe("The variable that is made."),
          of: template.describe("What is hashed."),
          parts: z
            .array(z.tuple([z.union([z.number().positive().max(100), z.literal("rest")]), z.string()]))
            .describe("Percents and what each becomes."),
        }),
      ],
      { error: VARIABLE_ERROR },
    )
    .meta({ id: "Variable" })
}

export type VariableInput = z.input<ReturnType<typeof variableSchema>>

const pairsOf = (input: Record<string, string> | [string, string][]): [string, string][] =>
  Array.isArray(input) ? input : Object.entries(input)

export function readVariable(input: VariableInput): DeclaredVariable {
  if ("map" in input) {
    const { map, of, values, hostnames = false, volatile = false } = input
    return {
      kind: "map",
      name: map,
      source: of,
      entries: pairsOf(values),
      default: input.default ?? "",
      hostnames,
      volatile,
    }
  }
  if ("geo" in input) {
    const { geo, of = "$remote_addr", values, proxies = [], proxyRecursive = false } = input
    return {
      kind: "geo",
      name: geo,
      source: of,
      entries: pairsOf(values),
      default: input.default ?? "",
      proxies,
      proxyRecursive,
    }
  }
  if ("invalidReferer" in input) {
    const {
      invalidReferer,
      none = false,
      blocked = false,
      hosts = [],
      regexes = [],
      hostRegexes = [],
    } = input
    return { kind: "referers", name: invalidReferer, none, blocked, hosts, regexes, hostRegexes }
  }
  if ("secureLinkPath" in input)
    return { kind: "secureLinkPath", name: input.secureLinkPath, secret: input.secret }
  if ("secureLink" in input)
    return { kind: "secureLink", name: input.secureLink, of: input.of, md5: input.md5 ?? null }
  if ("jwtClaim" in input) return { kind: "token", name: input.jwtClaim, of: "claim", path: input.of }
  if ("jwtHeader" in input) return { kind: "token", name: input.jwtHeader, of: "header", path: input.of }
  const parts = input.parts.map(([percent, value]): [number | null, string] => [
    percent === "rest" ? null : percent,
    value,
  ])
  return { kind: "split", name: input.split, source: input.of, parts }
}

export function writeVariable(variable: DeclaredVariable): Record<string, unknown> {
  if (variable.kind === "split") {
    const { name, source, parts } = variable
    return { split: name, of: source, parts: parts.map(([percent, value]) => [percent ?? "rest", value]) }
  }
  if (variable.kind === "referers") {
    const { name, none, blocked, hosts, regexes, hostRegexes } = variable
    const lists = {
      ...(hosts.length > 0 && { hosts }),
      ...(regexes.length > 0 && { regexes }),
      ...(hostRegexes.length > 0 && { hostRegexes }),
    }
    return { invalidReferer: name, ...(none && { none }), ...(blocked && { blocked }), ...lists }
  }
  if (variable.kind === "secureLinkPath") return { secureLinkPath: variable.name, secret: variable.secret }
  if (variable.kind === "secureLink")
    return {
      secureLink: variable.name,
      of: variable.of,
      ...(variable.md5 !== null && { md5: variable.md5 }),
    }
  if (variable.kind === "token") {
    const { name, of, path: names } = variable
    return { [of === "claim" ? "jwtClaim" : "jwtHeader"]: name, of: names }
  }
  const { name, source, entries } = variable
  const keys = entries.map(([key]) => key)
  const fitsMap =
    new Set(keys).size === keys.length && !keys.some((key) => /^\d+$/.test(key) || key === "__proto__")
  const values = fitsMap ? Object.fromEntries(entries) : entries
  const fallback = variable.default === "" ? {} : { default: variable.default }
  if (variable.kind === "map") {
    const { hostnames, volatile } = variable
    return {
      map: name,
      of: source,
      values,
      ...fallback,
      ...(hostnames && { hostnames }),
      ...(volatile && { volatile }),
    }
  }
  const { proxies, proxyRecursive } = variable
  return {
    geo: name,
    ...(source !== "$remote_addr" && { of: source }),
    values,
    ...fallback,
    ...(proxies.length > 0 && { proxies }),
    ...(proxyRecursive && { proxyRecursive }),
  }
}

/** Names that an input of any shape gives to variables: what it declares, sets, and the groups of its regexes. */
export function namesGiven(input: unknown, names = new Set<string>(), depth = 0): Set<string> {
  if (typeof input === "string") {
    if (input.includes("(?"))
      for (const [, group] of input.matchAll(/\(\?P?[<']([A-Za-z_]\w*)[>']/g)) names.add(group!.toLowerCase())
  } else if (typeof input === "object" && input !== null && depth < DEPTH_MAX) {
    for (const [key, value] of Object.entries(input)) {
      if (NAMING.has(key) && typeof value === "string") names.add(value.toLowerCase())
      // Those that `access.request` sets.
      if (key === "set" && typeof value === "object" && value !== null)
        for (const name of Object.keys(value)) names.add(name.toLowerCase())
      if (depth > 0 && key.includes("(?")) namesGiven(key, names)
      namesGiven(value, names, depth + 1)
    }
  }
  return names
}

const NAMING = new Set([
  "map",
  "geo",
  "split",
  "set",
  "jwtClaim",
  "jwtHeader",
  "invalidReferer",
  "secureLink",
  "secureLinkPath",
])
const DEPTH_MAX = 64
