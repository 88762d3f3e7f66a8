/** Prose of Markdown in lines of at most 120 columns. Run by hand it wraps the files it is given. */
import { readFileSync, writeFileSync } from "node:fs"

const COLUMNS = 120

const FENCE = /^\s*(```|~~~)/
/** Lines that stand as they are: tables, headings, HTML, targets of links. */
const AS_IT_IS = /^(\||#|\s*<|\[[^\]]+\]:)/
const MARKER = /^\s*(?:[-*]\s+|\d+\.\s+|>\s?)/
/** What may not be broken: a link, a span of code, a word. */
const PIECES = /(?:!?\[(?:[^\][]|\[[^\]]*\])*\]\([^)\s]*\)|`[^`]*`|\S)+/g
/** Begins something else where it begins a line. */
const BEGINS_BLOCK = /^\s*(?:[-*+]\s|\d+\.\s|[#>])/

/** Paragraphs and items whose lines are short enough stay as they are, and all else that is no prose does. */
export function wrapProse(text: string): string {
  const lines = text.split("\n")
  const wrapped: string[] = []
  let isCode = false
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!
    if (FENCE.test(line)) isCode = !isCode
    if (isCode || FENCE.test(line) || AS_IT_IS.test(line) || line.trim() === "") {
      wrapped.push(line)
      at++
      continue
    }
    let end = at + 1
    while (end < lines.length && goesOn(lines[end]!, line)) end++
    const block = lines.slice(at, end)
    wrapped.push(...(block.every(({ length }) => length <= COLUMNS) ? block : wrapBlock(block)))
    at = end
  }
  return wrapped.join("\n")
}

function goesOn(next: string, first: string): boolean {
  if (next.trim() === "" || FENCE.test(next) || AS_IT_IS.test(next)) return false
  const isQuote = /^\s*>/.test(first)
  return isQuote ? next.startsWith(">") : !MARKER.test(next)
}

function wrapBlock(block: readonly string[]): string[] {
  const marker = MARKER.exec(block[0]!)?.[0] ?? /^\s*/.exec(block[0]!)![0]
  const isQuote = marker.includes(">")
  const indent = isQuote ? marker : " ".repeat(marker.length)
  const text = block.map((line) => line.replace(MARKER, "").trim()).join(" ")
  const lines: string[] = []
  let line = marker
  for (const [piece] of text.matchAll(PIECES)) {
    const isFresh = line === marker || line === indent
    const longer = isFresh ? line + piece : `${line} ${piece}`
    if (longer.length <= COLUMNS || isFresh) {
      line = longer
      continue
    }
    lines.push(line)
    line = indent + piece
  }
  lines.push(line)
  return keepInside(lines, indent)
}

/** A line that would begin a list or a heading takes the last word of the one before it. */
function keepInside(lines: string[], indent: string): string[] {
  for (let at = 1; at < lines.length; at++) {
    const rest = lines[at]!.slice(indent.length)
    if (!BEGINS_BLOCK.test(rest)) continue
    const before = lines[at - 1]!
    const space = before.lastIndexOf(" ")
    lines[at - 1] = before.slice(0, space)
    lines[at] = `${indent}${before.slice(space + 1)} ${rest}`
  }
  return lines
}

if (import.meta.main) {
  for (const path of process.argv.slice(2)) writeFileSync(path, wrapProse(readFileSync(path, "utf8")))
}
