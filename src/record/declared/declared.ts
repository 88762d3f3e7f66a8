import { createHash } from "node:crypto"
import { compileRegex } from "../../regex/regex.ts"
import { claimText } from "../caller-token.ts"
import { compileTemplate } from "../template.ts"
import { VariableTable } from "../variable-table.ts"
import type { Variable } from "../variables.ts"
import { geoVariable } from "./geo.ts"
import { mapVariable } from "./map.ts"
import { type ReferersVariable, referersVariable } from "./referers.ts"
import {
  type SecureLinkPathVariable,
  type SecureLinkVariable,
  secureLinkPathVariable,
  secureLinkVariable,
} from "./secure-link.ts"
import { splitVariable } from "./split-clients.ts"

/** A variable that the configuration makes of others. Names are without the dollar sign, `source` is a template. */
export type DeclaredVariable =
  | MapVariable
  | GeoVariable
  | SplitVariable
  | TokenVariable
  | ReferersVariable
  | SecureLinkVariable
  | SecureLinkPathVariable

/** nginx: `map`. */
export interface MapVariable {
  kind: "map"
  name: string
  source: string
  /** Keys are texts, without regard to case, or `~regex` and `~*regex`, tried in order after them. Values are templates. */
  entries: [key: string, value: string][]
  /** A template. */
  default: string
  /** Keys may be `*.example.com`, `.example.com` or `www.example.*`. */
  hostnames: boolean
  /** It is looked up each time that it is used, rather than once for a request. */
  volatile: boolean
}

/** nginx: `geo`. */
export interface GeoVariable {
  kind: "geo"
  name: string
  /** Of the address that is looked up. */
  source: string
  /** Networks, `10.0.0.0/8`, or ranges, `10.0.0.1-10.0.0.9`. The longest network counts; of ranges, the last that was written. */
  entries: [network: string, value: string][]
  default: string
  /** Networks of proxies, whose X-Forwarded-For is believed. */
  proxies: string[]
  /** Proxies behind proxies are passed over too. */
  proxyRecursive: boolean
}

/** nginx: `split_clients`. */
export interface SplitVariable {
  kind: "split"
  name: string
  source: string
  /** Percents to two decimal places; null: all that is left. */
  parts: [percent: number | null, value: string][]
}

/** nginx: `auth_jwt_claim_set`, `auth_jwt_header_set`. */
export interface TokenVariable {
  kind: "token"
  name: string
  of: "claim" | "header"
  /** Names from the top of the JSON. */
  path: string[]
}

export interface DeclaredOptions {
  /** Most steps of one regex. */
  stepsMax: number
  /** See `findVariable`. */
  underscores?: boolean
}

/**
 * The variables of a configuration.
 *
 * @param set names that are set in the course of a request: by `set`, by named groups of regexes
 * Errors: throws on what a configuration's check finds fault with.
 */
export function makeVariableTable(
  declared: readonly DeclaredVariable[],
  set: Iterable<string>,
  { stepsMax, underscores = false }: DeclaredOptions,
): VariableTable {
  const names = [...set]
  const isPlain = declared.length + names.length === 0
  const table = new VariableTable(isPlain ? "" : idOf(declared, names), underscores)
  const late = { find: (name: string) => table.find(name) ?? table.late(name) }
  const template = (source: string) => compileTemplate(source, "none", late)
  const regex = (pattern: string, isCaseless: boolean) => {
    const compiled = compileRegex(pattern, { isCaseless, stepsMax })
    if ("error" in compiled) throw new Error(`regex "${pattern}": ${compiled.error}`)
    return compiled
  }
  for (const one of declared) {
    const { name } = one
    if (one.kind === "map") table.declare(name, mapVariable(one, template, regex), one.volatile)
    else if (one.kind === "geo") table.declare(name, geoVariable(one, template), false)
    else if (one.kind === "split") table.declare(name, splitVariable(one, template), false)
    else if (one.kind === "referers") table.declare(name, referersVariable(one, regex), false)
    else if (one.kind === "secureLink") table.declare(name, secureLinkVariable(one, template), false)
    else if (one.kind === "secureLinkPath") table.declare(name, secureLinkPathVariable(one, template), false)
    else table.declare(name, tokenVariable(one), true)
  }
  for (const name of names) table.declareSet(name)
  return table
}

function tokenVariable({ of, path }: TokenVariable): Variable {
  if (of === "header") return ({ state }) => claimText(state?.token?.header, path)
  return ({ state }) => claimText(state?.token?.claims, path)
}

function idOf(declared: readonly DeclaredVariable[], names: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([declared, names]))
    .digest("hex")
}
