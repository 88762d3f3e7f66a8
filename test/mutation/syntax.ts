import { parseSync } from "vite"

/** A node of the ESTree that the parser makes; what else it has depends on its type. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/** The syntax tree of a TypeScript module. Errors: throws when the text is none. */
export function parse(name: string, text: string): Node {
  const { program, errors } = parseSync(name, text, {
    lang: "ts",
    sourceType: "module",
    preserveParens: false,
  })
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]!.message}`)
  return program as unknown as Node
}

/** Types are gone when the program runs: nothing in them is of interest. Expressions such as `x as T` hold code. */
export function isType(node: Node): boolean {
  return node.type.startsWith("TS") && !node.type.endsWith("Expression")
}

/** The nodes right under `node`, in the order of the text. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = []
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) for (const one of value) addNode(children, one)
    else addNode(children, value)
  }
  return children.sort((a, b) => a.start - b.start)
}

function addNode(to: Node[], value: unknown): void {
  if (typeof value === "object" && value !== null && typeof (value as Node).type === "string")
    to.push(value as Node)
}

/** Pieces of text put into another, by position. Of two at one place the first put stands first. */
export class Inserts {
  readonly #inserts: { at: number; text: string }[] = []

  put(at: number, text: string): void {
    this.#inserts.push({ at, text })
  }

  applyTo(text: string): string {
    let result = ""
    let from = 0
    for (const { at, text: piece } of this.#inserts.toSorted((a, b) => a.at - b.at)) {
      result += text.slice(from, at) + piece
      from = at
    }
    return result + text.slice(from)
  }
}
