/** Tokens to directives. Every problem is reported and reading goes on behind it, at the next `;` or brace. */
import { type Directive, lastWordOf, type Span, type Word } from "./ast.ts"
import { Lexer } from "./lexer.ts"
import { holdsLines, lineOf } from "./line.ts"
import { isLuaBlock } from "./lua.ts"
import { otherFormatHint } from "./other-format.ts"
import type { Report } from "./report.ts"
import { isPlaceholder, templateHint } from "./unfilled.ts"

/** Blocks within blocks; far beyond what anyone writes, so that later passes may recurse. */
const DEPTH_MAX = 64

interface OpenBlock {
  /** Null: the braces belong to nothing that can be used. */
  owner: Directive | null
  span: Span
  directives: Directive[]
  hasLines: boolean
}

/**
 * Reads one file's text. Never throws; what could not be read is left out and reported.
 *
 * @param isLines it is included where lines are: in a `map` and its like
 */
export function parse(text: string, file: string, report: Report, isLines = false): Directive[] {
  const lexer = new Lexer(text, file, report)
  const top: Directive[] = []
  const open: OpenBlock[] = []
  let words: Word[] = []
  let broken = false

  let hasLines = isLines

  const directivesHere = () => open.at(-1)?.directives ?? top
  const unterminated = (): void => {
    if (words.length === 0 || broken) return
    // What of a template is not filled in is told of as such.
    if (!isPlaceholder(words[0]!.text)) reportUnterminated(words, report)
    statement(null)!.unterminated = true
  }
  const statement = (block: Directive[] | null, isLine = false): Directive | null => {
    const [name, ...args] = words
    const usable = name !== undefined && !broken
    const line = usable && isLine ? lineOf(words) : null
    words = []
    broken = false
    if (!usable) return null
    const directive: Directive = line ?? { name, args, block }
    directivesHere().push(directive)
    return directive
  }

  for (;;) {
    if (hasLines && words.length === 0 && !broken) {
      const line = lexer.plainLine()
      if (line !== null) {
        words = line
        statement(null, hasLines)
        continue
      }
    }
    const token = lexer.next()
    if (token === null) break
    switch (token.kind) {
      case "word":
        words.push(token.word)
        break
      case "broken":
        broken = true
        break
      case ";":
        if (words.length === 0 && !broken) report.error(token.span, 'unexpected ";"')
        else statement(null, hasLines)
        break
      case "{": {
        if (words.length === 0 && !broken) report.error(token.span, 'unexpected "{"')
        const lua = words.findLast(({ text }) => isLuaBlock(text))
        if (lua !== undefined) {
          statement([])
          if (lexer.skipLua()) break
          report.error(lua.span, `the Lua of "${lua.text}" does not end: a "}" is missing`)
          return top
        }
        if (open.length === DEPTH_MAX) {
          report.error(token.span, `more than ${DEPTH_MAX} blocks within each other`)
          return top
        }
        const directives: Directive[] = []
        const owner = statement(directives)
        hasLines = owner !== null && holdsLines(owner.name.text)
        open.push({ owner, span: token.span, directives, hasLines })
        break
      }
      case "}":
        unterminated()
        words = []
        broken = false
        if (open.pop() === undefined) report.error(token.span, 'unexpected "}"')
        hasLines = open.at(-1)?.hasLines ?? isLines
        break
    }
  }
  unterminated()
  reportEnd(lexer, open, report)
  return top
}

function reportUnterminated(words: Word[], report: Report): void {
  const directive: Directive = { name: words[0]!, args: words.slice(1), block: null }
  const { span } = lastWordOf(directive)
  const { text } = directive.name
  report.error(
    span,
    `directive "${text}" is not terminated by ";"`,
    otherFormatHint(text) ?? templateHint(text),
  )
}

function reportEnd(lexer: Lexer, open: OpenBlock[], report: Report): void {
  const block = open.at(-1)
  if (block === undefined) return
  const name = block.owner === null ? '"{"' : `"${block.owner.name.text}"`
  report.error(
    lexer.end(),
    'unexpected end of file, expecting "}"',
    `${name} opened on line ${block.span.line}`,
  )
}
