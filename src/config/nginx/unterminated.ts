import type { Directive, Word } from "./ast.ts"
import { innerContext } from "./check.ts"
import type { Context, DirectiveSpec } from "./directives/spec.ts"
import { specsOf } from "./directives/table.ts"
import { isLuaBlock } from "./lua.ts"
import type { Report } from "./report.ts"

/**
 * The directives of a file with an end where a `;` before a block was forgotten, at every level: before anything else is
 * made of them, so that the block is where it belongs for all who look.
 *
 * @param contexts what the block is
 */
export function terminated(
  directives: Directive[],
  contexts: readonly Context[],
  report: Report,
): Directive[] {
  return directives.flatMap((each) =>
    split(each, contexts, report).map((directive) => {
      const inner = directive.block === null ? null : innerContext(directive.name.text, contexts)
      return inner === null
        ? directive
        : { ...directive, block: terminated(directive.block!, [inner], report) }
    }),
  )
}

/**
 * Directives and the block that follows them, where the `;` between was forgotten: told where it is missing, and each is
 * looked into as if it were there. A name on a line of its own begins the next one, and so does that of a block anywhere.
 */
function split(directive: Directive, contexts: readonly Context[], report: Report): Directive[] {
  const { name, args, block } = directive
  const isHere = (spec: DirectiveSpec) => spec.contexts.some((each) => contexts.includes(each))
  const takesBlock = ({ text }: Word) => isLuaBlock(text) || specsOf(text).some((spec) => spec.block === true)
  if (block === null || isLuaBlock(name.text)) return [directive]
  if (specsOf(name.text).some((spec) => isHere(spec) && spec.block !== false)) return [directive]
  const parts: Word[][] = [[name]]
  for (const [index, word] of args.entries()) {
    const isFirst = word.span.line > (args[index - 1] ?? name).span.line
    if (takesBlock(word) || (isFirst && specsOf(word.text).some(isHere))) parts.push([word])
    else parts.at(-1)!.push(word)
  }
  if (parts.length === 1 || !takesBlock(parts.at(-1)![0]!)) return [directive]
  return parts.map(([first, ...rest], index): Directive => {
    const isLast = index === parts.length - 1
    const end = rest.at(-1) ?? first!
    if (!isLast) report.error(end.span, `directive "${first!.text}" is not terminated by ";"`)
    const isKnown = specsOf(first!.text).length > 0
    return {
      name: first!,
      args: rest,
      block: isLast ? block : null,
      ...(!isLast && isKnown && { unterminated: true as const }),
    }
  })
}
