import { join, sep } from "node:path"

/** True when a path has anything that glob(3) expands. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path)
}

/**
 * The paths that match a pattern of `*`, `?` and `[...]`, in the order of their names, as glob(3) gives them to nginx.
 * A leading dot must be written; no wildcard crosses a `/`.
 *
 * @param list the names in a directory; empty when there is none
 */
export function expandGlob(pattern: string, list: (directory: string) => readonly string[]): string[] {
  const segments = pattern.split("/")
  let paths = [segments[0] === "" ? sep : ""]
  if (segments[0] === "") segments.shift()
  for (const segment of segments) {
    paths = paths.flatMap((path) => {
      if (!isGlob(segment)) return [join(path, segment)]
      const matcher = segmentMatcher(segment)
      return list(path === "" ? "." : path)
        .filter((name) => matcher(name))
        .sort()
        .map((name) => join(path, name))
    })
    if (paths.length > PATHS_MAX) paths.length = PATHS_MAX
  }
  return paths
}

/** More files than anyone includes; a pattern must not walk a whole disk. */
const PATHS_MAX = 10_000

function segmentMatcher(segment: string): (name: string) => boolean {
  const source = segment.replace(/\[!?\]?[^\]]*\]|[\s\S]/g, (part) => {
    if (part === "*") return "[^]*"
    if (part === "?") return "[^]"
    if (part.length > 1)
      return `[${part[1] === "!" ? "^" : ""}${escapeClass(part.slice(part[1] === "!" ? 2 : 1, -1))}]`
    return part.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&")
  })
  const regex = new RegExp(`^${source.replace(/(\[\^\]\*)+/g, "[^]*")}$`)
  return (name) => (!name.startsWith(".") || segment.startsWith(".")) && regex.test(name)
}

function escapeClass(inner: string): string {
  return inner.replace(/[\\\]^]/g, "\\$&")
}
