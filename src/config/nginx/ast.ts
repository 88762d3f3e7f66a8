/** Where a word stands in its file; the unit of every message about it. */
export interface Span {
  file: string
  /** From 1. */
  line: number
  /** From 1, in UTF-16 code units. */
  column: number
  /** In UTF-16 code units of the source, quotes included; a word over several lines is cut at its first. */
  length: number
}

/** One parameter, quotes and escapes undone, variables untouched. */
export interface Word {
  text: string
  span: Span
}

/** `name args;` or `name args { block }`. */
export interface Directive {
  name: Word
  args: Word[]
  /** Null: ended by `;`. */
  block: Directive[] | null
  /** Something in its block was reported and left out: what seems to be missing may not be. */
  partial?: true
  /** Its `;` is missing before a `}` or the end of the file, which was reported: it is taken where it is right. */
  unterminated?: true
}

/** The place of a whole directive without its block: from its name to its last argument on the same line. */
export function spanOf({ name, args }: Directive): Span {
  let end = name.span.column + name.span.length
  for (const { span } of args) if (span.line === name.span.line) end = span.column + span.length
  return { ...name.span, length: end - name.span.column }
}

/** The last thing written before the `;` or `{`. */
export function lastWordOf({ name, args }: Directive): Word {
  return args.at(-1) ?? name
}
