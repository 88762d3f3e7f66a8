import { join, sep } from "node:path"
import { octetText } from "../../base/octet-text.ts"
import { POSIX_CLASSES } from "./posix-classes.ts"

/** True when a path has anything that glob(3) expands. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path)
}

/**
 * The paths that match a pattern of `*`, `?` and `[...]`, in the order of their names, as glob(3) gives them to nginx:
 * octet by octet, since nginx sets no locale. A backslash takes the next character as it is, a leading dot must be
 * written, no wildcard crosses a `/`.
 *
 * @param list the names in a directory; empty when there is none
 */
export function expandGlob(pattern: string, list: (directory: string) => readonly string[]): string[] {
  const segments = pattern.split("/")
  let paths = [segments[0] === "" ? sep : ""]
  let isFound = false
  if (segments[0] === "") segments.shift()
  for (const segment of segments) {
    paths = paths.flatMap((path) => {
      if (!isGlob(segment)) {
        const name = segment.replace(/\\(.)/gs, "$1")
        // Not every directory that a pattern found has it.
        const isThere = !isFound || /^\.{0,2}$/.test(name) || list(path).includes(name)
        return isThere ? [join(path, name)] : []
      }
      const matcher = segmentMatcher(segment)
      return list(path === "" ? "." : path)
        .filter((name) => matcher(name))
        .sort()
        .map((name) => join(path, name))
    })
    isFound ||= isGlob(segment)
    if (paths.length > PATHS_MAX) paths.length = PATHS_MAX
  }
  return paths
}

/** More files than anyone includes; a pattern must not walk a whole disk. */
const PATHS_MAX = 10_000

/** One step of a pattern: any run of octets, or one that a test takes. */
type Test = (octet: string) => boolean
type Step = "*" | Test

/** In time of pattern times name, whatever the pattern: only the last `*` is ever tried again. */
function segmentMatcher(segment: string): (name: string) => boolean {
  const steps = stepsOf(octetText(segment))
  const startsWithDot = /^\\?\./.test(segment)
  return (name) => {
    if (name.startsWith(".") && !startsWithDot) return false
    const characters = octetText(name)
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
  const steps: Step[] = []
  for (let at = 0; at < segment.length; ) {
    const found = segment[at] === "[" ? readClass(segment, at + 1) : null
    if (found !== null) {
      steps.push(found.test)
      at = found.end
    } else if (segment[at] === "*") {
      steps.push("*")
      at++
    } else if (segment[at] === "?") {
      steps.push(() => true)
      at++
    } else {
      if (segment[at] === "\\") at++
      const written = segment[at++]
      steps.push((octet) => octet === written)
    }
  }
  return steps
}

/** After a `[`; null where no `]` ends it. */
function readClass(segment: string, start: number): { test: Test; end: number } | null {
  const isNegated = segment[start] === "!" || segment[start] === "^"
  const first = isNegated ? start + 1 : start
  const members: Test[] = []
  for (let at = first; at < segment.length; ) {
    if (segment[at] === "]" && at > first) {
      const test: Test = (octet) => members.some((member) => member(octet)) !== isNegated
      return { test: members.includes(nothing) ? nothing : test, end: at + 1 }
    }
    const named = match(/\[:([a-z]+):\]/y, segment, at)
    if (named !== null) {
      const octets = POSIX_CLASSES.get(named[1]!)
      const regex = new RegExp(`[${octets}]`)
      members.push(octets === undefined ? nothing : (octet) => regex.test(octet))
      at += named[0].length
      continue
    }
    const range = match(RANGE, segment, at)
    if (range === null) return null
    const [low, high] = [range.slice(1, 5), range.slice(5)].map((spellings) => spellings.find(Boolean))
    members.push((octet) => low! <= octet && octet <= (high ?? low!))
    at += range[0].length
  }
  return null
}

/** A class that is none: glob(3) then matches nothing at all. */
const nothing: Test = () => false

/** One octet, which may be escaped or stand in `[. .]`, or a range of them; or one in `[= =]`. */
const ONE = /\[\.(.)\.\]|\\(.)|([^\\])/s.source
const RANGE = new RegExp(`\\[=(.)=\\]|(?:${ONE})(?:-(?!\\])(?:${ONE}))?`, "sy")

function match(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(text)
}
