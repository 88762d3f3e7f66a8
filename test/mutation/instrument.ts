import { type Change, changesOf, type Kind } from "./operators.ts"
import { childrenOf, Inserts, isType, type Node, parse } from "./syntax.ts"

/** One change of the source, under a number that switches it on. */
export interface Mutant {
  readonly id: number
  /** Relative to the root of the project. */
  readonly file: string
  /** From 1 on. */
  readonly line: number
  readonly kind: Kind
  /** The text that changes and what it becomes, on one line each. */
  readonly before: string
  readonly after: string
}

/** `a < b → a <= b`; `left out: a()`. */
export function describeChange({ before, after }: Mutant): string {
  return after === "" ? `left out: ${before}` : `${before} → ${after}`
}

/** The names under which a module with mutants in it finds what it needs. */
export const SWITCHES = "__mutants"

const LOOPS: ReadonlySet<string> = new Set([
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
])
const PRELUDE = `const {isOn:__on,step:__step}=globalThis.${SWITCHES};`

/**
 * The text of a module that holds all of its mutants at once, each behind a switch, and counts the turns of its loops.
 * Lines stay as they are. `firstId`: of the first mutant; the others follow it.
 */
export function withMutants(
  file: string,
  text: string,
  firstId: number,
): { text: string; mutants: Mutant[] } {
  const program = parse(file, text)
  const changes = changesOf(program, text)
  const mutants = changes.map((change, index) => describe(file, text, change, firstId + index))
  const byNode = new Map<Node, number[]>()
  for (const [index, { node }] of changes.entries()) byNode.set(node, [...(byNode.get(node) ?? []), index])
  const inserts = new Inserts()
  const alternatives = (node: Node): string =>
    byNode
      .get(node)!
      .filter((index) => changes[index]!.text !== null)
      .map((index) => `__on(${firstId + index})?(${changes[index]!.text}):`)
      .join("")
  const visit = (node: Node): void => {
    if (isType(node)) return
    const known = byNode.get(node)
    const removal = known?.find((index) => changes[index]!.text === null)
    if (removal !== undefined) inserts.put(node.start, `{if(!__on(${firstId + removal})){`)
    else if (known !== undefined) inserts.put(node.start, `(${alternatives(node)}`)
    const closeLoop = openLoop(node, inserts)
    for (const child of childrenOf(node)) visit(child)
    closeLoop?.()
    if (removal !== undefined) inserts.put(node.end, "}}")
    else if (known !== undefined) inserts.put(node.end, ")")
  }
  visit(program)
  return { text: PRELUDE + inserts.applyTo(text), mutants }
}

/** The text of a module that counts the turns of its loops alone. */
export function withSteps(file: string, text: string): string {
  const inserts = new Inserts()
  const visit = (node: Node): void => {
    if (isType(node)) return
    const closeLoop = openLoop(node, inserts)
    for (const child of childrenOf(node)) visit(child)
    closeLoop?.()
  }
  visit(parse(file, text))
  return PRELUDE + inserts.applyTo(text)
}

/** Loops whose body is a bare statement get a block: what closes it is returned, to be called after the body. */
function openLoop(node: Node, inserts: Inserts): (() => void) | undefined {
  if (!LOOPS.has(node.type)) return undefined
  const body = node.body as Node
  if (body.type === "BlockStatement") {
    inserts.put(body.start + 1, "__step();")
    return undefined
  }
  inserts.put(body.start, "{__step();")
  return () => inserts.put(body.end, "}")
}

function describe(file: string, text: string, { node, kind, text: after }: Change, id: number): Mutant {
  const line = text.slice(0, node.start).split("\n").length
  const before = oneLine(text.slice(node.start, node.end))
  return { id, file, line, kind, before, after: after === null ? "" : oneLine(after) }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ")
}
