/** What becomes of each server and location of a file: told at the end of `sluice check`. */
import type { Problem } from "../problem.ts"
import type { Directive } from "./ast.ts"

/** A `server` or `location`; the lines of a location within it are not its own. */
export interface Block {
  readonly name: string
  /** Of locations within each other. */
  readonly depth: number
  readonly file: string
  readonly line: number
  readonly directive: Directive
}

export type BlockVerdict = "runs" | "runs with differences" | "stops the file"

/** In file order, servers before their locations. */
export function blocksOf(directives: readonly Directive[]): Block[] {
  return directives.flatMap((directive): Block[] => {
    const { name, block } = directive
    if (block === null) return []
    if (name.text === "http") return blocksOf(block)
    if (name.text === "stream")
      return block
        .filter((inner) => inner.name.text === "server" && inner.block !== null)
        .flatMap((inner) => blocksIn(inner, 0, "listen", "stream server"))
    return name.text === "server" ? blocksIn(directive, 0) : []
  })
}

/** @param namedBy what a server is told by */
function blocksIn(directive: Directive, depth: number, namedBy = "server_name", kind?: string): Block[] {
  const { name, args, block } = directive
  const { file, line } = name.span
  const named = block!.filter((inner) => inner.name.text === namedBy)
  const names = named.flatMap((inner) => (namedBy === "listen" ? inner.args.slice(0, 1) : inner.args))
  const shown = (name.text === "server" ? names : args).map(({ text }) => text).join(" ")
  const inner = block!.filter((each) => each.name.text === "location" && each.block !== null)
  return [
    { name: `${kind ?? name.text} ${shown}`.trim(), depth, file, line, directive },
    ...inner.flatMap((each) => blocksIn(each, depth + 1)),
  ]
}

/** What becomes of each block, by what is said of its lines. */
export function verdictsOf(blocks: readonly Block[], problems: readonly Problem[]): BlockVerdict[] {
  const worst = new Map<string, BlockVerdict>()
  for (const { file, line, severity } of problems) {
    const place = `${file}:${line}`
    if (severity === "error") worst.set(place, "stops the file")
    else if (severity === "warning" && !worst.has(place)) worst.set(place, "runs with differences")
  }
  if (worst.size === 0) return blocks.map(() => "runs")
  return blocks.map(({ directive }) => {
    let found: BlockVerdict = "runs"
    for (const place of placesOf(directive)) {
      const verdict = worst.get(place)
      if (verdict === "stops the file") return verdict
      if (verdict !== undefined) found = verdict
    }
    return found
  })
}

/** `file:line` of a directive and of what is in it, less the locations. */
function* placesOf({ name, args, block }: Directive): Generator<string> {
  let last = 0
  for (const { span } of [name, ...args]) {
    if (span.line !== last) yield `${span.file}:${span.line}`
    last = span.line
  }
  for (const inner of block ?? []) if (inner.name.text !== "location") yield* placesOf(inner)
}

/**
 * The directives with 501 in place of what the locations do that cannot run, and what was said of those as warnings. Null:
 * an error stands elsewhere, or there is none.
 */
export function withoutFailing(
  directives: readonly Directive[],
  problems: readonly Problem[],
): { directives: Directive[]; told: Problem[] } | null {
  const errors = problems.filter(({ severity }) => severity === "error")
  const blocks = blocksOf(directives)
  const verdicts = verdictsOf(blocks, errors)
  const failing = blocks.filter(({ depth }, index) => depth > 0 && verdicts[index] === "stops the file")
  const places = new Set(failing.flatMap(({ directive }) => [...placesOf(directive)]))
  if (errors.length === 0 || !errors.every(({ file, line }) => places.has(`${file}:${line}`))) return null
  const stopped = new Set(failing.map(({ directive }) => directive))
  const told = errors.map((problem): Problem => {
    return { ...problem, severity: "warning", hint: "this location answers 501 (--serve-what-runs)" }
  })
  return { directives: replaced(directives, stopped), told }
}

function replaced(directives: readonly Directive[], stopped: ReadonlySet<Directive>): Directive[] {
  return directives.map((directive) => {
    if (stopped.has(directive)) return { ...directive, block: [answer501(directive)] }
    return directive.block === null ? directive : { ...directive, block: replaced(directive.block, stopped) }
  })
}

function answer501({ name }: Directive): Directive {
  const word = (text: string) => ({ text, span: name.span })
  return { name: word("return"), args: [word("501")], block: null }
}
