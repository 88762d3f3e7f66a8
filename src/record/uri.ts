/**
 * The `$uri` of nginx: the path without its query, percent-decoded once, `//` merged, `.` and `..` resolved.
 * Locations are matched against it; what is forwarded is the path as received.
 *
 * Shape:  octet strings in and out (one octet per character, as in `HeaderList`).
 * `keepsSlashes`: of `merge_slashes off`, `//` stays.
 * Errors: null for a broken or zero escape, and for a path that climbs above `/`; nginx answers those with 400.
 */
export function normalizeUri(path: string, keepsSlashes = false): string | null {
  const end = path.search(/[?#]/)
  const raw = end < 0 ? path : path.slice(0, end)
  if (raw.charCodeAt(0) !== SLASH || !/%|\/[./]/.test(raw)) return raw
  const decoded = raw.includes("%") ? percentDecode(raw) : raw
  return decoded === null ? null : resolveSegments(decoded, keepsSlashes)
}

/** The query without its `?`; empty when there is none. */
export function queryOf(path: string): string {
  const mark = path.indexOf("?")
  return mark < 0 ? "" : path.slice(mark + 1)
}

/** A decoded `$uri` as a request line takes it: nginx's ngx_escape_uri. */
export function escapeUri(uri: string): string {
  return /[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]/.test(uri)
    ? uri.replace(/[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]/g, percent)
    : uri
}

/** A value as one argument of a query takes it: nginx's NGX_ESCAPE_ARGS. */
export function escapeArgument(value: string): string {
  return value.replace(/[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]/g, percent)
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
}

const SLASH = 0x2f

function percentDecode(text: string): string | null {
  let out = ""
  let from = 0
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", from)) {
    const high = hexDigit(text.charCodeAt(at + 1))
    const low = hexDigit(text.charCodeAt(at + 2))
    if (high < 0 || low < 0 || high + low === 0) return null
    out += text.slice(from, at) + String.fromCharCode(high * 16 + low)
    from = at + 3
  }
  return out + text.slice(from)
}

/** -1 for anything else, NaN included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function resolveSegments(path: string, keepsSlashes: boolean): string | null {
  const segments = path.split("/")
  const kept: string[] = []
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!
    if (segment === "..") {
      if (kept.pop() === undefined) return null
    } else if (segment === "" ? keepsSlashes && i < segments.length - 1 : segment !== ".") kept.push(segment)
  }
  const last = segments.at(-1)!
  const directory = last === "" || last === "." || last === ".."
  return `/${kept.join("/")}${directory && kept.length > 0 ? "/" : ""}`
}
