import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { parseSync } from "vite"
import { COUNTS_NAME, type Coverage } from "./coverage.ts"

const SOURCES = new URL("../../../src/", import.meta.url).href
/** What a literal has to be to help as a piece of an input. */
const LITERAL_OCTETS_MAX = 40

/** A node of the ESTree that the parser makes; what else it has depends on its type. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/**
 * Counts the blocks of every module under src whose path begins with one of `paths`, from its first import on, and
 * hands the strings and numbers in it to `onLiteral`. A block is the body of a function, either way of an `if`, a `?:`
 * or a logical operator, a loop's body, a `case` or a `catch`. Line numbers stay as they are; Node strips the types.
 */
export function instrument(
  paths: readonly string[],
  coverage: Coverage,
  onLiteral: (literal: string | number) => void,
): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!paths.some((path) => url.startsWith(SOURCES + path))) return loaded
      const text = readFileSync(fileURLToPath(url), "utf8")
      return { ...loaded, source: withCounts(url, text, () => coverage.newBlock(), onLiteral) }
    },
  })
}

/** The text of a module with its blocks counted. Errors: throws when it is no TypeScript. */
export function withCounts(
  name: string,
  text: string,
  newBlock: () => number,
  onLiteral: (literal: string | number) => void,
): string {
  const { program, errors } = parseSync(name, text, { lang: "ts", sourceType: "module" })
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]!.message}`)
  const marks = new Marks(newBlock, onLiteral)
  marks.visit(program as unknown as Node)
  return `const __c=globalThis.${COUNTS_NAME};${marks.apply(text)}`
}

/** What is put where in a module's text. */
class Marks {
  readonly #inserts: { at: number; text: string }[] = []
  readonly #newBlock: () => number
  readonly #onLiteral: (literal: string | number) => void

  constructor(newBlock: () => number, onLiteral: (literal: string | number) => void) {
    this.#newBlock = newBlock
    this.#onLiteral = onLiteral
  }

  visit(node: Node): void {
    if (node.type.startsWith("TS") && !node.type.endsWith("Expression")) return
    const closing = this.#open(node)
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) for (const one of value) this.#visitChild(one)
      else this.#visitChild(value)
    }
    // After what was put into the node, so that texts at one place nest.
    for (const { at, text } of closing) this.#put(at, text)
  }

  apply(text: string): string {
    // The sort is stable: of two texts at one place, the first put stands first.
    const inserts = this.#inserts.toSorted((a, b) => a.at - b.at)
    let result = ""
    let at = 0
    for (const insert of inserts) {
      result += text.slice(at, insert.at) + insert.text
      at = insert.at
    }
    return result + text.slice(at)
  }

  #visitChild(value: unknown): void {
    if (typeof value === "object" && value !== null && typeof (value as Node).type === "string")
      this.visit(value as Node)
  }

  /** Opens the blocks that `node` begins; what closes them is returned. */
  #open(node: Node): { at: number; text: string }[] {
    switch (node.type) {
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return this.#body(node.body as Node | null)
      case "IfStatement":
        return this.#if(node)
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "WhileStatement":
      case "DoWhileStatement":
      case "CatchClause":
        return this.#body(node.body as Node)
      case "ConditionalExpression":
        // Both alternatives come after the test, so both may be opened before either is visited.
        return [...this.#body(node.consequent as Node), ...this.#body(node.alternate as Node)]
      case "LogicalExpression":
        return this.#body(node.right as Node)
      case "SwitchCase": {
        const [first] = node.consequent as Node[]
        if (first !== undefined) this.#put(first.start, this.#count())
        return []
      }
      case "Literal":
        this.#literal(node.value)
        return []
      case "TemplateElement":
        this.#literal((node.value as { cooked: unknown }).cooked)
        return []
      default:
        return []
    }
  }

  #if(node: Node): { at: number; text: string }[] {
    const consequent = node.consequent as Node
    const closing = this.#body(consequent)
    if (node.alternate !== null) return [...closing, ...this.#body(node.alternate as Node)]
    return [...closing, { at: consequent.end, text: `else{${this.#count()}}` }]
  }

  /** Counts a block statement, a statement or an expression. */
  #body(body: Node | null): { at: number; text: string }[] {
    if (body === null) return []
    if (body.type === "BlockStatement") {
      this.#put(body.start + 1, this.#count())
      return []
    }
    if (body.type.endsWith("Statement")) {
      this.#put(body.start, `{${this.#count()}`)
      return [{ at: body.end, text: "}" }]
    }
    this.#put(body.start, `(${this.#count().replace(";", ",")}`)
    return [{ at: body.end, text: ")" }]
  }

  #count(): string {
    return `__c[${this.#newBlock()}]++;`
  }

  #put(at: number, text: string): void {
    this.#inserts.push({ at, text })
  }

  #literal(value: unknown): void {
    if (typeof value === "string" && value.length > 0 && value.length <= LITERAL_OCTETS_MAX)
      this.#onLiteral(value)
    else if (typeof value === "number" && Number.isInteger(value)) this.#onLiteral(value)
  }
}
