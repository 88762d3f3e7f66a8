/**
 * Whether a file is sent at all: nginx's ngx_http_not_modified_filter and the `If-Range` of its range filter.
 */
import type { FilesConfig } from "../../config/files-model.ts"
import type { HeaderList } from "../../http2/header-list.ts"

/** What conditions are held beside. */
export interface Version {
  /** Null: none is said. */
  readonly etag: string | null
  readonly modifiedSeconds: number
}

/** 200: it is sent. */
export function statusOf(
  request: HeaderList,
  version: Version,
  modifiedSince: FilesConfig["ifModifiedSince"],
): 200 | 304 | 412 {
  const unmodified = request.get("if-unmodified-since")
  if (unmodified !== undefined && !(secondsOf(unmodified) >= version.modifiedSeconds)) return 412
  const match = request.get("if-match")
  if (match !== undefined && !names(match, version.etag, false)) return 412
  const since = request.get("if-modified-since")
  const noneMatch = request.get("if-none-match")
  if (since === undefined && noneMatch === undefined) return 200
  if (since !== undefined && isModified(secondsOf(since), version.modifiedSeconds, modifiedSince)) return 200
  return noneMatch === undefined || names(noneMatch, version.etag, true) ? 304 : 200
}

/** The `Range` that counts, if any does. */
export function rangeOf(request: HeaderList, { etag, modifiedSeconds }: Version): string | undefined {
  const range = request.get("range")
  const condition = request.get("if-range")
  if (condition === undefined) return range
  const isSame = condition.endsWith('"') ? condition === etag : secondsOf(condition) === modifiedSeconds
  return isSame ? range : undefined
}

function isModified(since: number, modified: number, compare: FilesConfig["ifModifiedSince"]): boolean {
  if (compare === "off") return true
  return compare === "exact" ? since !== modified : !(since >= modified)
}

/** Whether a list of entity tags has this one. `isWeak`: a weak tag counts too. */
function names(list: string, etag: string | null, isWeak: boolean): boolean {
  if (list.trim() === "*") return true
  if (etag === null) return false
  return list.split(",").some((each) => {
    const tag = each.trim()
    return tag === etag || (isWeak && tag === `W/${etag}`)
  })
}

/** NaN: it is no date. */
function secondsOf(date: string): number {
  return Date.parse(date) / 1000
}
