import { isAbsolute, join, resolve } from "node:path"
import type { ClusterConfig, RouteMatch, ZoneConfig } from "../../model.ts"
import type { TextRule } from "../../proxy-model.ts"
import type { Directive, Span, Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import type { Variables } from "../variables.ts"
import { LevelChecks } from "./level-checks.ts"
import { type LogFormat, predefinedFormats } from "./log-formats.ts"

/** What all parts of one translation share. */
export interface Adapter {
  readonly report: Report
  /** `tcp`: of what stands in `stream {}`. */
  readonly protocol: "http" | "tcp"
  readonly variables: Variables
  /** Of the main file; relative paths of certificates and logs are taken from there. */
  readonly directory: string
  /** By name in lower case: nginx looks them up so. */
  readonly formats: Map<string, LogFormat>
  /** By name in lower case; those of `grpc_pass host:port` too. */
  readonly clusters: Map<string, ClusterConfig>
  /** Of `limit_req_zone` and `limit_conn_zone`. */
  readonly zones: ZoneConfig[]
  /** `client_max_body_size` directives that were warned of. */
  readonly bodyLimitsTold: Set<Directive>
  /** What each level with a `proxy_pass` makes of its backend's redirects. */
  readonly redirects: Map<Scope, TextRule[]>
  /** What each location matches. */
  readonly matches: Map<Scope, RouteMatch>
  readonly levelChecks: LevelChecks
  /** Where each file is first named. */
  readonly places: Map<string, Span>
}

export function createAdapter(
  shared: Pick<Adapter, "report" | "variables" | "directory" | "protocol">,
): Adapter {
  return {
    ...shared,
    formats: shared.protocol === "http" ? predefinedFormats() : new Map(),
    clusters: new Map(),
    zones: [],
    bodyLimitsTold: new Set(),
    redirects: new Map(),
    matches: new Map(),
    levelChecks: new LevelChecks(),
    places: new Map(),
  }
}

/** A path as nginx finds it, but from the main file's directory whatever it is for. */
export function fullPath({ directory, places }: Adapter, { text, span }: Word): string {
  const path = isAbsolute(text) ? text : join(directory, text)
  if (!places.has(path)) places.set(path, span)
  return path
}

/** A path that may have variables. What they come to may not climb out of it, so it is absolute then. */
export function saidPath(adapter: Adapter, word: Word): string {
  if (word.text.startsWith("$")) return word.text
  const path = fullPath(adapter, word)
  return path.includes("$") ? resolve(path) : path
}

/** The path of a certificate or key; null when it is something else than a file. */
export function filePath(adapter: Adapter, word: Word): string | null {
  if (/^(engine|data|store):/.test(word.text) || word.text.includes("$")) {
    adapter.report.error(word.span, `"${word.text}" is not supported: only a plain file is`)
    return null
  }
  return fullPath(adapter, word)
}
