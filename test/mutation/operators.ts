import { childrenOf, isType, type Node } from "./syntax.ts"

/** One way to break a place of the source: other text for an expression, or the removal of a statement. */
export interface Change {
  readonly node: Node
  readonly kind: Kind
  /** The text that takes the node's place; null where the statement is left out. */
  readonly text: string | null
}

/** What sort of mistake a change imitates. */
export type Kind =
  | "boundary"
  | "condition"
  | "arithmetic"
  | "assignment"
  | "constant"
  | "return"
  | "statement"
  | "call"
  | "case"

const BOUNDARY: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" }
const COMPARING: ReadonlySet<string> = new Set([...Object.keys(BOUNDARY), "===", "!==", "==", "!="])
const ARITHMETIC: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "**": "*",
  "<<": ">>",
  ">>": "<<",
  ">>>": "<<",
  "&": "|",
  "|": "&",
  "^": "&",
}
const ASSIGNMENT: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(ARITHMETIC).map(([from, to]) => [`${from}=`, `${to}=`])),
  "??=": "=",
}
/** Functions that are easily taken for one another. */
const CALLS: Readonly<Record<string, string>> = {
  min: "max",
  max: "min",
  floor: "ceil",
  ceil: "floor",
  some: "every",
  every: "some",
  startsWith: "endsWith",
  endsWith: "startsWith",
}
/** Methods whose result is of the receiver's type: forgetting the call is a mistake that type checks. */
const DROPPED_CALLS: ReadonlySet<string> = new Set([
  "toLowerCase",
  "toUpperCase",
  "trim",
  "trimStart",
  "trimEnd",
  "slice",
  "subarray",
  "filter",
  "toSorted",
  "toReversed",
])
/** A longer row of numbers is a table: tests compare it with its source, and each number would cost a load. */
const TABLE_LENGTH = 16

/** Every change that the operators make of a module, in the order of the text. */
export function changesOf(program: Node, text: string): Change[] {
  const finder = new Finder(text)
  finder.visit(program, null)
  return finder.changes.sort((a, b) => a.node.start - b.node.start)
}

class Finder {
  readonly changes: Change[] = []
  readonly #text: string
  /** Conditions whose changes were made where they are used. */
  readonly #done = new Set<Node>()

  constructor(text: string) {
    this.#text = text
  }

  visit(node: Node, parent: Node | null): void {
    if (isType(node) || node.type === "ImportDeclaration") return
    this.#look(node, parent)
    for (const child of childrenOf(node)) {
      const isName = (child === node.key || child === node.property) && node.computed !== true
      if (!isName) this.visit(child, node)
    }
  }

