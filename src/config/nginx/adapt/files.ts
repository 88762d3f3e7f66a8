/** `root`, `alias` and what goes with them: ngx_http_core_module, index, try_files, headers. */
import { existsSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { defaults } from "../../defaults-table.ts"
import { type FilesConfig, nginxTypes } from "../../files-model.ts"
import type { RouteAction, RouteMatch } from "../../model.ts"
import type { Directive } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import type { Adapter } from "./adapter.ts"

/**
 * The files of a level that leads nowhere else. Null: neither `root` nor `alias` holds there, and there is no `html` beside the
 * main file, which is nginx's own.
 *
 * @param match of the location; null: of a server
 */
export function adaptFiles(adapter: Adapter, scope: Scope, match: RouteMatch | null): RouteAction | null {
  const { report, variables } = adapter
  const found = rootOf(scope)
  const root = found === null ? defaultRoot(adapter) : fromDirectory(adapter, found.args[0]!.text)
  if (root === null || (found !== null && !variables.check(found.args[0]!, report))) return null
  const isAlias = found?.name.text === "alias"
  // A location within that of the alias keeps what that one replaces.
  const replaces = isAlias ? replacedBy(outerMatch(adapter, scope) ?? match) : 0
  const tryFiles = adaptTryFiles(adapter, scope)
  const files: FilesConfig = {
    root,
    replaces,
    index: adaptIndex(adapter, scope),
    tryFiles,
    types: adaptTypes(adapter, scope),
    defaultType: scope.one("default_type")?.args[0]?.text ?? defaults.files.defaultType.value,
    etag: scope.one("etag")?.args[0]?.text.toLowerCase() !== "off",
    ifModifiedSince: adaptModifiedSince(adapter, scope),
    maxRanges: readNumber(scope.one("max_ranges")?.args[0]?.text ?? "") ?? defaults.files.maxRanges.value,
  }
  return { kind: "files", files }
}

/** What a variable begins may be absolute. */
function fromDirectory({ directory }: Adapter, text: string): string {
  return isAbsolute(text) || text.startsWith("$") ? text : join(directory, text)
}

function defaultRoot({ directory }: Adapter): string | null {
  const html = join(directory, "html")
  return existsSync(html) ? html : null
}

/** Of the innermost level that has either. */
function rootOf(from: Scope): Directive | null {
  for (let scope: Scope | null = from; scope !== null; scope = scope.parent) {
    const found = scope.own("alias")[0] ?? scope.own("root")[0]
    if (found !== undefined) return found
  }
  return null
}

function outerMatch({ matches }: Adapter, from: Scope): RouteMatch | undefined {
  let scope: Scope | null = from
  while (scope !== null && scope.own("alias").length === 0) scope = scope.parent
  return scope === null ? undefined : matches.get(scope)
}

function replacedBy(match: RouteMatch | null): FilesConfig["replaces"] {
  return match?.kind === "prefix" || match?.kind === "exact" ? Buffer.byteLength(match.path) : "all"
}

function adaptIndex({ report, variables }: Adapter, scope: Scope): string[] {
  const words = scope.all("index").flatMap(({ args }) => args)
  if (words.length === 0) return [...defaults.files.index.value]
  return words.filter((word) => variables.check(word, report)).map(({ text }) => text)
}

/** Not inherited. */
function adaptTryFiles({ report, variables }: Adapter, scope: Scope): string[] {
  const words = scope.own("try_files")[0]?.args ?? []
  const last = words.at(-1)
  if (last?.text.startsWith("=")) {
    const status = readNumber(last.text.slice(1))
    if (status === null || status > 999) report.error(last.span, `invalid code "${last.text}"`)
  }
  return words.filter((word) => variables.check(word, report)).map(({ text }) => text)
}

export function adaptTypes({ report }: Adapter, scope: Scope): Record<string, string> {
  const blocks = scope.all("types")
  if (blocks.length === 0) return { ...nginxTypes }
  const types: Record<string, string> = {}
  for (const { name, args } of blocks.flatMap(({ block }) => block ?? [])) {
    if (args.length === 0) report.error(name.span, `no extension is written for "${name.text}"`)
    for (const { text } of args) types[text.toLowerCase()] = name.text
  }
  return types
}

const MODIFIED_SINCE = ["off", "exact", "before"] as const

function adaptModifiedSince({ report }: Adapter, scope: Scope): FilesConfig["ifModifiedSince"] {
  const word = scope.one("if_modified_since")?.args[0]
  const found = MODIFIED_SINCE.find((each) => each === word?.text)
  if (word !== undefined && found === undefined) report.error(word.span, `invalid value "${word.text}"`)
  return found ?? defaults.files.ifModifiedSince.value
}
