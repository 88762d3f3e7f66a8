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

/** One step of a pattern: any run of characters, or one that a test takes. */
type Step = "*" | ((character: string) => boolean)

/** In time of pattern times name, whatever the pattern: only the last `*` is ever tried again. */
function segmentMatcher(segment: string): (name: string) => boolean {
  const steps = stepsOf(segment)
  return (name) => {
    if (name.startsWith(".") && !segment.startsWith(".")) return false
    const characters = Array.from(name)
    let at = 0
    let step = 0
    let star = -1
    let starAt = 0
    while (at < characters.length) {
      const current = steps[step]
      if (current === "*") {
        star = step++
        starAt = at
      } else if (current?.(characters[at]!) === true) {
        step++
        at++
      } else if (star >= 0) {
        step = star + 1
        at = ++starAt
      } else return false
    }
    return steps.slice(step).every((rest) => rest === "*")
  }
}

function stepsOf(segment: string): Step[] {
  return Array.from(segment.matchAll(/\[(!?)(\]?[^\]]*)\]|./gsu), ([part, negated, inner]): Step => {
    if (part === "*") return "*"
    if (part === "?") return () => true
    if (inner === undefined) return (character) => character === part
    return (character) => isInClass(character, Array.from(inner)) === (negated === "")
  })
}

/** @param inner what stands between the brackets: characters, and ranges `a-z` */
function isInClass(character: string, inner: string[]): boolean {
  for (let at = 0; at < inner.length; at++) {
    const isRange = inner[at + 1] === "-" && at + 2 < inner.length
    if (isRange && inner[at]! <= character && character <= inner[at + 2]!) return true
    if (!isRange && inner[at] === character) return true
    if (isRange) at += 2
  }
  return false
}