  #look(node: Node, parent: Node | null): void {
    switch (node.type) {
      case "IfStatement":
      case "ConditionalExpression":
        return this.#condition(node.test as Node, true)
      case "WhileStatement":
      case "DoWhileStatement":
      case "ForStatement":
        if (node.test !== null) this.#condition(node.test as Node, false)
        return
      case "LogicalExpression":
      case "BinaryExpression":
        return this.#binary(node)
      case "UnaryExpression":
        return this.#unary(node)
      case "UpdateExpression":
        return this.#add(node, "assignment", this.#swap(node, node.operator === "++" ? "--" : "++"))
      case "AssignmentExpression":
        return this.#assignment(node)
      case "Literal":
        return this.#literal(node, parent)
      case "CallExpression":
        return this.#call(node)
      case "ReturnStatement":
        return node.argument === null ? this.#statement(node, parent) : this.#result(node.argument as Node)
      case "ArrowFunctionExpression":
        if (node.expression === true) this.#result(node.body as Node)
        return
      case "ExpressionStatement":
      case "ThrowStatement":
      case "BreakStatement":
      case "ContinueStatement":
        return this.#statement(node, parent)
      case "SwitchCase":
        if (node.test !== null) this.#add(node.test as Node, "case", "NaN")
        return
      default:
    }
  }

  #add(node: Node, kind: Kind, text: string | null): void {
    this.changes.push({ node, kind, text })
  }

  #textOf(node: Node): string {
    return this.#text.slice(node.start, node.end)
  }

  /**
   * A condition comes out true, or false. In a chain of `&&` each part is true by itself, in one of `||` false: the other
   * way is the whole chain's. A loop that never ends tells nothing, so loops have no `true`.
   */
  #condition(node: Node, mayBeTrue: boolean): void {
    if (node.type === "Literal") return
    if (mayBeTrue) this.#add(node, "condition", "true")
    this.#add(node, "condition", "false")
    this.#parts(node)
  }

  #parts(node: Node): void {
    this.#done.add(node)
    if (node.type === "LogicalExpression" && node.operator !== "??") {
      for (const part of [node.left as Node, node.right as Node]) {
        if (part.type !== "LogicalExpression" || part.operator !== node.operator)
          this.#add(part, "condition", node.operator === "&&" ? "true" : "false")
        this.#parts(part)
      }
    } else if (node.type === "BinaryExpression") this.#boundary(node)
    else if (node.type === "UnaryExpression" && node.operator === "!") this.#parts(node.argument as Node)
  }

  #boundary(node: Node): void {
    const other = BOUNDARY[node.operator as string]
    if (other !== undefined) this.#add(node, "boundary", this.#exchange(node, other))
  }

  #binary(node: Node): void {
    if (this.#done.has(node)) {
      this.#arithmetic(node)
      return
    }
    if (node.operator === "??") {
      this.#add(node, "condition", this.#textOf(node.left as Node))
      this.#add(node, "condition", this.#textOf(node.right as Node))
    } else if (node.type === "LogicalExpression" || COMPARING.has(node.operator as string))
      this.#condition(node, true)
    else this.#arithmetic(node)
  }

  #arithmetic(node: Node): void {
    const other = ARITHMETIC[node.operator as string]
    const isText = [node.left, node.right].some((side) => isString(side as Node))
    if (node.type === "BinaryExpression" && other !== undefined && !isText)
      this.#add(node, "arithmetic", this.#exchange(node, other))
  }

  /** The expression with another operator between its two sides. */
  #exchange(node: Node, operator: string): string {
    return `(${this.#textOf(node.left as Node)}) ${operator} (${this.#textOf(node.right as Node)})`
  }

  /** `x++` as `x--`, and so on: the operator stands on one side of the argument. */
  #swap(node: Node, operator: string): string {
    const argument = this.#textOf(node.argument as Node)
    return node.prefix === true ? `${operator}${argument}` : `${argument}${operator}`
  }

  #unary(node: Node): void {
    const { operator } = node
    if (operator === "!" && !this.#done.has(node)) this.#condition(node, true)
    else if (operator === "-" || operator === "~")
      this.#add(node, "arithmetic", this.#textOf(node.argument as Node))
  }

  #assignment(node: Node): void {
    const other = ASSIGNMENT[node.operator as string]
    if (other === undefined || isString(node.right as Node)) return
    const text = `${this.#textOf(node.left as Node)} ${other} ${this.#textOf(node.right as Node)}`
    this.#add(node, "assignment", text)
  }

  #literal(node: Node, parent: Node | null): void {
    const { value } = node
    if (parent?.type === "ArrayExpression" && (parent.elements as Node[]).length > TABLE_LENGTH) return
    if (typeof value === "boolean" && !this.#isTest(node, parent)) this.#add(node, "constant", String(!value))
    else if (typeof value === "number") this.#add(node, "constant", value === 1 ? "0" : String(value + 1))
  }

  #isTest(node: Node, parent: Node | null): boolean {
    return parent?.test === node
  }

  #call(node: Node): void {
    const callee = node.callee as Node
    if (callee.type !== "MemberExpression" || callee.computed === true) return
    const name = (callee.property as Node).name as string
    const object = callee.object as Node
    const other = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined
    const isMath = object.type === "Identifier" && object.name === "Math"
    if (other !== undefined && (isMath || other.length > 4)) {
      const { start } = callee.property as Node
      const rest = this.#text.slice(start + name.length, node.end)
      this.#add(node, "call", `${this.#text.slice(node.start, start)}${other}${rest}`)
    } else if (DROPPED_CALLS.has(name) && node.optional !== true && callee.optional !== true)
      this.#add(node, "call", this.#textOf(object))
  }

  /** What a function gives back comes out as null. Numbers, booleans and operators have changes of their own. */
  #result(node: Node): void {
    const own = ["Literal", "LogicalExpression", "BinaryExpression", "UnaryExpression", "UpdateExpression"]
    const isEmpty = node.type === "BlockStatement" || this.#textOf(node) === "undefined"
    if (!own.includes(node.type) && !isEmpty) this.#add(node, "return", "null")
  }

  /** Leaves a statement out. Where an `if` has no other one, its condition's `false` does the same. */
  #statement(node: Node, parent: Node | null): void {
    if (parent?.type === "IfStatement" && parent.alternate === null) return
    if (node.directive !== undefined && node.directive !== null) return
    const expression = node.expression as Node | undefined
    const callee = expression?.type === "CallExpression" ? (expression.callee as Node).type : undefined
    if (callee !== "Super") this.#add(node, "statement", null)
  }
}

function isString(node: Node): boolean {
  return node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string")
}
